//! A control group for each process (cgroups(7)). The kernel enforces the group's limits of processor share, memory and
//! threads at all times.
//!
//! The server creates the groups below its own group. This needs root with version 1, or a delegated group of version 2
//! from systemd (`Delegate=yes`) or a container. Version 2 allows processes only in the leaves of the tree, so the
//! server moves itself into a leaf.
//!
//! All groups are siblings of each other and of the server's leaf. A sibling with idle priority yields the processor as
//! soon as the server wakes up. An idle group inside a group with normal priority would not.

mod folders;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use crate::cores::cores;
use crate::limits::ProcessLimits;
use folders::{Folders, PROCESSES, ServerCgroups};

const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];
/// Name of the server's own leaf, with version 2.
const SERVER: &str = "jelou-server";
/// Prefix of a group name. The server's process id and the group's number follow.
const PREFIX: &str = "jelou-";
/// The server's weight for each processor: the weight of four workers.
const SERVER_WEIGHT: u64 = 400;
/// How long to wait until killed processes have ended.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

/// The control groups of one server.
#[derive(Debug)]
pub(crate) struct ControlGroups {
    /// The parent of all groups.
    own: Folders,
    /// Common prefix of the group names.
    prefix: String,
    next: AtomicU64,
    /// Groups to remove later, because their process has not ended yet.
    leftovers: Mutex<Vec<Folders>>,
}

/// Returns why control groups cannot be used, or `None` if they can.
pub(crate) fn missing() -> Option<&'static str> {
    find().err()
}

/// Finds the group below which the server can create groups.
fn find() -> Result<Folders, &'static str> {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let own = ServerCgroups::of(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
    let unified = own
        .unified
        .ok_or("no control groups are mounted")
        .and_then(|folder| delegated(&folder));
    if unified.is_ok() {
        return unified;
    }
    match own.separate {
        Some(_) if !rustix::process::geteuid().is_root() => {
            Err("the server does not run as root, which control groups of version 1 need")
        }
        Some(separate) if separate.is_writable() => Ok(separate),
        Some(_) => Err("the server may not write to its control groups"),
        None => unified,
    }
}

fn delegated(own: &Path) -> Result<Folders, &'static str> {
    // The server may already have moved into its leaf.
    let moved = own.file_name().is_some_and(|name| name == SERVER);
    let own = own.parent().filter(|_| moved).unwrap_or(own);
    let read = |file| std::fs::read_to_string(own.join(file)).unwrap_or_default();
    let controllers = read("cgroup.controllers");
    let has = |controller: &str| controllers.split_whitespace().any(|one| one == controller);
    if !CONTROLLERS.into_iter().all(has) {
        return Err("the server's control group has no cpu, memory and pids controllers");
    }
    let folders = Folders::Unified(own.to_path_buf());
    if !folders.is_writable() || is_systemds(own) {
        return Err("the server's control group is not delegated to it");
    }
    let pid = rustix::process::getpid().as_raw_nonzero().to_string();
    let alone = read(PROCESSES).lines().all(|process| process == pid);
    if !alone && !is_root_group(own) {
        return Err("other processes are in the server's control group");
    }
    Ok(folders)
}

/// Returns whether systemd manages the group. Root can write to such a group, but systemd would undo the change.
/// systemd sets an extended attribute on the groups that it delegates.
fn is_systemds(group: &Path) -> bool {
    let unit = group.extension().is_some_and(|extension| {
        ["service", "scope", "slice"]
            .iter()
            .any(|kind| extension == *kind)
    });
    let marked = |name: &str| {
        let mut value = [0_u8; 8];
        let length = rustix::fs::getxattr(group, name, &mut value);
        length.is_ok_and(|length| value.get(..length) == Some(b"1"))
    };
    unit && !marked("user.delegate") && !marked("trusted.delegate")
}

/// Returns whether this is the root group. Only the root group may have both processes and child groups with
/// controllers.
fn is_root_group(group: &Path) -> bool {
    !group.join("cgroup.type").exists()
}

impl ControlGroups {
    /// Prepares the parent group, and removes groups of crashed servers.
    pub(crate) fn set_up() -> Result<Self, String> {
        let own = find()?;
        Self::below(own).map_err(|error| error.to_string())
    }

    fn below(own: Folders) -> std::io::Result<Self> {
        static SERVERS: AtomicU64 = AtomicU64::new(0);
        remove_ended_servers(&own);
        if let Folders::Unified(folder) = &own {
            if is_root_group(folder) {
                enable_controllers(folder)?;
            } else {
                let leaf = folder.join(SERVER);
                fs_err::create_dir_all(&leaf)?;
                fs_err::write(leaf.join(PROCESSES), "0")?;
                enable_controllers(folder)?;
                let weight = SERVER_WEIGHT * cores() as u64;
                fs_err::write(leaf.join("cpu.weight"), weight.min(10_000).to_string())?;
            }
        }
        let pid = rustix::process::getpid().as_raw_nonzero();
        let server = SERVERS.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            own,
            prefix: format!("{PREFIX}{pid}-{server}-"),
            next: AtomicU64::new(0),
            leftovers: Mutex::default(),
        })
    }

    pub(crate) fn lend(self: &Arc<Self>, limits: &ProcessLimits) -> std::io::Result<ControlGroup> {
        self.remove_leftovers();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let group = ControlGroup {
            folders: self.own.below(&format!("{}{number}", self.prefix)),
            weight: limits.cpu_weight,
            share: Mutex::new(CpuShare::Own),
            groups: Arc::clone(self),
        };
        group.folders.make()?;
        group.folders.limit(limits)?;
        Ok(group)
    }

    /// Kills the remaining processes in the groups, and removes the groups.
    pub(crate) fn remove(&self) {
        let deadline = Instant::now() + KILL_TIMEOUT;
        while let Err(error) = self.own.remove_below(|name| name.starts_with(&self.prefix)) {
            if Instant::now() > deadline {
                tracing::warn!(%error, "cannot remove the control groups of all functions");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn remove_leftovers(&self) {
        self.lock().retain(|folders| folders.remove().is_err());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Folders>> {
        self.leftovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn enable_controllers(group: &Path) -> std::io::Result<()> {
    let controllers = CONTROLLERS.map(|controller| format!("+{controller}"));
    fs_err::write(group.join("cgroup.subtree_control"), controllers.join(" "))
}

/// Removes the groups of servers that have ended.
fn remove_ended_servers(own: &Folders) {
    let ended = |name: &str| {
        name.strip_prefix(PREFIX)
            .and_then(|name| name.split('-').next()?.parse::<u32>().ok())
            .is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
    };
    if let Err(error) = own.remove_below(ended) {
        tracing::debug!(%error, "a control group of a server that has ended");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CpuShare {
    /// The normal share, according to the weight of the process (`limits.cpu_weight`).
    Own,
    /// Idle priority: the process gets only CPU time that no other process uses. For a start without a waiting call, a
    /// stalled event loop, or a restart after a crash.
    Rest,
}

/// The group of one process. Dropping it removes the group.
#[derive(Debug)]
pub struct ControlGroup {
    folders: Folders,
    weight: u64,
    share: Mutex<CpuShare>,
    groups: Arc<ControlGroups>,
}

impl ControlGroup {
    /// Opens the files to which a single-threaded process writes `0` to join the group.
    pub(crate) fn join_files(&self) -> std::io::Result<Vec<OwnedFd>> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        self.folders
            .join_files()
            .map(|file| Ok(rustix::fs::open(file, flags, Mode::empty())?))
            .collect()
    }

    /// Returns whether the kernel killed the process because the group was out of memory.
    pub fn was_out_of_memory(&self) -> bool {
        self.folders.out_of_memory_kills() > Some(0)
    }

    /// Sets the processor share.
    ///
    /// # Errors
    ///
    /// When the group's files cannot be written.
    pub fn set_share(&self, share: CpuShare) -> std::io::Result<()> {
        let mut given = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        if *given != share {
            match share {
                CpuShare::Own => self.folders.set_normal(self.weight)?,
                CpuShare::Rest => self.folders.set_idle()?,
            }
            *given = share;
        }
        Ok(())
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        if self.folders.remove().is_err() {
            // The killed process has not ended yet.
            self.groups.lock().push(self.folders.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses a plain folder, because not every machine has a delegated group.
    #[test]
    fn groups_of_version_2_are_set_up_by_their_files() {
        let own = tempfile::tempdir().unwrap();
        let read = |path: &str| fs_err::read_to_string(own.path().join(path)).unwrap();
        fs_err::write(own.path().join("cgroup.type"), "domain").unwrap();
        let folders = Folders::Unified(own.path().to_path_buf());
        let groups = Arc::new(ControlGroups::below(folders).unwrap());
        // The server is in a leaf, and the controllers are enabled for the other groups.
        assert_eq!(read("jelou-server/cgroup.procs"), "0");
        assert_eq!(read("cgroup.subtree_control"), "+cpu +memory +pids");
        assert!(read("jelou-server/cpu.weight").parse::<u64>().unwrap() >= 400);

        let limits = ProcessLimits {
            cpu_weight: 50,
            max_memory_mib: 96,
            max_threads: 40,
            max_open_files: 900,
        };
        let group = groups.lend(&limits).unwrap();
        let below = |file: &str| read(&format!("{}0/{file}", groups.prefix));
        assert_eq!(below("memory.max"), (128_u64 << 20).to_string());
        assert_eq!(below("memory.swap.max"), "0");
        assert_eq!(below("memory.oom.group"), "1");
        assert_eq!(below("pids.max"), "40");
        assert_eq!(below("cpu.weight"), "50");
        group.set_share(CpuShare::Rest).unwrap();
        assert_eq!(below("cpu.idle"), "1");
        group.set_share(CpuShare::Own).unwrap();
        assert_eq!(below("cpu.idle"), "0");
        assert_eq!(below("cpu.weight"), "50");
        assert!(!group.was_out_of_memory());
        let events = own.path().join(format!("{}0/memory.events", groups.prefix));
        fs_err::write(&events, "low 0\noom 1\noom_kill 0\noom_group_kill 0\n").unwrap();
        assert!(!group.was_out_of_memory());
        fs_err::write(&events, "low 0\noom 1\noom_kill 1\noom_group_kill 1\n").unwrap();
        assert!(group.was_out_of_memory());
    }

    #[test]
    fn groups_of_ended_servers_are_removed() {
        let own = tempfile::tempdir().unwrap();
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let left = own.path().join(format!("jelou-{}-0-7", ended.id()));
        let running = own.path().join(format!("jelou-{}-0-7", std::process::id()));
        let others = own.path().join("jelou-server");
        for folder in [&left, &running, &others] {
            fs_err::create_dir_all(folder).unwrap();
        }
        remove_ended_servers(&Folders::Unified(own.path().to_path_buf()));
        assert!(!left.exists());
        assert!(running.exists() && others.exists());
    }
}
