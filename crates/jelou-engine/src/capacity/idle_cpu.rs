//! The free processor time of the machine.

use jelou_sandbox::cores;

#[derive(Debug, Default)]
pub(crate) struct IdleCpu {
    last: Option<CpuTime>,
}

/// Clock ticks of all cores together.
#[derive(Debug, Clone, Copy)]
struct CpuTime {
    /// Ticks in which the core was idle, waited for a disk, or ran niced processes.
    free: u64,
    all: u64,
}

impl IdleCpu {
    /// Returns the free processor time since the last sample, in percent of one core. The first sample is 0.
    pub(crate) fn sample(&mut self) -> u32 {
        let Some(now) = std::fs::read_to_string("/proc/stat")
            .ok()
            .and_then(|text| CpuTime::parse(&text))
        else {
            return 0;
        };
        let last = self.last.replace(now).unwrap_or(now);
        let free = now.free.saturating_sub(last.free);
        let all = now.all.saturating_sub(last.all).max(1);
        u32::try_from(free * 100 * cores() as u64 / all).unwrap_or(u32::MAX)
    }
}

impl CpuTime {
    /// Parses the first line of `proc_stat(5)`: user, nice, system, idle, iowait, ... The first two fields include the
    /// time of virtual machines (`guest`).
    fn parse(text: &str) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn niced_work_counts_as_free() {
        let time = CpuTime::parse("cpu  10 20 5 60 4 1 0 0 0 0\ncpu0 1 1\n").unwrap();
        assert_eq!((time.free, time.all), (84, 100));
        assert_eq!(IdleCpu::default().sample(), 0);
    }
}
