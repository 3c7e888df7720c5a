//! How much memory this machine has and how much of it is left, or of the control group that the server runs in; and how
//! much of its cores.

use std::path::Path;

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    pub(crate) available: u64,
}

impl Memory {
    /// `None` where the kernel does not tell.
    pub(crate) fn look() -> Option<Self> {
        let machine = Self::of_machine(&read("/proc/meminfo")?)?;
        let groups = read("/proc/self/cgroup").unwrap_or_default();
        Some(
            folders_of(&groups)
                .filter_map(|folder| Self::of_group(&folder))
                .fold(machine, |least, group| Self {
                    total: least.total.min(group.total),
                    available: least.available.min(group.available),
                }),
        )
    }

    /// `proc_meminfo(5)`
    fn of_machine(text: &str) -> Option<Self> {
        let bytes = |field| Some(number_after(text, field)? * 1024);
        Some(Self {
            total: bytes("MemTotal:")?,
            available: bytes("MemAvailable:")?,
        })
    }

    /// A control group with a limit, of either version (the kernel's `cgroup-v2.rst` and `cgroup-v1/memory.rst`). What
    /// it keeps of files that nobody uses can be had at once.
    fn of_group(folder: &str) -> Option<Self> {
        let number = |name: &str| {
            read(&format!("{folder}/{name}"))?
                .trim()
                .parse::<u64>()
                .ok()
        };
        let total = number("memory.max").or_else(|| number("memory.limit_in_bytes"))?;
        let used = number("memory.current").or_else(|| number("memory.usage_in_bytes"))?;
        let files = read(&format!("{folder}/memory.stat"))
            .and_then(|text| number_after(&text, "inactive_file "))
            .unwrap_or_default();
        Some(Self {
            total,
            available: total.saturating_sub(used.saturating_sub(files)),
        })
    }
}

/// How much of the cores nobody needs.
#[derive(Debug, Default)]
pub(crate) struct Cores {
    last: Option<CoreTime>,
}

/// Clock ticks of all cores together.
#[derive(Debug, Clone, Copy)]
struct CoreTime {
    /// Idle, waiting for a disk, or with work that lets all other work go first.
    free: u64,
    all: u64,
}

impl Cores {
    /// Percent of one core, since the last look.
    pub(crate) fn look(&mut self, cores: usize) -> u32 {
        let Some(now) = read("/proc/stat").and_then(|text| CoreTime::of(&text)) else {
            return 0;
        };
        let last = self.last.replace(now).unwrap_or(now);
        let free = now.free.saturating_sub(last.free);
        let all = now.all.saturating_sub(last.all).max(1);
        u32::try_from(free * 100 * cores as u64 / all).unwrap_or(u32::MAX)
    }
}

impl CoreTime {
    /// `proc_stat(5)`: user, nice, system, idle, iowait, ...; the time of guests is in the first two.
    fn of(text: &str) -> Option<Self> {
        let fields = text.lines().next()?.strip_prefix("cpu ")?;
        let mut ticks = [0; 8];
        for (tick, field) in ticks.iter_mut().zip(fields.split_ascii_whitespace()) {
            *tick = field.parse().ok()?;
        }
        let [_, nice, _, idle, iowait, ..] = ticks;
        Some(Self {
            free: nice + idle + iowait,
            all: ticks.iter().sum(),
        })
    }
}

/// The folders of the control groups that a process is in, each with all above it (cgroups(7), `/proc/[pid]/cgroup`).
fn folders_of(groups: &str) -> impl Iterator<Item = String> {
    groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let root = match fields.next() {
            Some("") => Some("/sys/fs/cgroup"),
            Some("memory") => Some("/sys/fs/cgroup/memory"),
            _ => None,
        };
        let path = fields.next().unwrap_or("/");
        root.into_iter().flat_map(move |root| {
            Path::new(path)
                .ancestors()
                .map(move |path| format!("{root}{}", path.display()))
        })
    })
}

fn number_after(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory() {
        let memory = Memory::look().unwrap();
        assert!(memory.available > 1024 * 1024, "{memory:?}");
        assert!(memory.total > memory.available, "{memory:?}");
    }

    #[test]
    fn work_that_lets_others_go_first_leaves_its_core_free() {
        let time = CoreTime::of("cpu  10 20 5 60 4 1 0 0 0 0\ncpu0 1 1\n").unwrap();
        assert_eq!((time.free, time.all), (84, 100));
        assert_eq!(Cores::default().look(2), 0);
    }

    #[test]
    fn the_groups_above_count_too() {
        let folders = |groups| folders_of(groups).collect::<Vec<_>>();
        assert_eq!(
            folders("0::/a/b\n"),
            ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup/"]
        );
        assert_eq!(
            folders("8:pids:/c\n4:memory:/d\n"),
            ["/sys/fs/cgroup/memory/d", "/sys/fs/cgroup/memory/"]
        );
    }

    #[test]
    fn a_group_has_what_its_limit_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let of_group = || Memory::of_group(&folder.path().display().to_string());
        let write = |name, text| fs_err::write(folder.path().join(name), text).unwrap();
        write("memory.current", "70\n");
        write("memory.stat", "anon 60\ninactive_file 10\nactive_file 0\n");
        write("memory.max", "max\n");
        assert_eq!(of_group(), None);
        write("memory.max", "100\n");
        let (total, available) = (100, 40);
        assert_eq!(of_group(), Some(Memory { total, available }));
    }
}
