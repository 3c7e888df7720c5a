//! The memory of this machine, or of the server's control group.

use std::path::Path;

/// Total and available memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MachineMemory {
    pub(crate) total: u64,
    pub(crate) available: u64,
}

impl MachineMemory {
    /// Reads the memory of the machine, limited by the control groups of this process. `None` if `/proc` cannot be read.
    pub(crate) fn read() -> Option<Self> {
        let machine = Self::of_machine(&read_file("/proc/meminfo")?)?;
        let groups = read_file("/proc/self/cgroup").unwrap_or_default();
        Some(
            folders_of(&groups)
                .filter_map(|folder| Self::of_group(&folder))
                .fold(machine, |least, group| Self {
                    total: least.total.min(group.total),
                    available: least.available.min(group.available),
                }),
        )
    }

    /// Parses `proc_meminfo(5)`.
    fn of_machine(text: &str) -> Option<Self> {
        let bytes = |field| Some(number_after(text, field)? * 1024);
        Some(Self {
            total: bytes("MemTotal:")?,
            available: bytes("MemAvailable:")?,
        })
    }

    /// Reads the memory of a control group of version 1 or 2 (the kernel's `cgroup-v2.rst` and `cgroup-v1/memory.rst`).
    /// `None` if the group has no limit. The inactive page cache counts as available, because the kernel can reclaim it
    /// immediately.
    fn of_group(folder: &str) -> Option<Self> {
        let number = |name: &str| {
            read_file(&format!("{folder}/{name}"))?
                .trim()
                .parse::<u64>()
                .ok()
        };
        let total = number("memory.max").or_else(|| number("memory.limit_in_bytes"))?;
        let used = number("memory.current").or_else(|| number("memory.usage_in_bytes"))?;
        let files = read_file(&format!("{folder}/memory.stat"))
            .and_then(|text| number_after(&text, "inactive_file "))
            .unwrap_or_default();
        Some(Self {
            total,
            available: total.saturating_sub(used.saturating_sub(files)),
        })
    }
}

/// Returns the folders of a process's control groups and of their ancestors (cgroups(7), `/proc/[pid]/cgroup`).
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

fn read_file(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_machine_is_read() {
        let memory = MachineMemory::read().unwrap();
        assert!(memory.available > 1024 * 1024, "{memory:?}");
        assert!(memory.total > memory.available, "{memory:?}");
    }

    #[test]
    fn ancestor_groups_count_too() {
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
    fn the_memory_of_a_group_follows_from_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let of_group = || MachineMemory::of_group(&folder.path().display().to_string());
        let write = |name, text| fs_err::write(folder.path().join(name), text).unwrap();
        write("memory.current", "70\n");
        write("memory.stat", "anon 60\ninactive_file 10\nactive_file 0\n");
        write("memory.max", "max\n");
        assert_eq!(of_group(), None);
        write("memory.max", "100\n");
        let (total, available) = (100, 40);
        assert_eq!(of_group(), Some(MachineMemory { total, available }));
    }
}
