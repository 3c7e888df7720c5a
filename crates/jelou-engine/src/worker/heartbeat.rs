//! A question to an event loop that it can answer only by running, and how long it has owed the answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::fair_clock::FairClock;
use super::procfs::Activity;
use crate::transport::connect;

/// How long an answer is waited for before the process is looked at again.
const PERIOD: Duration = Duration::from_millis(100);

/// Nobody who has not read it knows what the answer is: a function has the connection if it wants to, and could answer
/// ahead.
type Question = [u8; 8];

pub(super) struct Heartbeat {
    process: Pid,
    path: PathBuf,
    connection: Option<UnixStream>,
    /// The one that is on its way. What cannot be asked because of the process, which took its socket away for instance, is
    /// not answered either.
    asked: Option<Question>,
    /// Since when there should be an answer.
    standing: Option<FairClock>,
}

impl Heartbeat {
    pub(super) fn new(process: Pid, path: PathBuf) -> Self {
        Self {
            process,
            path,
            connection: None,
            asked: None,
            standing: None,
        }
    }

    /// Whether there is no answer yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.standing.is_some()
    }

    /// How much processor time the process has used while there was no answer.
    pub(super) fn used(&self) -> Duration {
        self.standing
            .as_ref()
            .map_or(Duration::ZERO, FairClock::used)
    }

    /// Asks, unless a question waits already, and waits for the answer for a while; says for how long the event loop has
    /// stood still.
    pub(super) async fn beat(&mut self, activity: Activity) -> Duration {
        let now = Instant::now();
        self.standing
            .get_or_insert_with(|| FairClock::new(now, activity))
            .go_on(now, activity);
        match tokio::time::timeout(PERIOD, self.exchange()).await {
            Ok(Ok(())) => self.standing = None,
            Ok(Err(error)) => self.failed(&error),
            Err(_) => {}
        }
        self.standing
            .as_ref()
            .map_or(Duration::ZERO, FairClock::passed)
    }

    fn failed(&mut self, error: &std::io::Error) {
        self.connection = None;
        self.asked = None;
        if is_ours(error) {
            // Nothing was asked, so no answer is owed.
            self.standing = None;
        }
    }

    async fn exchange(&mut self) -> std::io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self
                .connection
                .insert(connect(&self.path, self.process).await?),
        };
        let question = match self.asked {
            Some(question) => question,
            None => {
                let mut question = Question::default();
                getrandom::fill(&mut question).map_err(std::io::Error::other)?;
                // Written whole or not at all: it is on its way before anything else is waited for.
                connection.write_all(&question).await?;
                *self.asked.insert(question)
            }
        };
        let mut answer = Question::default();
        connection.read_exact(&mut answer).await?;
        self.asked = None;
        if answer == question {
            Ok(())
        } else {
            Err(std::io::Error::other("an answer to another question"))
        }
    }
}

/// Whether it is the server that has no more descriptors or memory to ask with; nothing that the process does.
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
    async fn only_processor_time_since_the_question_counts_as_used() {
        let dir = tempfile::tempdir().unwrap();
        let nobody_answers = dir.path().join("pulse");
        let mut pulse = Heartbeat::new(rustix::process::getpid(), nobody_answers);
        assert_eq!(pulse.used(), Duration::ZERO);
        pulse.beat(Activity::at(500, true)).await;
        assert_eq!(pulse.used(), Duration::ZERO);
        pulse.beat(Activity::at(800, true)).await;
        assert_eq!(pulse.used(), ms(300));
        assert!(pulse.is_waiting());
    }

    #[tokio::test]
    async fn what_the_server_has_none_left_of_is_not_held_against_an_event_loop() {
        let dir = tempfile::tempdir().unwrap();
        let mut pulse = Heartbeat::new(rustix::process::getpid(), dir.path().join("pulse"));
        for (error, is_held) in [
            (libc::ENOENT, true),
            (libc::ECONNREFUSED, true),
            (libc::EAGAIN, true),
            (libc::EMFILE, false),
            (libc::ENFILE, false),
            (libc::ENOBUFS, false),
            (libc::ENOMEM, false),
        ] {
            pulse.beat(Activity::at(0, true)).await;
            pulse.failed(&std::io::Error::from_raw_os_error(error));
            assert_eq!(pulse.is_waiting(), is_held, "{error}");
        }
    }

    #[tokio::test]
    async fn only_the_answer_to_this_question_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pulse");
        let listener = UnixListener::bind(&path).unwrap();
        let mut pulse = Heartbeat::new(rustix::process::getpid(), path);
        let answers = async {
            let (mut ahead, _) = listener.accept().await.unwrap();
            ahead.write_all(&[1; 64]).await.unwrap();
            let (mut echo, _) = listener.accept().await.unwrap();
            let mut question = Question::default();
            while echo.read_exact(&mut question).await.is_ok() {
                echo.write_all(&question).await.unwrap();
            }
        };
        let asks = async {
            pulse.beat(Activity::at(0, true)).await;
            assert!(pulse.is_waiting());
            for _ in 0..3 {
                pulse.beat(Activity::at(0, true)).await;
                assert!(!pulse.is_waiting());
            }
            drop(pulse);
        };
        tokio::join!(answers, asks);
    }
}
