//! Follows the changes of the other servers of the database.

use std::sync::Arc;
use std::time::Duration;

use jelou_store::Listener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::control::{Control, REPORT_PERIOD};

/// How often the database is polled, even while a listener is connected: a connection pooler may drop notifications,
/// and a connection may break without an error.
const POLL: Duration = Duration::from_millis(250);
/// The pause before another attempt to connect a listener.
const RECONNECT: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of changes in a row without a notification. Then the listener is replaced.
const MAX_UNHEARD: u32 = 3;

/// Makes this server known to the other servers, and applies the changes made before that. Then starts a task that
/// follows the changes. The task never ends, because calls in flight still need the changes while the server stops.
pub(crate) async fn start(control: Arc<Control>) -> JoinHandle<()> {
    let starts_without_database = control.started_from_copy();
    let mut feed = Feed {
        control,
        reported: None,
        is_current: true,
        hears: true,
    };
    if !starts_without_database {
        // From its report on, other servers wait for this server with their changes. It reads the earlier ones.
        feed.report().await;
        feed.look().await;
    }
    tokio::spawn(async move { feed.run().await })
}

struct Feed {
    control: Arc<Control>,
    /// When this server last reported its position.
    reported: Option<Instant>,
    /// Whether the last poll of the database succeeded.
    is_current: bool,
    /// Whether the last attempt to listen succeeded.
    hears: bool,
}

impl Feed {
    async fn run(&mut self) {
        loop {
            // Listens before it polls, so that no change is missed in between. While the database is unavailable, an
            // attempt would only delay the polls.
            let listener = if self.is_current {
                self.listen().await
            } else {
                None
            };
            self.look().await;
            self.wait_and_look(listener).await;
        }
    }

    /// Polls the database at every notification and every 250 ms. Returns when a listener should be connected.
    async fn wait_and_look(&mut self, mut listener: Option<Listener>) {
        let since = Instant::now();
        let mut unheard = 0;
        loop {
            let heard = match &mut listener {
                Some(listener) => match listener.heard(POLL).await {
                    Ok(heard) => heard,
                    Err(error) => {
                        tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "lost the connection that hears of changes"
                        );
                        return;
                    }
                },
                None if self.is_current && since.elapsed() >= RECONNECT => return,
                None => {
                    tokio::time::sleep(POLL).await;
                    false
                }
            };
            let has_changed = self.look().await;
            unheard = match (heard, has_changed) {
                (true, _) => 0,
                (false, true) => unheard + 1,
                (false, false) => unheard,
            };
            if listener.is_some() && unheard >= MAX_UNHEARD {
                return;
            }
        }
    }

    async fn listen(&mut self) -> Option<Listener> {
        let connecting = self.control.store.listen();
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
        let reason = match connected {
            Ok(Ok(Some(listener))) => {
                self.hears = true;
                return Some(listener);
            }
            Ok(Ok(None)) => {
                "a pooler passes on no notifications; `database.listen_url` is for a connection without it"
                    .to_owned()
            }
            Ok(Err(error)) => format!("a connection that listens is not possible: {error}"),
            Err(_) => "a connection that listens is not possible".to_owned(),
        };
        if std::mem::replace(&mut self.hears, false) {
            let period = POLL.as_millis();
            tracing::warn!(
                reason,
                "the database is asked for changes every {period} ms"
            );
        }
        None
    }

    /// Applies new changes, and reports the applied position. Returns whether there were new changes.
    async fn look(&mut self) -> bool {
        let is_due = |reported: Instant| reported.elapsed() >= REPORT_PERIOD;
        match self.control.catch_up().await {
            Ok(has_changed) => {
                if !std::mem::replace(&mut self.is_current, true) {
                    tracing::info!("the changes of the database are followed again");
                }
                if has_changed || self.reported.is_none_or(is_due) {
                    self.report().await;
                }
                has_changed
            }
            Err(error) => {
                if std::mem::replace(&mut self.is_current, false) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot follow the changes of the database; calls go on with what is known"
                    );
                }
                false
            }
        }
    }

    async fn report(&mut self) {
        match self.control.report_node().await {
            Ok(()) => self.reported = Some(Instant::now()),
            Err(error) => tracing::debug!(%error, "cannot report to the other servers"),
        }
    }
}
