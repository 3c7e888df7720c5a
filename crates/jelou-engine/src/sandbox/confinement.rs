//! What one process is held to, prepared before the fork and put on between fork and exec.

use landlock::RulesetCreated;
use rustix::process::{Resource, Rlimit};
use rustix::thread::{Gid, Uid};

use super::filesystem::{self, FileRights};
use super::system_calls::{self, Filters, PROGRAM_FD};
use super::{Layer, ProcessUser, Sandbox};

/// What a process is for, which decides its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Serves requests: may reach the public network.
    Serve,
    /// Reads the manifest: no network at all.
    Inspect,
    /// Bundles an upload: may reach the package registry and run the bundler.
    Build,
}

/// Bytes of a file that a process may write; all that it writes are Deno's own small caches.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Deno starts about ten.
const MAX_THREADS: u64 = 128;

pub(crate) struct Confinement {
    purpose: Purpose,
    user: Option<ProcessUser>,
    rules: Option<RulesetCreated>,
    filters: Option<Filters>,
    max_data_bytes: Option<u64>,
}

impl std::fmt::Debug for Confinement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confinement")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl Confinement {
    pub(crate) fn new(
        sandbox: &Sandbox,
        purpose: Purpose,
        user: Option<ProcessUser>,
        rights: &FileRights,
        max_data_bytes: Option<u64>,
    ) -> std::io::Result<Self> {
        let rules = sandbox
            .has(Layer::Landlock)
            .then(|| filesystem::rules(rights))
            .transpose()
            .map_err(std::io::Error::other)?;
        let filters = sandbox
            .has(Layer::Seccomp)
            .then(|| system_calls::filters(purpose, sandbox.config().ipv6))
            .transpose()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            purpose,
            user: user.filter(|_| sandbox.has(Layer::User)),
            rules,
            filters,
            max_data_bytes,
        })
    }

    /// Whether the program is started by its descriptor, with no exec after it.
    pub(super) fn locks_program(&self) -> bool {
        self.filters.is_some() && self.purpose != Purpose::Build
    }

    /// Puts it on the calling thread, for good. Called between fork and exec, where there is one thread.
    /// `after_user` runs right after the change of user, which takes back what the kernel was asked before.
    pub(super) fn put_on_with(
        &mut self,
        after_user: impl FnOnce() -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        limit(Resource::Core, 0)?;
        if self.purpose != Purpose::Build {
            limit(Resource::Fsize, MAX_FILE_BYTES)?;
        }
        if let Some(bytes) = self.max_data_bytes {
            limit(Resource::Data, bytes)?;
        }
        if let Some(user) = self.user {
            // Threads and processes of this user, which has one process.
            limit(Resource::Nproc, MAX_THREADS)?;
            rustix::thread::set_thread_groups(&[])?;
            rustix::thread::set_thread_gid(Gid::from_raw(user.id()))?;
            rustix::thread::set_thread_uid(Uid::from_raw(user.id()))?;
        }
        after_user()?;
        rustix::thread::set_no_new_privs(true)?;
        if let Some(rules) = self.rules.take() {
            filesystem::allow_own_process(rules)
                .and_then(RulesetCreated::restrict_self)
                .map_err(|_| std::io::Error::from_raw_os_error(libc::EPERM))?;
        }
        if self.locks_program() {
            // No descriptor from now on can have the number of the program's.
            limit(Resource::Nofile, PROGRAM_FD.unsigned_abs().into())?;
        }
        for filter in self.filters.iter().flat_map(|filters| filters.iter()) {
            seccompiler::apply_filter(filter)
                .map_err(|_| std::io::Error::from_raw_os_error(libc::EPERM))?;
        }
        Ok(())
    }
}

fn limit(resource: Resource, value: u64) -> std::io::Result<()> {
    let limit = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    Ok(rustix::process::setrlimit(resource, limit)?)
}
