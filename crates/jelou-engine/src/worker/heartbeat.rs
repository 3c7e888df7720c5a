//! The heartbeat: a challenge that only a running event loop can answer, and the time for which its answer is overdue.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::fair_clock::FairClock;
use super::procfs::Activity;
use crate::transport::connect;

/// Maximum wait for an answer before the process is measured again.
const PERIOD: Duration = Duration::from_millis(100);

/// The challenge is random, because user code can reach this connection and could answer in advance.
type Challenge = [u8; 8];

pub(super) struct Heartbeat {
    process: Pid,
    path: PathBuf,
    connection: Option<UnixStream>,
    /// The challenge that was sent and not answered.
    sent: Option<Challenge>,
    /// The clock that runs while an answer is due. It also runs if the process prevents the challenge, for example by
    /// removing its socket.
    overdue: Option<FairClock>,
}

impl Heartbeat {
    pub(super) fn new(process: Pid, path: PathBuf) -> Self {
        Self {
            process,
            path,
            connection: None,
            sent: None,
            overdue: None,
        }
    }

    /// Returns whether an answer is due.
    pub(super) fn is_waiting(&self) -> bool {
        self.overdue.is_some()
    }

    /// Stops the clock. The next [`Self::beat`] starts a new clock.
    pub(super) fn forgive(&mut self) {
        self.overdue = None;
    }

    /// Returns the processor time of the process since the challenge.
    pub(super) fn used(&self) -> Duration {
        self.overdue
            .as_ref()
            .map_or(Duration::ZERO, FairClock::used)
    }

    /// Sends a challenge, unless one is unanswered, and waits up to [`PERIOD`] for the answer. Returns how long the
    /// event loop has not run.
    pub(super) async fn beat(&mut self, activity: Activity) -> Duration {
        let now = Instant::now();
        self.overdue
            .get_or_insert_with(|| FairClock::new(now, activity))
            .record(now, activity);
        match tokio::time::timeout(PERIOD, self.exchange()).await {
            Ok(Ok(())) => self.overdue = None,
            Ok(Err(error)) => self.failed(&error),
            Err(_) => {}
        }
        self.overdue
            .as_ref()
            .map_or(Duration::ZERO, FairClock::passed)
    }

    fn failed(&mut self, error: &std::io::Error) {
        self.connection = None;
        self.sent = None;
        if is_ours(error) {
            // The challenge was not sent, so no answer is due.
            self.overdue = None;
        }
    }

    async fn exchange(&mut self) -> std::io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self
                .connection
                .insert(connect(&self.path, self.process).await?),
        };
        let challenge = match self.sent {
            Some(challenge) => challenge,
            None => {
                let mut challenge = Challenge::default();
                getrandom::fill(&mut challenge).map_err(std::io::Error::other)?;
                // The challenge is too short for a partial write, so it is sent before the next await.
                connection.write_all(&challenge).await?;
                *self.sent.insert(challenge)
            }
        };
        let mut answer = Challenge::default();
        connection.read_exact(&mut answer).await?;
        self.sent = None;
        if answer == challenge {
            Ok(())
        } else {
            Err(std::io::Error::other("an answer to another challenge"))
        }
    }
}

/// Returns whether the error means that the server lacks file descriptors or memory, which the process cannot cause.
fn is_ours(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[tokio::test]
    async fn only_processor_time_since_the_challenge_counts_as_used() {
        let dir = tempfile::tempdir().unwrap();
        let nobody_answers = dir.path().join("heartbeat");
        let mut heartbeat = Heartbeat::new(rustix::process::getpid(), nobody_answers);
        assert_eq!(heartbeat.used(), Duration::ZERO);
        heartbeat.beat(Activity::at(500, true)).await;
        assert_eq!(heartbeat.used(), Duration::ZERO);
        heartbeat.beat(Activity::at(800, true)).await;
        assert_eq!(heartbeat.used(), ms(300));
        assert!(heartbeat.is_waiting());
    }

    #[tokio::test]
    async fn exhausted_server_resources_do_not_count_as_a_stall() {
        let dir = tempfile::tempdir().unwrap();
        let mut heartbeat = Heartbeat::new(rustix::process::getpid(), dir.path().join("heartbeat"));
        for (error, is_held) in [
            (libc::ENOENT, true),
            (libc::ECONNREFUSED, true),
            (libc::EAGAIN, true),
            (libc::EMFILE, false),
            (libc::ENFILE, false),
            (libc::ENOBUFS, false),
            (libc::ENOMEM, false),
        ] {
            heartbeat.beat(Activity::at(0, true)).await;
            heartbeat.failed(&std::io::Error::from_raw_os_error(error));
            assert_eq!(heartbeat.is_waiting(), is_held, "{error}");
        }
    }

    #[tokio::test]
    async fn an_answer_in_advance_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heartbeat");
        let listener = UnixListener::bind(&path).unwrap();
        let mut heartbeat = Heartbeat::new(rustix::process::getpid(), path);
        let answers = async {
            let (mut ahead, _) = listener.accept().await.unwrap();
            ahead.write_all(&[1; 64]).await.unwrap();
            let (mut echo, _) = listener.accept().await.unwrap();
            let mut challenge = Challenge::default();
            while echo.read_exact(&mut challenge).await.is_ok() {
                echo.write_all(&challenge).await.unwrap();
            }
        };
        let asks = async {
            heartbeat.beat(Activity::at(0, true)).await;
            assert!(heartbeat.is_waiting());
            for _ in 0..3 {
                heartbeat.beat(Activity::at(0, true)).await;
                assert!(!heartbeat.is_waiting());
            }
            drop(heartbeat);
        };
        tokio::join!(answers, asks);
    }
}
