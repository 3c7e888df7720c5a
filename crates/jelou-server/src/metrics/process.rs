//! The resource usage of the server's own process, as the kernel reports it.

/// Values that Prometheus clients usually report about a process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) open_files: u64,
    pub(super) max_files: u64,
    /// Start time in seconds since the Unix epoch.
    pub(super) started: f64,
}

/// Reads the values. `None` if `/proc` cannot be read.
#[expect(clippy::cast_precision_loss, reason = "ticks are far below 2^52")]
pub(super) fn read() -> Option<Process> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The fields follow the last parenthesis, because the name of the program may contain any character
    // (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    // Fields are numbered from 1, and the state, which follows the name, is number 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let boot = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 = boot
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .parse()
        .ok()?;
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    Some(Process {
        cpu_seconds: (field(14)? + field(15)?) as f64 / ticks,
        resident_bytes: field(24)? * rustix::param::page_size() as u64,
        open_files: std::fs::read_dir("/proc/self/fd").ok()?.count() as u64,
        max_files: files.current.unwrap_or(u64::MAX),
        started: boot as f64 + field(22)? as f64 / ticks,
    })
}
