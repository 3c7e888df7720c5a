//! The folders of control groups (cgroups(7)), and the files that configure the groups.

use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::process::{Pid, Signal};

use crate::limits::ProcessLimits;

/// Extra memory in a group's limit, because the kernel also charges the group for page tables, socket buffers and pages
/// of the program.
const KERNEL_MIB: u64 = 32;
/// The minimum of `cpu.weight` and of `cpu.shares` (cgroups(7)), for a group with idle priority.
const LEAST_WEIGHT: u64 = 1;
const LEAST_SHARES: u64 = 2;

/// The folders of one group: one folder with version 2, one for each controller with version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Folders {
    Unified(PathBuf),
    Separate {
        cpu: PathBuf,
        memory: PathBuf,
        pids: PathBuf,
    },
}

impl Folders {
    pub(super) fn all(&self) -> Vec<&Path> {
        match self {
            Self::Unified(folder) => vec![folder],
            Self::Separate { cpu, memory, pids } => {
                let mut all: Vec<&Path> = vec![cpu, memory, pids];
                // Controllers that are mounted together share one folder.
                all.sort_unstable();
                all.dedup();
                all
            }
        }
    }

    /// Returns the files to which a single-threaded process writes `0` to join the group. With version 1, `tasks` moves
    /// one thread immediately; `cgroup.procs` would take 15 ms, because the kernel stops thread creation in the
    /// meantime. With version 2, only whole processes can join a group with limits.
    pub(super) fn join_files(&self) -> impl Iterator<Item = PathBuf> {
        let file = match self {
            Self::Unified(_) => PROCESSES,
            Self::Separate { .. } => "tasks",
        };
        self.all().into_iter().map(move |folder| folder.join(file))
    }

    pub(super) fn below(&self, name: &str) -> Self {
        match self {
            Self::Unified(folder) => Self::Unified(folder.join(name)),
            Self::Separate { cpu, memory, pids } => Self::Separate {
                cpu: cpu.join(name),
                memory: memory.join(name),
                pids: pids.join(name),
            },
        }
    }

    pub(super) fn make(&self) -> std::io::Result<()> {
        self.all().into_iter().try_for_each(fs_err::create_dir)
    }

    /// Removes the folders. Fails while a process is in the group.
    pub(super) fn remove(&self) -> std::io::Result<()> {
        self.all().into_iter().try_for_each(remove)
    }

    /// Kills the processes in child groups whose name matches, and removes these groups. Groups whose process has not
    /// ended yet remain; the result is then the error of the last one.
    pub(super) fn remove_below(&self, matches: impl Fn(&str) -> bool) -> std::io::Result<()> {
        let mut result = Ok(());
        for folder in self.all() {
            let below = match std::fs::read_dir(folder) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                below => below?,
            };
            for group in below.filter_map(Result::ok) {
                if group.file_name().to_str().is_some_and(&matches) {
                    kill_processes(&group.path());
                    result = remove(&group.path()).and(result);
                }
            }
        }
        result
    }

    /// Returns whether the server's user may create groups in the folders.
    pub(super) fn is_writable(&self) -> bool {
        let writable = |folder: &Path| {
            rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
                && rustix::fs::access(folder.join(PROCESSES), Access::WRITE_OK).is_ok()
        };
        self.all().into_iter().all(writable)
    }

    pub(super) fn limit(&self, limits: &ProcessLimits) -> std::io::Result<()> {
        let bytes = limits.max_memory_mib.saturating_add(KERNEL_MIB) * 1024 * 1024;
        match self {
            Self::Unified(folder) => {
                write(folder, "memory.max", bytes)?;
                // This write fails if the kernel does not count swap.
                let _ = write(folder, "memory.swap.max", 0);
                write(folder, "memory.oom.group", 1)?;
                write(folder, "pids.max", limits.max_threads)?;
            }
            Self::Separate { memory, pids, .. } => {
                write(memory, "memory.limit_in_bytes", bytes)?;
                let _ = write(memory, "memory.memsw.limit_in_bytes", bytes);
                write(pids, "pids.max", limits.max_threads)?;
            }
        }
        self.set_weight(limits.cpu_weight)
    }

    /// Sets the weight; 100 is normal. In cgroup v1, a weight of 100 is 256 shares, a quarter of the server's 1024.
    fn set_weight(&self, weight: u64) -> std::io::Result<()> {
        match self {
            Self::Unified(folder) => write(folder, "cpu.weight", weight.clamp(1, 10_000)),
            Self::Separate { cpu, .. } => {
                write(cpu, "cpu.shares", (weight * 256 / 100).max(LEAST_SHARES))
            }
        }
    }

    /// Gives the group idle priority. Before Linux 5.15, it gets the minimum weight instead.
    pub(super) fn set_idle(&self) -> std::io::Result<()> {
        if self.write_idle(true).is_ok() {
            return Ok(());
        }
        match self {
            Self::Unified(_) => self.set_weight(LEAST_WEIGHT),
            Self::Separate { cpu, .. } => write(cpu, "cpu.shares", LEAST_SHARES),
        }
    }

    /// Gives the group normal priority.
    pub(super) fn set_normal(&self, weight: u64) -> std::io::Result<()> {
        // Must be before the weight, because the kernel refuses to set the weight of an idle group.
        let _ = self.write_idle(false);
        self.set_weight(weight)
    }

    fn write_idle(&self, idle: bool) -> std::io::Result<()> {
        let (Self::Unified(folder) | Self::Separate { cpu: folder, .. }) = self;
        write(folder, "cpu.idle", u64::from(idle))
    }

    /// Returns how many processes the kernel killed because the group was out of memory.
    pub(super) fn out_of_memory_kills(&self) -> Option<u64> {
        let file = match self {
            Self::Unified(folder) => folder.join("memory.events"),
            Self::Separate { memory, .. } => memory.join("memory.oom_control"),
        };
        let text = std::fs::read_to_string(file).ok()?;
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count?.trim().parse().ok()
    }
}

/// The file that lists the processes of a group.
pub(super) const PROCESSES: &str = "cgroup.procs";

fn write(folder: &Path, file: &str, value: u64) -> std::io::Result<()> {
    fs_err::write(folder.join(file), value.to_string())
}

/// Removes a group. A missing group counts as removed.
fn remove(group: &Path) -> std::io::Result<()> {
    match fs_err::remove_dir(group) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn kill_processes(group: &Path) {
    let processes = std::fs::read_to_string(group.join(PROCESSES)).unwrap_or_default();
    for process in processes
        .lines()
        .filter_map(|id| Pid::from_raw(id.parse().ok()?))
    {
        // The process may have ended in the meantime.
        let _ = rustix::process::kill_process(process, Signal::KILL);
    }
}

/// The control groups of this process, for version 2 and version 1. Read from `/proc/self/mountinfo`
/// (`proc_pid_mountinfo(5)`) and `/proc/self/cgroup` (cgroups(7)).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerCgroups {
    pub(super) unified: Option<PathBuf>,
    pub(super) separate: Option<Folders>,
}

impl ServerCgroups {
    pub(super) fn of(mounts: &str, groups: &str) -> Self {
        let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::parse).collect();
        let separate = || {
            let folder = |controller: &str| {
                let mount = mounts
                    .iter()
                    .find(|mount| mount.controllers.contains(&controller))?;
                let path = groups.lines().find_map(|line| {
                    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
                    controllers
                        .split(',')
                        .any(|one| one == controller)
                        .then_some(path)
                })?;
                mount.folder(path)
            };
            Some(Folders::Separate {
                cpu: folder("cpu")?,
                memory: folder("memory")?,
                pids: folder("pids")?,
            })
        };
        let unified = || {
            let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
            mounts.iter().find(|mount| mount.unified)?.folder(path)
        };
        Self {
            unified: unified(),
            separate: separate(),
        }
    }
}

/// A mounted hierarchy of groups, or a mounted part of it.
struct Mount<'a> {
    /// The group that is mounted at `point`.
    root: &'a Path,
    point: &'a Path,
    unified: bool,
    controllers: Vec<&'a str>,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, mount.next()?);
        let mut system = system.split(' ');
        let (kind, options) = (system.next()?, system.nth(1)?);
        matches!(kind, "cgroup" | "cgroup2").then(|| Self {
            root: Path::new(root),
            point: Path::new(point),
            unified: kind == "cgroup2",
            controllers: options.split(',').collect(),
        })
    }

    fn folder(&self, group: &str) -> Option<PathBuf> {
        let below = Path::new(group).strip_prefix(self.root).ok()?;
        // A group outside the mounted part starts with `/..`.
        let visible = !below.starts_with("..");
        visible.then(|| self.point.components().chain(below.components()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_version_2_are_found() {
        let mounts = "24 1 0:21 / /proc rw - proc proc rw\n\
                      30 24 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let own = ServerCgroups::of(mounts, "0::/system.slice/jelou.service\n");
        let folder = PathBuf::from("/sys/fs/cgroup/system.slice/jelou.service");
        assert_eq!(own.unified, Some(folder));
        assert_eq!(own.separate, None);
        assert_eq!(ServerCgroups::of(mounts, "0::/../other\n").unified, None);
        assert_eq!(ServerCgroups::of("", "0::/\n").unified, None);
    }

    #[test]
    fn groups_of_version_1_are_found() {
        let mounts = "31 30 0:28 /pod /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                      32 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      33 30 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      34 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let groups = "4:pids:/\n3:memory:/a/b\n2:cpu,cpuacct:/pod/c\n0::/\n";
        let own = ServerCgroups::of(mounts, groups);
        assert_eq!(own.unified, Some(PathBuf::from("/sys/fs/cgroup/unified")));
        let separate = Folders::Separate {
            cpu: "/sys/fs/cgroup/cpu,cpuacct/c".into(),
            memory: "/sys/fs/cgroup/memory/a/b".into(),
            pids: "/sys/fs/cgroup/pids".into(),
        };
        assert_eq!(own.separate, Some(separate));
        // All three controllers are required.
        let own = ServerCgroups::of(mounts, "3:memory:/a/b\n");
        assert_eq!(own.separate, None);
    }
}
