//! Where the control groups of this machine are, and the files by which they are set up.

use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::process::{Pid, Signal};

use crate::limits::ProcessLimits;

/// What the kernel keeps for a process besides its private memory (page tables, buffers of sockets, pages of its
/// program) counts in its group, so that a group has this much more.
const KERNEL_MIB: u64 = 32;
/// The share of a group that stands back (cgroups(7): both versions, the least there is).
const LEAST_WEIGHT: u64 = 1;
const LEAST_SHARES: u64 = 2;

/// The folders of one group: one where all controllers have one hierarchy (version 2), one for each where they do not
/// (version 1).
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
                // Controllers that are mounted together have one folder.
                all.sort_unstable();
                all.dedup();
                all
            }
        }
    }

    /// The files by which a process of one thread joins: it writes `0` to each. The kernel moves a single thread that
    /// asks for it at once; for `cgroup.procs` it stops all starts and ends of threads, which it takes 15 ms to agree on.
    /// In version 2, only groups without resources of their own can be joined by a thread.
    pub(super) fn doors(&self) -> impl Iterator<Item = PathBuf> {
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

    /// Fails while a process is in the group.
    pub(super) fn remove(&self) -> std::io::Result<()> {
        self.all().into_iter().try_for_each(remove)
    }

    /// Ends the processes of those groups below this one that have such a name, and removes the groups. One whose process
    /// is not gone yet stays: the error is that of the last such group.
    pub(super) fn remove_below(&self, is_meant: impl Fn(&str) -> bool) -> std::io::Result<()> {
        let mut result = Ok(());
        for folder in self.all() {
            let below = match std::fs::read_dir(folder) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                below => below?,
            };
            for group in below.filter_map(Result::ok) {
                if group.file_name().to_str().is_some_and(&is_meant) {
                    end(&group.path());
                    result = remove(&group.path()).and(result);
                }
            }
        }
        result
    }

    /// Whether this user may make groups here.
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
                // There may be no accounting of swap.
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
        self.weigh(limits.cpu_weight)
    }

    /// Sets the share of the processor, where 100 is the usual one: a quarter of what the server has, whose threads have
    /// 1024 shares each with version 1.
    pub(super) fn weigh(&self, weight: u64) -> std::io::Result<()> {
        match self {
            Self::Unified(folder) => write(folder, "cpu.weight", weight.clamp(1, 10_000)),
            Self::Separate { cpu, .. } => {
                write(cpu, "cpu.shares", (weight * 256 / 100).max(LEAST_SHARES))
            }
        }
    }

    /// Leaves the processor to all others that want it, at once; the least weight there is where the kernel does not know
    /// that (before Linux 5.15).
    pub(super) fn stand_back(&self) -> std::io::Result<()> {
        if self.set_idle(true).is_ok() {
            return Ok(());
        }
        match self {
            Self::Unified(_) => self.weigh(LEAST_WEIGHT),
            Self::Separate { cpu, .. } => write(cpu, "cpu.shares", LEAST_SHARES),
        }
    }

    pub(super) fn come_back(&self, weight: u64) -> std::io::Result<()> {
        // First: an idle group has no weight to be set.
        let _ = self.set_idle(false);
        self.weigh(weight)
    }

    fn set_idle(&self, idle: bool) -> std::io::Result<()> {
        let (Self::Unified(folder) | Self::Separate { cpu: folder, .. }) = self;
        write(folder, "cpu.idle", u64::from(idle))
    }

    /// How many processes of the group the kernel ended because there was no more memory for it.
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

/// The file by which processes join a group.
pub(super) const PROCESSES: &str = "cgroup.procs";

fn write(folder: &Path, file: &str, value: u64) -> std::io::Result<()> {
    fs_err::write(folder.join(file), value.to_string())
}

/// A group that is gone is removed, too.
fn remove(group: &Path) -> std::io::Result<()> {
    match fs_err::remove_dir(group) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn end(group: &Path) {
    let processes = std::fs::read_to_string(group.join(PROCESSES)).unwrap_or_default();
    for process in processes
        .lines()
        .filter_map(|id| Pid::from_raw(id.parse().ok()?))
    {
        // It may have gone by itself.
        let _ = rustix::process::kill_process(process, Signal::KILL);
    }
}

/// The groups in which the reader of the two files is, by version: `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`) and
/// `/proc/self/cgroup` (cgroups(7)).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) unified: Option<PathBuf>,
    pub(super) separate: Option<Folders>,
}

impl Own {
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

/// Where a hierarchy of groups, or a part of it, can be seen.
struct Mount<'a> {
    /// The group that `point` shows.
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
        // A group outside of what this process may see of the hierarchy begins with `/..`.
        let visible = !below.starts_with("..");
        visible.then(|| self.point.components().chain(below.components()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_one_hierarchy_are_found() {
        let mounts = "24 1 0:21 / /proc rw - proc proc rw\n\
                      30 24 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let own = Own::of(mounts, "0::/system.slice/jelou.service\n");
        let folder = PathBuf::from("/sys/fs/cgroup/system.slice/jelou.service");
        assert_eq!(own.unified, Some(folder));
        assert_eq!(own.separate, None);
        assert_eq!(Own::of(mounts, "0::/../other\n").unified, None);
        assert_eq!(Own::of("", "0::/\n").unified, None);
    }

    #[test]
    fn groups_of_a_hierarchy_for_each_controller_are_found() {
        let mounts = "31 30 0:28 /pod /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                      32 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      33 30 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      34 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let groups = "4:pids:/\n3:memory:/a/b\n2:cpu,cpuacct:/pod/c\n0::/\n";
        let own = Own::of(mounts, groups);
        assert_eq!(own.unified, Some(PathBuf::from("/sys/fs/cgroup/unified")));
        let separate = Folders::Separate {
            cpu: "/sys/fs/cgroup/cpu,cpuacct/c".into(),
            memory: "/sys/fs/cgroup/memory/a/b".into(),
            pids: "/sys/fs/cgroup/pids".into(),
        };
        assert_eq!(own.separate, Some(separate));
        // One of the three is not enough.
        let own = Own::of(mounts, "3:memory:/a/b\n");
        assert_eq!(own.separate, None);
    }
}
