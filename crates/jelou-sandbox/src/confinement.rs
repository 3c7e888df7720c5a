//! What one process is held to, prepared before the fork and put on between fork and exec.

use std::os::fd::OwnedFd;

use landlock::RulesetCreated;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit};
use rustix::thread::{Gid, Uid};

use crate::cgroup::ControlGroup;
use crate::filesystem::{self, FileRights};
use crate::layer::Layer;
use crate::purpose::Purpose;
use crate::sandbox::Sandbox;
use crate::start_address::StartAddress;
use crate::system_calls::{self, Filters, PROGRAM_FD};
use crate::user::ProcessUser;

/// Who a process is, where it is not who the server is.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    pub user: ProcessUser,
    /// A group more, whose files it may read.
    pub group: Option<ProcessUser>,
}

/// Threads of a step of a build, which has more than one process.
const BUILD_THREADS: u64 = 1024;

/// When memory is short, the kernel ends processes of functions before the server (`proc_pid_oom_score_adj(5)`).
const OOM_SCORE: &[u8] = b"500";

pub struct Confinement {
    purpose: Purpose,
    identity: Option<Identity>,
    rules: Option<RulesetCreated>,
    filters: Option<Filters>,
    start: StartAddress,
    max_data_bytes: Option<u64>,
    max_threads: u64,
    max_open_files: Option<u64>,
    /// Files by which it joins its control group.
    doors: Vec<OwnedFd>,
}

impl std::fmt::Debug for Confinement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confinement")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl Confinement {
    pub fn new(
        sandbox: &Sandbox,
        purpose: Purpose,
        identity: Option<Identity>,
        rights: &FileRights,
        max_data_bytes: Option<u64>,
    ) -> std::io::Result<Self> {
        let rules = sandbox
            .has(Layer::Landlock)
            .then(|| filesystem::rules(rights, purpose.network()))
            .transpose()
            .map_err(std::io::Error::other)?;
        let filters = sandbox
            .has(Layer::Seccomp)
            .then(|| system_calls::filters(purpose, &sandbox.config, sandbox.start))
            .transpose()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            purpose,
            identity: identity.filter(|_| sandbox.has(Layer::User)),
            rules,
            filters,
            start: sandbox.start,
            max_data_bytes,
            max_threads: if purpose.is_worker() {
                sandbox.limits.max_threads
            } else {
                BUILD_THREADS
            },
            max_open_files: purpose.is_worker().then_some(sandbox.limits.max_open_files),
            doors: Vec::new(),
        })
    }

    /// Lets the process start in a control group.
    pub fn join(mut self, group: &ControlGroup) -> std::io::Result<Self> {
        self.doors = group.doors()?;
        Ok(self)
    }

    /// Where the path of the program lies, for a process that is started by its descriptor, with no exec after it.
    pub(crate) fn program_lock(&self) -> Option<StartAddress> {
        (self.filters.is_some() && !self.purpose.starts_programs()).then_some(self.start)
    }

    /// Whether all that the process starts is ended with it.
    pub(crate) fn leads_group(&self) -> bool {
        self.purpose.starts_programs()
    }

    /// Puts it on the calling thread, for good. Called between fork and exec, where there is one thread.
    /// `after_user` runs right after the change of user, which takes back what the kernel was asked before.
    pub(crate) fn put_on_with(
        &mut self,
        after_user: impl FnOnce() -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        for door in self.doors.drain(..) {
            // Zero is who writes it.
            rustix::io::write(&door, b"0")?;
        }
        prefer_for_oom();
        if self.purpose.niceness() > 0 {
            rustix::process::setpriority_process(None, self.purpose.niceness())?;
        }
        limit(Resource::Core, 0)?;
        limit(Resource::Fsize, self.purpose.max_file_bytes())?;
        if let Some(bytes) = self.max_data_bytes {
            limit(Resource::Data, bytes)?;
        }
        if self.purpose == Purpose::Fetch {
            // The steps after this one, and the builds to come, read what it fetches.
            rustix::process::umask(Mode::WGRP | Mode::WOTH);
        }
        if let Some(Identity { user, group }) = self.identity {
            // Threads and processes of this user.
            limit(Resource::Nproc, self.max_threads)?;
            let groups = group.map(|group| Gid::from_raw(group.id()));
            rustix::thread::set_thread_groups(groups.as_slice())?;
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
        // No descriptor from now on can have the number of the program's.
        let locked = self
            .program_lock()
            .map(|_| PROGRAM_FD.unsigned_abs().into());
        if let Some(files) = self.max_open_files.into_iter().chain(locked).min() {
            limit(Resource::Nofile, files)?;
        }
        for filter in self.filters.iter().flat_map(|filters| filters.iter()) {
            seccompiler::apply_filter(filter)
                .map_err(|_| std::io::Error::from_raw_os_error(libc::EPERM))?;
        }
        Ok(())
    }
}

/// Anyone may raise their own score; where that does not work, the kernel chooses as it likes.
fn prefer_for_oom() {
    let path = c"/proc/self/oom_score_adj";
    if let Ok(file) = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::io::write(&file, OOM_SCORE);
    }
}

fn limit(resource: Resource, value: u64) -> std::io::Result<()> {
    // Not above what the server itself may have.
    let maximum = rustix::process::getrlimit(resource).maximum;
    let value = maximum.map_or(value, |maximum| value.min(maximum));
    let limit = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    Ok(rustix::process::setrlimit(resource, limit)?)
}
