//! Decides when a function gets another process, and when one of its processes ends.

use std::num::NonZero;

/// An event loop that has work for at least this percentage of the time is overloaded.
const BUSY_PERCENT: u32 = 75;
/// A process is surplus if the event loops of the others would have work for at most this percentage of the time.
const QUIET_PERCENT: u32 = 50;
/// Free processor time that another process needs, in percent of one core. With less, the processes would only share a
/// core.
const FREE_PERCENT: u32 = 40;
/// A function gets another process when at least this percentage of its stream permits is taken. Such a process needs
/// no free core.
const STREAMS_SHORT_PERCENT: usize = 75;
/// A process is surplus if the other processes would use at most this percentage of their stream permits.
const STREAMS_EASY_PERCENT: usize = 50;
/// A process counts as busy only with at least this many requests in flight, because a single request delays no other.
const WAITING: usize = 2;
/// Number of consecutive checks that must have the same result.
const CHECKS_TO_GROW: u32 = 2;
const CHECKS_TO_SHRINK: u32 = 20;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Percentage of the time in which the event loop ran.
    pub(crate) running_percent: u32,
    /// Percentage of the time in which the event loop waited for a core.
    pub(crate) waiting_percent: u32,
    pub(crate) in_flight: usize,
}

impl Load {
    fn work_percent(self) -> u32 {
        self.running_percent + self.waiting_percent
    }

    fn is_too_much(self) -> bool {
        self.work_percent() >= BUSY_PERCENT && self.in_flight >= WAITING
    }
}

/// The response streams and `WebSocket`s of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams {
    pub(crate) open: usize,
    /// Number of stream permits of one process.
    pub(crate) per_process: usize,
}

impl Streams {
    /// Returns whether `processes` processes have few free permits.
    fn are_short(self, processes: usize) -> bool {
        self.open * 100 >= processes * self.per_process * STREAMS_SHORT_PERCENT
    }

    fn fit_easily(self, processes: usize) -> bool {
        self.open * 100 <= processes * self.per_process * STREAMS_EASY_PERCENT
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalingDecision {
    Keep,
    OneMore,
    OneLess,
}

/// The results of the last checks of a function's processes.
#[derive(Debug, Default)]
pub(crate) struct Scaling {
    busy: u32,
    quiet: u32,
}

impl Scaling {
    /// Returns whether to add or to end a process. `free_percent` is the machine's free processor time, in percent of
    /// one core.
    pub(crate) fn decide(
        &mut self,
        loads: &[Load],
        streams: Streams,
        max_processes: NonZero<usize>,
        free_percent: u32,
    ) -> ScalingDecision {
        let count = loads.len();
        let busy = streams.are_short(count)
            || (free_percent >= FREE_PERCENT && loads.iter().all(|load| load.is_too_much()));
        let used: u32 = loads.iter().map(|load| load.work_percent()).sum();
        let left = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
        let quiet = used <= left.saturating_mul(QUIET_PERCENT)
            && streams.fit_easily(count.saturating_sub(1));
        self.busy = if busy { self.busy + 1 } else { 0 };
        self.quiet = if quiet { self.quiet + 1 } else { 0 };
        let decision = match count {
            1.. if count < max_processes.get() && self.busy >= CHECKS_TO_GROW => {
                ScalingDecision::OneMore
            }
            2.. if self.quiet >= CHECKS_TO_SHRINK => ScalingDecision::OneLess,
            _ => ScalingDecision::Keep,
        };
        if decision != ScalingDecision::Keep {
            *self = Self::default();
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Load = Load {
        running_percent: 90,
        waiting_percent: 8,
        in_flight: 5,
    };
    const QUIET: Load = Load {
        running_percent: 10,
        waiting_percent: 0,
        in_flight: 1,
    };

    const NO_STREAMS: Streams = Streams {
        open: 0,
        per_process: 100,
    };

    /// The first decision, and the number of the check that led to it.
    fn first_decision(loads: &[Load], most: usize) -> Option<(u32, ScalingDecision)> {
        let mut scaling = Scaling::default();
        let most = NonZero::new(most).unwrap();
        (1..=100).find_map(|check| {
            let decision = scaling.decide(loads, NO_STREAMS, most, 100);
            (decision != ScalingDecision::Keep).then_some((check, decision))
        })
    }

    #[test]
    fn a_function_grows_when_every_process_is_busy() {
        let grown = Some((CHECKS_TO_GROW, ScalingDecision::OneMore));
        assert_eq!(first_decision(&[BUSY], 4), grown);
        assert_eq!(first_decision(&[BUSY, BUSY], 4), grown);
        assert_eq!(first_decision(&[BUSY, BUSY], 2), None);
        assert_eq!(first_decision(&[BUSY, QUIET], 4), None);
        assert_eq!(first_decision(&[], 4), None);
    }

    #[test]
    fn a_single_long_computation_starts_no_process() {
        let alone = Load {
            in_flight: 1,
            ..BUSY
        };
        assert_eq!(first_decision(&[alone], 4), None);
    }

    #[test]
    fn a_function_does_not_grow_without_a_free_core() {
        let mut scaling = Scaling::default();
        let most = NonZero::new(4).unwrap();
        for _ in 0..10 {
            assert_eq!(
                scaling.decide(&[BUSY], NO_STREAMS, most, 30),
                ScalingDecision::Keep
            );
        }
    }

    #[test]
    fn a_function_grows_for_streams_without_a_free_core() {
        let grows = |processes: usize, open: usize| {
            let mut scaling = Scaling::default();
            let streams = Streams {
                open,
                per_process: 100,
            };
            let most = NonZero::new(4).unwrap();
            let loads = vec![QUIET; processes];
            let mut decisions = (0..100).map(|_| scaling.decide(&loads, streams, most, 0));
            decisions.find(|decision| *decision != ScalingDecision::Keep)
        };
        assert_eq!(grows(1, 74), None);
        assert_eq!(grows(1, 75), Some(ScalingDecision::OneMore));
        assert_eq!(grows(2, 149), None);
        assert_eq!(grows(2, 51), None);
        assert_eq!(grows(2, 50), Some(ScalingDecision::OneLess));
        assert_eq!(grows(4, 400), None);
    }

    #[test]
    fn a_function_shrinks_when_fewer_processes_are_enough() {
        let shrunk = Some((CHECKS_TO_SHRINK, ScalingDecision::OneLess));
        assert_eq!(first_decision(&[QUIET, QUIET], 4), shrunk);
        assert_eq!(first_decision(&[QUIET], 4), None);
        let half = Load {
            running_percent: 40,
            ..QUIET
        };
        assert_eq!(first_decision(&[half, half], 4), None);
    }

    #[test]
    fn a_check_that_disagrees_restarts_the_count() {
        let mut scaling = Scaling::default();
        let most = NonZero::new(4).unwrap();
        for load in [BUSY, QUIET, BUSY] {
            assert_eq!(
                scaling.decide(&[load], NO_STREAMS, most, 100),
                ScalingDecision::Keep
            );
        }
        assert_eq!(
            scaling.decide(&[BUSY], NO_STREAMS, most, 100),
            ScalingDecision::OneMore
        );
    }
}
