//! How old the state is from which this server answers calls, compared with the database that it shares with others.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};
use serde_json::json;

use crate::gateway::{GatewayBody, answer};

/// If the database does not answer for longer, it counts as away.
const AWAY: Duration = Duration::from_secs(5);

/// How old the state is. Always current if no other server uses the database.
#[derive(Debug)]
pub(crate) struct Freshness {
    is_shared: bool,
    /// The age from which on calls are refused. `None`: never.
    max_stale: Option<Duration>,
    start: Instant,
    /// When the state was last known to equal the database, in milliseconds since `start`.
    current_at_ms: AtomicI64,
    /// Whether the database is back, and its changes are being applied.
    is_reloading: AtomicBool,
}

/// Whether a load balancer may send calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Ready,
    /// The database does not answer. Calls are answered from the last known state.
    Away,
    /// The database is back, and its changes are being applied.
    Reloading,
    /// The state is older than `database.max_stale_ms`. Calls are refused.
    Stale,
}

/// Marks the time in which changes are applied after the database was away.
#[derive(Debug)]
pub(crate) struct Reloading<'a>(&'a Freshness);

impl Drop for Reloading<'_> {
    fn drop(&mut self) {
        self.0.is_reloading.store(false, Ordering::Relaxed);
    }
}

impl Freshness {
    /// Creates the value for a state that was current `age` ago.
    pub(crate) fn new(is_shared: bool, max_stale: Option<Duration>, age: Duration) -> Self {
        Self {
            is_shared,
            max_stale: max_stale.filter(|_| is_shared),
            start: Instant::now(),
            current_at_ms: AtomicI64::new(-milliseconds(age)),
            is_reloading: AtomicBool::new(false),
        }
    }

    /// Notes that the state equalled the database at this time.
    pub(crate) fn set_current(&self, at: Instant) {
        let at_ms = milliseconds(at.saturating_duration_since(self.start));
        self.current_at_ms.store(at_ms, Ordering::Relaxed);
    }

    pub(crate) fn age(&self) -> Duration {
        let now_ms = milliseconds(self.start.elapsed());
        let age_ms = now_ms - self.current_at_ms.load(Ordering::Relaxed);
        Duration::from_millis(age_ms.try_into().unwrap_or_default())
    }

    /// Whether calls are refused.
    pub(crate) fn is_stale(&self) -> bool {
        self.max_stale.is_some_and(|limit| self.age() > limit)
    }

    /// If the database was away, the state counts as reloading until the returned value is dropped.
    pub(crate) fn reloading(&self) -> Option<Reloading<'_>> {
        (self.age() > AWAY).then(|| {
            self.is_reloading.store(true, Ordering::Relaxed);
            Reloading(self)
        })
    }

    fn readiness(&self) -> Readiness {
        if self.is_stale() {
            Readiness::Stale
        } else if self.is_reloading.load(Ordering::Relaxed) {
            Readiness::Reloading
        } else if self.is_shared && self.age() > AWAY {
            Readiness::Away
        } else {
            Readiness::Ready
        }
    }

    /// Answers a load balancer. Before a server has loaded its state, it does not listen yet.
    pub(crate) fn answer(&self, method: &Method) -> Response<GatewayBody> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = Response::new(GatewayBody::empty());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allow);
            return response;
        }
        let readiness = self.readiness();
        let mut document = json!({ "status": readiness.name() });
        if self.is_shared {
            document["feedAgeSeconds"] = json!(self.age().as_secs_f64());
        }
        let mut response = answer::json(readiness.status(), Bytes::from(document.to_string()));
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if readiness.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl Readiness {
    fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Away => "away",
            Self::Reloading => "reloading",
            Self::Stale => "stale",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Ready | Self::Away => StatusCode::OK,
            Self::Reloading | Self::Stale => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_state_is_ready_away_reloading_or_stale() {
        let current = Freshness::new(true, Some(MINUTE), Duration::ZERO);
        assert_eq!(current.readiness(), Readiness::Ready);
        assert!(current.reloading().is_none());

        let away = Freshness::new(true, Some(2 * MINUTE), MINUTE);
        assert_eq!(away.readiness(), Readiness::Away);
        assert!(away.age() >= MINUTE && !away.is_stale());
        let reloading = away.reloading();
        assert_eq!(away.readiness(), Readiness::Reloading);
        away.set_current(Instant::now());
        drop(reloading);
        assert_eq!(away.readiness(), Readiness::Ready);

        let stale = Freshness::new(true, Some(MINUTE), 2 * MINUTE);
        assert_eq!(stale.readiness(), Readiness::Stale);
        assert!(stale.is_stale());
    }

    #[test]
    fn a_database_of_its_own_is_never_away() {
        let own = Freshness::new(false, Some(MINUTE), 2 * MINUTE);
        assert_eq!(own.readiness(), Readiness::Ready);
    }

    #[test]
    fn a_balancer_gets_the_age() {
        let away = Freshness::new(true, None, MINUTE);
        let response = away.answer(&Method::GET);
        assert_eq!(response.status(), StatusCode::OK);
        let stale = Freshness::new(true, Some(MINUTE), 2 * MINUTE);
        let response = stale.answer(&Method::HEAD);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
        let refused = stale.answer(&Method::POST).status();
        assert_eq!(refused, StatusCode::METHOD_NOT_ALLOWED);
    }
}
