//! A control group for each process of a function (cgroups(7)): its share of the processor, all memory that it causes,
//! its threads. The kernel keeps them at any moment, where the server's own watch looks from time to time.
//!
//! Groups are made below the server's own one, where it may: as root with version 1, or where systemd or a container
//! delegated one of version 2 (`Delegate=yes`). Version 2 wants processes in the leaves of the tree only, so the server
//! moves into a leaf, too.
//!
//! All groups of a server are beside each other and beside the server itself: one that is idle to the scheduler leaves the
//! processor at once when the server wakes, which it would not below a group that is not idle.

mod folders;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use crate::cores::cores;
use crate::limits::ProcessLimits;
use folders::{Folders, Own, PROCESSES};

const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];
/// The server's own leaf, with version 2.
const SERVER: &str = "jelou-server";
/// Before the number of the process whose group it is, and the group's own.
const PREFIX: &str = "jelou-";
/// The server's weight for each processor: four processes of functions that compute all the time get half of it.
const SERVER_WEIGHT: u64 = 400;
/// How long to wait for the end of processes that have been killed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The groups of one server.
#[derive(Debug)]
pub(crate) struct ControlGroups {
    /// Above all of them.
    own: Folders,
    /// How the names of all of them begin.
    prefix: String,
    next: AtomicU64,
    /// Those whose process was not gone yet when they were to be removed.
    left: Mutex<Vec<Folders>>,
}

/// Why there can be no groups.
pub(crate) fn missing() -> Option<&'static str> {
    find().err()
}

/// The group below which a server can have its own.
fn find() -> Result<Folders, &'static str> {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let own = Own::of(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
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
    // A server that has moved into its leaf already.
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

/// Whether systemd keeps the group to itself: root could write to it, but not for long. What is delegated it marks.
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

/// The one group that may have processes and controlled groups below it.
fn is_root_group(group: &Path) -> bool {
    !group.join("cgroup.type").exists()
}

impl ControlGroups {
    /// Makes room for the groups of this server, and removes those of servers that have ended without doing so.
    pub(crate) fn make() -> Result<Self, String> {
        let own = find()?;
        Self::below(own).map_err(|error| error.to_string())
    }

    fn below(own: Folders) -> std::io::Result<Self> {
        static SERVERS: AtomicU64 = AtomicU64::new(0);
        remove_leftovers(&own);
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
            left: Mutex::default(),
        })
    }

    pub(crate) fn lend(self: &Arc<Self>, limits: &ProcessLimits) -> std::io::Result<ControlGroup> {
        self.remove_left();
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

    /// Ends what is in the groups still, a process that was about to start for instance, and removes them.
    pub(crate) fn remove(&self) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.own.remove_below(|name| name.starts_with(&self.prefix)) {
            if Instant::now() > deadline {
                tracing::warn!(%error, "cannot remove the control groups of all functions");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn remove_left(&self) {
        self.lock().retain(|folders| folders.remove().is_err());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Folders>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn enable_controllers(group: &Path) -> std::io::Result<()> {
    let controllers = CONTROLLERS.map(|controller| format!("+{controller}"));
    fs_err::write(group.join("cgroup.subtree_control"), controllers.join(" "))
}

/// Removes the groups of servers that have ended.
fn remove_leftovers(own: &Folders) {
    let ended = |name: &str| {
        name.strip_prefix(PREFIX)
            .and_then(|name| name.split('-').next()?.parse::<u32>().ok())
            .is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
    };
    if let Err(error) = own.remove_below(ended) {
        tracing::debug!(%error, "a control group of a server that has ended");
    }
}

/// What a process gets of the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CpuShare {
    /// By its weight (`limits.cpu_weight`).
    Own,
    /// What all others leave, for one that nobody waits for, or that has shown to be no good neighbour.
    Rest,
}

/// The group of one process; it goes with this.
#[derive(Debug)]
pub struct ControlGroup {
    folders: Folders,
    weight: u64,
    share: Mutex<CpuShare>,
    groups: Arc<ControlGroups>,
}

impl ControlGroup {
    /// By which a process of one thread joins: it writes `0` to each.
    pub(crate) fn doors(&self) -> std::io::Result<Vec<OwnedFd>> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        self.folders
            .doors()
            .map(|door| Ok(rustix::fs::open(door, flags, Mode::empty())?))
            .collect()
    }

    /// Whether the kernel ended the process because the group had no more memory.
    pub fn was_out_of_memory(&self) -> bool {
        self.folders.out_of_memory_kills() > Some(0)
    }

    pub fn give(&self, share: CpuShare) -> std::io::Result<()> {
        let mut given = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        if *given != share {
            match share {
                CpuShare::Own => self.folders.come_back(self.weight)?,
                CpuShare::Rest => self.folders.stand_back()?,
            }
            *given = share;
        }
        Ok(())
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        if self.folders.remove().is_err() {
            // The process has been killed and is not gone yet.
            self.groups.lock().push(self.folders.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder in the place of a delegated group of version 2, which not every machine has.
    #[test]
    fn groups_of_version_2_are_set_up_by_their_files() {
        let own = tempfile::tempdir().unwrap();
        let read = |path: &str| fs_err::read_to_string(own.path().join(path)).unwrap();
        fs_err::write(own.path().join("cgroup.type"), "domain").unwrap();
        let folders = Folders::Unified(own.path().to_path_buf());
        let groups = Arc::new(ControlGroups::below(folders).unwrap());
        // The server is in a leaf, and the controllers are on where the groups of processes will be.
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
        group.give(CpuShare::Rest).unwrap();
        assert_eq!(below("cpu.idle"), "1");
        group.give(CpuShare::Own).unwrap();
        assert_eq!(below("cpu.idle"), "0");
        assert_eq!(below("cpu.weight"), "50");
        assert!(!group.was_out_of_memory());
        let events = own.path().join(format!("{}0/memory.events", groups.prefix));
        fs_err::write(&events, "low 0\noom 1\noom_kill 0\noom_group_kill 0\n").unwrap();
        assert!(!group.was_out_of_memory());
        fs_err::write(&events, "low 0\noom 1\noom_kill 1\noom_group_kill 1\n").unwrap();
        assert!(group.was_out_of_memory());
    }

    /// A process of a server that has ended is gone, and no other process has its number at once.
    #[test]
    fn what_an_ended_server_left_is_removed() {
        let own = tempfile::tempdir().unwrap();
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let left = own.path().join(format!("jelou-{}-0-7", ended.id()));
        let running = own.path().join(format!("jelou-{}-0-7", std::process::id()));
        let others = own.path().join("jelou-server");
        for folder in [&left, &running, &others] {
            fs_err::create_dir_all(folder).unwrap();
        }
        remove_leftovers(&Folders::Unified(own.path().to_path_buf()));
        assert!(!left.exists());
        assert!(running.exists() && others.exists());
    }
}
