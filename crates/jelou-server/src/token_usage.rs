//! Stores the counts of tokens in batches, outside of the request path. Calls are stored every minute. Quotas are
//! stored more often, because a killed server loses the counts that are not stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jelou_core::api::{TokenUsageCounts, TokenUsageDay, TokenUsageReport};
use jelou_core::histogram::{BUCKETS, Durations};
use jelou_core::{Clock, FunctionId};
use jelou_store::{Readable, RuntimeTokenRecord, Store, StoreError, TokenCounts, TokenUse};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::last_used::PERIOD;
use crate::registry::{Registry, UsageCounts};

/// How often quotas are stored. A killed server loses at most the quota counts of this time.
pub(crate) const QUOTA_PERIOD: Duration = Duration::from_secs(5);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Number of batches between two deletions of old days.
const SWEEP_EVERY: u32 = 60;

/// Stores and reads the counts of tokens.
#[derive(Debug)]
pub(crate) struct TokenCounters {
    registry: Arc<Registry>,
    store: Store,
    clock: Clock,
    max_age: Duration,
    /// Locked while counts are stored, so that a report does not miss counts.
    storing: Mutex<()>,
}

impl TokenCounters {
    pub(crate) fn new(
        registry: Arc<Registry>,
        store: Store,
        clock: Clock,
        max_age: Duration,
    ) -> Self {
        Self {
            registry,
            store,
            clock,
            max_age,
            storing: Mutex::default(),
        }
    }

    pub(crate) async fn store_periodically(self: Arc<Self>) {
        for minutes in 0.. {
            tokio::time::sleep(PERIOD).await;
            self.store_usage().await;
            if minutes % SWEEP_EVERY == 0 {
                self.sweep().await;
            }
        }
    }

    pub(crate) async fn store_quotas_periodically(self: Arc<Self>) {
        loop {
            tokio::time::sleep(QUOTA_PERIOD).await;
            self.store_quotas().await;
        }
    }

    /// Stores the counts since the last batch. After an error, the counts stay in memory.
    pub(crate) async fn store_usage(&self) {
        let _storing = self.storing.lock().await;
        let usage = &self.registry.token_usage;
        let taken = usage.take();
        let uses: Vec<_> = taken
            .iter()
            .map(|(token, counts)| TokenUse {
                token: token.clone(),
                from: counts.from.clone(),
                counts: stored_form(counts),
            })
            .collect();
        if let Err((stored, error)) = self.store.add_token_usage(self.today(), &uses).await {
            tracing::warn!(%error, "cannot store the counts of calls of tokens");
            usage.give_back(&taken[stored..]);
        }
    }

    /// Adds the calls of quotas to the stored counts, and applies the calls that other servers have added.
    pub(crate) async fn store_quotas(&self) {
        let tokens = &self.registry.tokens;
        let unstored = tokens.unstored_quotas();
        match self.store.add_quotas(&unstored).await {
            Ok(sums) => tokens.mark_quotas_stored(&unstored, &sums),
            Err(error) => tracing::warn!(%error, "cannot store the quotas of tokens"),
        }
    }

    async fn sweep(&self) {
        if let Err(error) = self.try_sweep().await {
            tracing::warn!(%error, "cannot delete old counts of calls of tokens");
        }
    }

    async fn try_sweep(&self) -> Result<(), StoreError> {
        let age = i64::try_from(self.max_age.as_millis()).unwrap_or(i64::MAX);
        let now_ms = self.store.deletion_time().await?.as_millisecond();
        let before = now_ms.saturating_sub(age).div_euclid(DAY_MS);
        self.store.sweep_token_usage(before).await
    }

    /// Returns the current day in UTC, as days since the Unix epoch.
    fn today(&self) -> i64 {
        self.clock.now_ms().div_euclid(DAY_MS)
    }

    /// Returns the use of a function's tokens in the last `days`, including today.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn report(
        &self,
        function: &FunctionId,
        tokens: Readable<RuntimeTokenRecord>,
        days: u32,
    ) -> Result<Readable<TokenUsageReport>, StoreError> {
        let today = self.today();
        let first = today - i64::from(days.saturating_sub(1));
        let mut by_token: BTreeMap<_, BTreeMap<i64, Sum>> = BTreeMap::new();
        let _storing = self.storing.lock().await;
        for (token, day, counts) in self.store.token_usage(function, first).await? {
            let sum = by_token.entry(token).or_default().entry(day).or_default();
            sum.add_stored(&counts);
        }
        Ok(tokens.map(|token| {
            let mut days = by_token.remove(&token.id).unwrap_or_default();
            let unstored = self.registry.token_usage.read(&token.id);
            days.entry(today).or_default().add(&unstored);
            report(token, days)
        }))
    }
}

fn report(token: RuntimeTokenRecord, mut days: BTreeMap<i64, Sum>) -> TokenUsageReport {
    days.retain(|_, sum| *sum != Sum::default());
    let mut total = Sum::default();
    for sum in days.values() {
        total.durations.add(&sum.durations);
        total.errors += sum.errors;
        total.refused += sum.refused;
    }
    TokenUsageReport {
        id: token.id,
        name: token.name,
        total: total.counts(),
        days: days
            .into_iter()
            .map(|(day, sum)| TokenUsageDay {
                date: date(day),
                counts: sum.counts(),
            })
            .collect(),
    }
}

/// The counts of a token on one or more days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sum {
    durations: Durations,
    errors: u64,
    refused: u64,
}

impl Sum {
    fn add(&mut self, counts: &UsageCounts) {
        self.durations.add(&counts.durations);
        self.errors += counts.errors;
        self.refused += counts.refused;
    }

    fn add_stored(&mut self, counts: &TokenCounts) {
        for (bucket, count) in &counts.durations {
            self.durations.counts[(*bucket).min(BUCKETS - 1)] += count;
        }
        self.errors += counts.errors;
        self.refused += counts.refused;
    }

    fn counts(&self) -> TokenUsageCounts {
        let p95 = self.durations.quantile_ms(0.95);
        TokenUsageCounts {
            calls: self.durations.count(),
            errors: self.errors,
            refused: self.refused,
            p95_ms: p95.map(|ms| (ms * 100.0).round() / 100.0),
        }
    }
}

fn stored_form(counts: &UsageCounts) -> TokenCounts {
    let durations = counts.durations.counts.into_iter().enumerate();
    TokenCounts {
        durations: durations.filter(|(_, count)| *count > 0).collect(),
        errors: counts.errors,
        refused: counts.refused,
    }
}

fn date(day: i64) -> Date {
    let at = Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_hours(24 * day));
    let at = at.unwrap_or(Timestamp::MAX);
    jiff::tz::TimeZone::UTC.to_datetime(at).date()
}
