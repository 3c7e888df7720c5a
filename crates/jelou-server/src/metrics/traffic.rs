//! Stores the counts of each function per minute, as one line of JSON per minute, and reads them for reports.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jelou_core::api::{Traffic as Sums, TrafficPoint, TrafficReport};
use jelou_core::histogram::{BUCKETS, Durations};
use jelou_core::{Clock, FunctionId};
use jelou_store::{Store, StoreError, TrafficLine};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::counters::{FunctionCounters, ServerCounters};
use super::{FunctionMetrics, Metrics};
use crate::registry::Registry;

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Number of minutes between deletions of data that is too old.
const SWEEP_EVERY: u32 = 60;

/// Stores the counts of each minute, and reports them.
#[derive(Debug)]
pub(crate) struct Traffic {
    registry: Arc<Registry>,
    store: Store,
    metrics: Arc<Metrics>,
    clock: Clock,
    max_age: Duration,
    /// By function: the counts since the server's start that are already stored. Locked while counts are stored, so
    /// that a report counts nothing twice.
    stored: Mutex<HashMap<FunctionId, Counts>>,
}

/// The counts of a function since the server's start.
#[derive(Debug, Clone, Default)]
struct Counts {
    counters: Vec<u64>,
    durations: Durations,
}

/// The counts of one minute. Its field names are short, because there are many stored minutes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Minute {
    /// The minute within the hour.
    m: i64,
    /// Counters by the name of their field, without zeros.
    c: BTreeMap<Cow<'static, str>, u64>,
    /// Pairs of a duration bucket and its count.
    d: Vec<(usize, u64)>,
    /// Sum of the durations in microseconds.
    s: u64,
}

impl Traffic {
    pub(crate) fn new(
        registry: Arc<Registry>,
        store: Store,
        metrics: Arc<Metrics>,
        clock: Clock,
        max_age: Duration,
    ) -> Self {
        Self {
            registry,
            store,
            metrics,
            clock,
            max_age,
            stored: Mutex::default(),
        }
    }

    /// Stores the counts at the end of each minute.
    pub(crate) async fn store_periodically(self: Arc<Self>) {
        for minutes in 0.. {
            let rest = MINUTE_MS - self.clock.now_ms().rem_euclid(MINUTE_MS);
            tokio::time::sleep(Duration::from_millis(rest.unsigned_abs())).await;
            // One second back, so that the time is in the minute that has just ended.
            self.store_now(self.clock.now_ms() - 1000).await;
            if minutes % SWEEP_EVERY == 0 {
                self.sweep().await;
            }
        }
    }

    /// Stores the counts since the last store, as the counts of the minute of `at_ms`. After an error, the counts stay
    /// in memory and are stored next time.
    pub(crate) async fn store_now(&self, at_ms: i64) {
        let mut stored = self.stored.lock().await;
        let mut lines = Vec::new();
        let mut read = HashMap::new();
        for function in self.registry.functions() {
            let before = stored.get(&function.id);
            let (minute, counts) = new_counts(before, &function.metrics, at_ms);
            if let Some(minute) = minute {
                lines.push(TrafficLine {
                    function: function.id.clone(),
                    hour_ms: at_ms - at_ms.rem_euclid(HOUR_MS),
                    line: serde_json::to_string(&minute).unwrap_or_default(),
                });
            }
            read.insert(function.id.clone(), counts);
        }
        let ServerCounters {
            traffic_flushes,
            traffic_flushes_failed,
            ..
        } = &self.metrics.server;
        match self.store.add_traffic(&lines).await {
            Ok(()) => {
                traffic_flushes.increment();
                *stored = read;
            }
            Err(error) => {
                traffic_flushes_failed.increment();
                tracing::warn!(%error, "cannot store the counts of calls of the last minute");
            }
        }
    }

    async fn sweep(&self) {
        if let Err(error) = self.try_sweep().await {
            tracing::warn!(%error, "cannot delete old counts of calls");
        }
    }

    async fn try_sweep(&self) -> Result<(), StoreError> {
        let age = i64::try_from(self.max_age.as_millis()).unwrap_or(i64::MAX);
        let now_ms = self.store.deletion_time().await?.as_millisecond();
        self.store.sweep_traffic(now_ms.saturating_sub(age)).await
    }

    /// Returns the traffic of a function in the last `hours`, in points of length `step`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) async fn report(
        &self,
        function: &FunctionId,
        hours: u32,
        step: SignedDuration,
    ) -> Result<TrafficReport, StoreError> {
        let until_ms = self.clock.now_ms();
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(HOUR_MS);
        // The last point is the current step, which is not complete yet.
        let end_ms = (until_ms / step_ms + 1) * step_ms;
        let since_ms = end_ms - i64::from(hours) * HOUR_MS;
        let stored = self.stored.lock().await;
        let mut minutes = Vec::new();
        let first_hour = since_ms - since_ms.rem_euclid(HOUR_MS);
        for (hour_ms, lines) in self.store.traffic(function, first_hour).await? {
            // A line that cannot be parsed was written by a later version, and is skipped.
            let read = lines.lines().filter_map(|line| {
                let minute: Minute = serde_json::from_str(line).ok()?;
                Some((hour_ms + minute.m * MINUTE_MS, minute))
            });
            minutes.extend(read);
        }
        let functions = self.registry.functions();
        if let Some(known) = functions.iter().find(|known| known.id == *function)
            && let (Some(minute), _) = new_counts(stored.get(function), &known.metrics, until_ms)
        {
            minutes.push((until_ms, minute));
        }
        let mut total = Point::default();
        let count = usize::try_from((end_ms - since_ms) / step_ms).unwrap_or_default();
        let mut points = vec![Point::default(); count.max(1)];
        for (at_ms, minute) in &minutes {
            let index = (at_ms - since_ms).div_euclid(step_ms);
            if let Ok(index) = usize::try_from(index)
                && let Some(point) = points.get_mut(index)
            {
                point.add(minute);
                total.add(minute);
            }
        }
        let time = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default();
        Ok(TrafficReport {
            since: time(since_ms),
            until: time(until_ms),
            step_seconds: u64::try_from(step.as_secs()).unwrap_or_default(),
            total: total.sums(),
            points: (0i64..)
                .zip(&points)
                .map(|(index, point)| TrafficPoint {
                    time: time(since_ms + index * step_ms),
                    traffic: point.sums(),
                })
                .collect(),
        })
    }
}

/// Returns the counts that are not stored yet (`None` if there are none), and all counts since the server's start.
fn new_counts(
    stored: Option<&Counts>,
    metrics: &FunctionMetrics,
    at_ms: i64,
) -> (Option<Minute>, Counts) {
    let counts = Counts {
        counters: metrics.counters.read(),
        durations: metrics.durations.read(),
    };
    let stored = stored.cloned().unwrap_or_default();
    let durations = counts.durations.since(&stored.durations);
    let before = stored.counters.iter().copied().chain(std::iter::repeat(0));
    let counters: BTreeMap<_, _> = FunctionCounters::EXPOSED
        .iter()
        .zip(counts.counters.iter().zip(before))
        .map(|(exposed, (now, before))| (exposed.field.into(), now - before))
        .filter(|(_, count)| *count > 0)
        .collect();
    let minute = Minute {
        m: at_ms.rem_euclid(HOUR_MS) / MINUTE_MS,
        c: counters,
        d: durations
            .counts
            .into_iter()
            .enumerate()
            .filter(|(_, count)| *count > 0)
            .collect(),
        s: durations.sum_us,
    };
    let is_quiet = minute.c.is_empty() && minute.d.is_empty();
    ((!is_quiet).then_some(minute), counts)
}

/// The sum of several minutes.
#[derive(Debug, Clone, Default)]
struct Point {
    counters: BTreeMap<String, u64>,
    durations: Durations,
}

impl Point {
    fn add(&mut self, minute: &Minute) {
        for (name, count) in &minute.c {
            *self.counters.entry(name.to_string()).or_default() += count;
        }
        for (bucket, count) in &minute.d {
            self.durations.counts[(*bucket).min(BUCKETS - 1)] += count;
        }
        self.durations.sum_us += minute.s;
    }

    fn sums(&self) -> Sums {
        let get = |name: &str| self.counters.get(name).copied().unwrap_or_default();
        let classes = [
            "calls_1xx",
            "calls_2xx",
            "calls_3xx",
            "calls_4xx",
            "calls_5xx",
        ];
        let quantile = |part| {
            let ms = self.durations.quantile_ms(part)?;
            Some((ms * 100.0).round() / 100.0)
        };
        Sums {
            calls: classes.into_iter().map(get).sum(),
            refused: get("calls_4xx"),
            errors: get("calls_5xx"),
            cold_starts: get("cold_starts"),
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            counters: self.counters.clone(),
        }
    }
}
