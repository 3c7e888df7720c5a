//! A question to an event loop that it can answer only by running, and how long it has owed the answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::connection;
use super::proc::Activity;

/// How long an answer is waited for before the process is looked at again.
const PERIOD: Duration = Duration::from_millis(100);
/// How many times longer by the clock than by the time that it could have run an event loop may stand still: for a
/// machine that is always full.
const CLOCK_TIMES: u32 = 6;

/// Nobody who has not read it knows what the answer is: a function has the connection if it wants to, and could answer
/// ahead.
type Question = [u8; 8];

pub(super) struct Pulse {
    process: Pid,
    path: PathBuf,
    connection: Option<UnixStream>,
    /// The one that is on its way. What cannot be asked, because the process took its socket away for instance, is not
    /// answered either.
    asked: Option<Question>,
    standing: Option<Standing>,
}

/// Since when there should be an answer, and what the process has done meanwhile.
#[derive(Debug)]
struct Standing {
    since: Instant,
    at_first: Activity,
    last: (Instant, Activity),
    /// Without the time that it waited for a processor.
    could_run: Duration,
}

impl Pulse {
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
        self.standing.as_ref().map_or(Duration::ZERO, |standing| {
            let (_, last) = standing.last;
            last.cpu.saturating_sub(standing.at_first.cpu)
        })
    }

    /// Asks, unless a question waits already, and waits for the answer for a while; says for how long the event loop has
    /// stood still.
    pub(super) async fn beat(&mut self, activity: Activity) -> Duration {
        let now = Instant::now();
        self.standing
            .get_or_insert_with(|| Standing::new(now, activity))
            .go_on(now, activity);
        match tokio::time::timeout(PERIOD, self.exchange()).await {
            Ok(Ok(())) => self.standing = None,
            Ok(Err(_)) => {
                self.connection = None;
                self.asked = None;
            }
            Err(_) => {}
        }
        self.standing
            .as_ref()
            .map_or(Duration::ZERO, Standing::still)
    }

    async fn exchange(&mut self) -> std::io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self
                .connection
                .insert(connection::connect(&self.path, self.process).await?),
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

impl Standing {
    fn new(now: Instant, activity: Activity) -> Self {
        Self {
            since: now,
            at_first: activity,
            last: (now, activity),
            could_run: Duration::ZERO,
        }
    }

    /// Who waits for a processor could not run for longer than it did; who sleeps stands still by itself.
    fn go_on(&mut self, now: Instant, activity: Activity) {
        let (then, before) = self.last;
        let passed = now.duration_since(then);
        self.could_run += if activity.is_runnable {
            passed.min(activity.cpu.saturating_sub(before.cpu))
        } else {
            passed
        };
        self.last = (now, activity);
    }

    fn still(&self) -> Duration {
        let (last, _) = self.last;
        let by_the_clock = last.duration_since(self.since) / CLOCK_TIMES;
        self.could_run.max(by_the_clock)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn at(cpu: u64, is_runnable: bool) -> Activity {
        Activity {
            cpu: ms(cpu),
            is_runnable,
        }
    }

    #[test]
    fn time_that_others_took_is_not_held_against_an_event_loop() {
        let start = Instant::now();
        let mut standing = Standing::new(start, at(0, true));
        standing.go_on(start + ms(100), at(100, true));
        standing.go_on(start + ms(200), at(110, true));
        assert_eq!(standing.still(), ms(110));
        // Another thread may use more than there is of one core.
        standing.go_on(start + ms(300), at(400, true));
        assert_eq!(standing.still(), ms(210));
        standing.go_on(start + ms(500), at(400, false));
        assert_eq!(standing.still(), ms(410));
        // But not for ever.
        standing.go_on(start + ms(6000), at(400, true));
        assert_eq!(standing.still(), ms(1000));
    }

    #[tokio::test]
    async fn only_processor_time_since_the_question_counts_as_used() {
        let dir = tempfile::tempdir().unwrap();
        let nobody_answers = dir.path().join("pulse");
        let mut pulse = Pulse::new(rustix::process::getpid(), nobody_answers);
        assert_eq!(pulse.used(), Duration::ZERO);
        pulse.beat(at(500, true)).await;
        assert_eq!(pulse.used(), Duration::ZERO);
        pulse.beat(at(800, true)).await;
        assert_eq!(pulse.used(), ms(300));
        assert!(pulse.is_waiting());
    }

    #[tokio::test]
    async fn only_the_answer_to_this_question_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pulse");
        let listener = UnixListener::bind(&path).unwrap();
        let mut pulse = Pulse::new(rustix::process::getpid(), path);
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
            pulse.beat(at(0, true)).await;
            assert!(pulse.is_waiting());
            for _ in 0..3 {
                pulse.beat(at(0, true)).await;
                assert!(!pulse.is_waiting());
            }
            drop(pulse);
        };
        tokio::join!(answers, asks);
    }
}
