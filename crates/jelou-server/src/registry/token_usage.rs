//! Counts the calls of each token since the counts were last stored. Only tokens in use have counts in memory.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jelou_core::histogram::Durations;
use jelou_core::{Histogram, TokenId};

/// Maximum number of tokens that are counted between two batches. Each needs 600 bytes.
const MAX_TOKENS: usize = 20_000;

#[derive(Debug, Default)]
pub(crate) struct TokenUsage {
    by_token: papaya::HashMap<TokenId, Arc<Usage>>,
    /// Counters that the last batch removed from the map. A call that got one before may still have increased it.
    idle: Mutex<Vec<(TokenId, Arc<Usage>)>>,
    /// Number of calls that were not counted because of [`MAX_TOKENS`].
    uncounted: AtomicU64,
}

#[derive(Debug, Default)]
struct Usage {
    /// Durations of allowed calls, until the head of the response.
    durations: Histogram,
    errors: AtomicU64,
    refused: AtomicU64,
    from: AtomicU8,
    /// Set only if the server is configured to record addresses.
    address: Mutex<Option<IpAddr>>,
}

/// Where the last allowed call came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum AddressClass {
    /// This machine, or another function.
    Local = 1,
    /// A private, shared or link-local network.
    Private,
    Public,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UsageCounts {
    pub(crate) durations: Durations,
    pub(crate) errors: u64,
    pub(crate) refused: u64,
    /// The address of the last caller, or its class; `None` without an allowed call.
    pub(crate) from: Option<String>,
}

impl TokenUsage {
    /// Counts a call that the token allowed. `recorded` is the caller's address if it may be recorded.
    pub(crate) fn called(
        &self,
        token: &TokenId,
        status: u16,
        duration: Duration,
        from: AddressClass,
        recorded: Option<IpAddr>,
    ) {
        self.count(token, |usage| {
            usage.durations.record(duration);
            if status >= 500 {
                usage.errors.fetch_add(1, Ordering::Relaxed);
            }
            // Reading first avoids contention, because most calls of a token have one class.
            if usage.from.load(Ordering::Relaxed) != from as u8 {
                usage.from.store(from as u8, Ordering::Relaxed);
            }
            if recorded.is_some() {
                *usage.address.lock().unwrap_or_else(PoisonError::into_inner) = recorded;
            }
        });
    }

    /// Counts a request that the token did not allow.
    #[cold]
    pub(crate) fn refused(&self, token: &TokenId) {
        self.count(token, |usage| {
            usage.refused.fetch_add(1, Ordering::Relaxed);
        });
    }

    fn count(&self, token: &TokenId, count: impl FnOnce(&Usage)) {
        let by_token = self.by_token.pin();
        if let Some(usage) = by_token.get(token) {
            return count(usage);
        }
        if by_token.len() >= MAX_TOKENS {
            self.uncounted.fetch_add(1, Ordering::Relaxed);
            return;
        }
        count(by_token.get_or_insert_with(token.clone(), Arc::default));
    }

    /// Returns the number of calls that were not counted, because too many tokens were in use.
    pub(crate) fn uncounted(&self) -> u64 {
        self.uncounted.load(Ordering::Relaxed)
    }

    /// Returns the counts of a token since the last [`take`](Self::take).
    pub(crate) fn read(&self, token: &TokenId) -> UsageCounts {
        let by_token = self.by_token.pin();
        by_token
            .get(token)
            .map(|usage| usage.read())
            .unwrap_or_default()
    }

    /// Returns and resets all counts.
    pub(crate) fn take(&self) -> Vec<(TokenId, UsageCounts)> {
        let by_token = self.by_token.pin();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<_> = idle
            .drain(..)
            .map(|(token, usage)| (token, usage.take()))
            .collect();
        for (token, usage) in &by_token {
            let counts = usage.take();
            if counts.is_empty() {
                by_token.remove(token);
                idle.push((token.clone(), Arc::clone(usage)));
            } else {
                taken.push((token.clone(), counts));
            }
        }
        taken.retain(|(_, counts)| !counts.is_empty());
        taken
    }

    /// Adds counts again that could not be stored.
    pub(crate) fn give_back(&self, taken: &[(TokenId, UsageCounts)]) {
        for (token, counts) in taken {
            self.count(token, |usage| {
                usage.durations.add(&counts.durations);
                usage.errors.fetch_add(counts.errors, Ordering::Relaxed);
                usage.refused.fetch_add(counts.refused, Ordering::Relaxed);
            });
        }
    }
}

impl Usage {
    fn read(&self) -> UsageCounts {
        UsageCounts {
            durations: self.durations.read(),
            errors: self.errors.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            from: self.from(),
        }
    }

    fn take(&self) -> UsageCounts {
        UsageCounts {
            durations: self.durations.take(),
            errors: self.errors.swap(0, Ordering::Relaxed),
            refused: self.refused.swap(0, Ordering::Relaxed),
            from: self.from(),
        }
    }

    fn from(&self) -> Option<String> {
        let address = *self.address.lock().unwrap_or_else(PoisonError::into_inner);
        let class = match self.from.load(Ordering::Relaxed) {
            1 => "local",
            2 => "private",
            3 => "public",
            _ => return None,
        };
        Some(address.map_or_else(|| class.to_owned(), |address| address.to_string()))
    }
}

impl UsageCounts {
    fn is_empty(&self) -> bool {
        self.durations.count() == 0 && self.errors == 0 && self.refused == 0
    }
}

impl AddressClass {
    /// Returns the class of a caller's address. A call by another function has no address.
    pub(crate) fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Local,
            Some(address) if address.is_loopback() => Self::Local,
            Some(address) if is_private(address) => Self::Private,
            Some(_) => Self::Public,
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        // 100.64.0.0/10 is shared address space (RFC 6598).
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(usage: &TokenUsage, token: &TokenId, status: u16) {
        let address = Some("192.0.2.1".parse().unwrap());
        let class = AddressClass::of(address);
        usage.called(token, status, Duration::from_millis(3), class, None);
    }

    #[test]
    fn counts_are_taken_once_and_idle_tokens_take_no_memory() {
        let usage = TokenUsage::default();
        let token = TokenId::generate();
        call(&usage, &token, 200);
        call(&usage, &token, 500);
        usage.refused(&token);
        let first = usage.take();
        assert_eq!(first.len(), 1);
        let counts = &first[0].1;
        assert_eq!(
            (counts.durations.count(), counts.errors, counts.refused),
            (2, 1, 1)
        );
        assert_eq!(counts.from.as_deref(), Some("public"));
        // The next batch includes a batch that could not be stored.
        usage.give_back(&first);
        let again = usage.take();
        assert_eq!(again[0].1.durations, first[0].1.durations);
        assert!(usage.take().is_empty() && usage.by_token.pin().is_empty());
        assert_eq!(usage.read(&token), UsageCounts::default());
    }

    #[test]
    fn a_count_that_comes_late_is_not_lost() {
        let usage = TokenUsage::default();
        let token = TokenId::generate();
        call(&usage, &token, 200);
        let late = Arc::clone(usage.by_token.pin().get(&token).unwrap());
        usage.take();
        usage.take();
        late.durations.record(Duration::ZERO);
        assert_eq!(usage.take()[0].1.durations.count(), 1);
    }

    #[test]
    fn the_number_of_counted_tokens_is_limited() {
        let usage = TokenUsage::default();
        for _ in 0..MAX_TOKENS + 5 {
            usage.refused(&TokenId::generate());
        }
        assert_eq!(usage.uncounted(), 5);
        assert_eq!(usage.take().len(), MAX_TOKENS);
    }

    #[test]
    fn classes_of_addresses() {
        for (address, class) in [
            ("127.0.0.1", AddressClass::Local),
            ("::ffff:127.0.0.1", AddressClass::Local),
            ("::1", AddressClass::Local),
            ("10.1.2.3", AddressClass::Private),
            ("192.168.1.1", AddressClass::Private),
            ("100.64.0.1", AddressClass::Private),
            ("fd00::1", AddressClass::Private),
            ("fe80::1", AddressClass::Private),
            ("203.0.113.9", AddressClass::Public),
            ("2001:4860::1", AddressClass::Public),
        ] {
            assert_eq!(
                AddressClass::of(Some(address.parse().unwrap())),
                class,
                "{address}"
            );
        }
        assert_eq!(AddressClass::of(None), AddressClass::Local);
    }
}
