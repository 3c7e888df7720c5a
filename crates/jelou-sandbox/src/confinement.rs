//! The confinement of one process: prepared before the fork, applied between fork and exec.

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

/// The user and the groups of a process that does not run as the server's user.
#[derive(Debug, Clone, Copy)]
pub struct ProcessIds {
    pub user: ProcessUser,
    /// An additional group, whose files the process may read.
    pub group: Option<ProcessUser>,
}

/// Maximum threads of a build step, which may have several processes.
const BUILD_THREADS: u64 = 1024;

/// Makes the kernel kill workers before the server when memory is exhausted (`proc_pid_oom_score_adj(5)`).
const OOM_SCORE: &[u8] = b"500";

/// The restrictions of one process.
pub struct Confinement {
    purpose: Purpose,
    niceness: i32,
    ids: Option<ProcessIds>,
    rules: Option<RulesetCreated>,
    filters: Option<Filters>,
    start: StartAddress,
    max_data_bytes: Option<u64>,
    max_threads: u64,
    max_open_files: Option<u64>,
    /// The files to which the process writes `0` to join its control group.
    group_files: Vec<OwnedFd>,
}

impl std::fmt::Debug for Confinement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confinement")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl Confinement {
    /// Prepares the confinement.
    ///
    /// # Errors
    ///
    /// When Landlock rules or system call filters cannot be created.
    pub fn new(
        sandbox: &Sandbox,
        purpose: Purpose,
        ids: Option<ProcessIds>,
        rights: &FileRights,
        max_data_bytes: Option<u64>,
    ) -> std::io::Result<Self> {
        let rules = sandbox
            .has(Layer::Landlock)
            .then(|| {
                let listens = sandbox.config.debugger && purpose == Purpose::Serve;
                filesystem::rules(rights, purpose.network(), listens)
            })
            .transpose()
            .map_err(std::io::Error::other)?;
        let filters = sandbox
            .has(Layer::Seccomp)
            .then(|| system_calls::filters(purpose, &sandbox.config, sandbox.start))
            .transpose()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            purpose,
            niceness: purpose.niceness(),
            ids: ids.filter(|_| sandbox.has(Layer::User)),
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
            group_files: Vec::new(),
        })
    }

    /// Gives a step of a build the normal priority, as for a call, because a developer waits for it.
    #[must_use]
    pub fn with_full_priority(mut self) -> Self {
        self.niceness = 0;
        self
    }

    /// Makes the process join a control group before its program starts.
    ///
    /// # Errors
    ///
    /// When the group's files cannot be opened.
    pub fn join(mut self, group: &ControlGroup) -> std::io::Result<Self> {
        self.group_files = group.join_files()?;
        Ok(self)
    }

    /// Returns the address of the program's path if the process starts its program from a file descriptor and may not
    /// call exec again.
    pub(crate) fn exec_lock(&self) -> Option<StartAddress> {
        (self.filters.is_some() && !self.purpose.starts_programs()).then_some(self.start)
    }

    /// Applies the confinement to the calling thread, irrevocably. Called between fork and exec, where there is one
    /// thread. `after_user` runs directly after the change of user, because that change resets the parent-death signal.
    pub(crate) fn apply(
        &mut self,
        after_user: impl FnOnce() -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        for file in self.group_files.drain(..) {
            // 0 means the writing process.
            rustix::io::write(&file, b"0")?;
        }
        prefer_for_oom();
        if self.niceness > 0 {
            rustix::process::setpriority_process(None, self.niceness)?;
        }
        // No dumps: 1 also stops those that a program receives, unlike 0.
        limit(Resource::Core, 1)?;
        limit(Resource::Fsize, self.purpose.max_file_bytes())?;
        if let Some(bytes) = self.max_data_bytes {
            limit(Resource::Data, bytes)?;
        }
        if self.purpose == Purpose::Fetch {
            // Later steps and later builds read the fetched packages as members of the group.
            rustix::process::umask(Mode::WGRP | Mode::WOTH);
        }
        if let Some(ProcessIds { user, group }) = self.ids {
            // The limit counts the threads of all processes with this user id.
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
        // With this limit, no other file can get the descriptor number from which the program starts.
        let locked = self.exec_lock().map(|_| PROGRAM_FD.unsigned_abs().into());
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

/// Raises this process's own OOM score, which needs no privilege. If that fails, the kernel's default score applies.
fn prefer_for_oom() {
    let path = c"/proc/self/oom_score_adj";
    if let Ok(file) = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::io::write(&file, OOM_SCORE);
    }
}

fn limit(resource: Resource, value: u64) -> std::io::Result<()> {
    // The limit cannot exceed the server's hard limit.
    let maximum = rustix::process::getrlimit(resource).maximum;
    let value = maximum.map_or(value, |maximum| value.min(maximum));
    let limit = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    Ok(rustix::process::setrlimit(resource, limit)?)
}
