//! Follows the logs of functions, and reconnects if a connection is lost.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use jelou_client::{Client, ClientError, LogEvent, LogsQuery};
use jelou_core::Slug;

use super::render;
use crate::output::Output;

/// A connection without events for this long is considered lost. The server sends a keep-alive every 15 seconds.
const SILENCE: Duration = Duration::from_secs(40);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

enum Message {
    Connected,
    Record(String),
    /// The connection ended, or the server cannot be reached.
    Lost,
    Refused(ClientError),
}

/// Shows new records until the user presses Ctrl-C.
pub(super) fn follow(
    client: &Arc<Client>,
    slugs: &[Slug],
    query: &LogsQuery,
    output: &Output,
) -> anyhow::Result<()> {
    // Bounded, so that a slow terminal slows the connections down, and records do not pile up in memory.
    let (sender, messages) = mpsc::sync_channel(1024);
    for slug in slugs {
        let follower = Follower {
            client: Arc::clone(client),
            slug: slug.clone(),
            query: query.clone(),
            sender: sender.clone(),
        };
        thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || follower.run())?;
    }
    drop(sender);
    let names: Vec<_> = slugs.iter().map(Slug::as_str).collect();
    let mut connected = vec![Connection::New; slugs.len()];
    for (slug, message) in &messages {
        let index = slugs
            .iter()
            .position(|known| *known == slug)
            .unwrap_or_default();
        let connection = &mut connected[index];
        match message {
            Message::Record(json) => render::show(output, slugs, &slug, &json)?,
            Message::Connected => match *connection {
                Connection::New => {
                    *connection = Connection::Open;
                    if connected
                        .iter()
                        .all(|connection| *connection != Connection::New)
                    {
                        output.human(|human| {
                            human.item(&format!("Streaming logs for {}", names.join(", ")))?;
                            human.item("Press Ctrl+C to stop")
                        })?;
                    }
                }
                Connection::Lost => {
                    *connection = Connection::Open;
                    output.note(&format!("Reconnected to the logs of {slug}"))?;
                }
                Connection::Open => {}
            },
            Message::Lost => {
                if *connection == Connection::Open {
                    *connection = Connection::Lost;
                    output.warn(&format!(
                        "The connection to the logs of {slug} was lost; reconnecting"
                    ))?;
                }
            }
            Message::Refused(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    New,
    Open,
    Lost,
}

/// Follows one function, on a dedicated thread.
struct Follower {
    client: Arc<Client>,
    slug: Slug,
    query: LogsQuery,
    sender: SyncSender<(Slug, Message)>,
}

impl Follower {
    fn run(self) {
        let mut last_seen = None;
        let mut was_connected = false;
        let mut pause = FIRST_PAUSE;
        loop {
            let events = self.open(last_seen.clone());
            let mut connected = false;
            loop {
                let message = match events.recv_timeout(SILENCE) {
                    Ok(Opened::Refused(error)) => match error {
                        error if was_connected && is_temporary(&error) => break,
                        error => Message::Refused(error),
                    },
                    Ok(Opened::Event(LogEvent::Record { id, json })) => {
                        last_seen = Some(id);
                        Message::Record(json)
                    }
                    Ok(Opened::Event(LogEvent::Alive { id })) => {
                        last_seen = id.or(last_seen);
                        if connected {
                            continue;
                        }
                        connected = true;
                        was_connected = true;
                        pause = FIRST_PAUSE;
                        Message::Connected
                    }
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                };
                if self.sender.send((self.slug.clone(), message)).is_err() {
                    return;
                }
            }
            if self
                .sender
                .send((self.slug.clone(), Message::Lost))
                .is_err()
            {
                return;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Opens a stream of events. A separate thread reads it, because a read from a dead connection does not return.
    fn open(&self, last_seen: Option<String>) -> Receiver<Opened> {
        let (sender, events) = mpsc::sync_channel(16);
        let (client, slug, query) = (
            Arc::clone(&self.client),
            self.slug.clone(),
            self.query.clone(),
        );
        thread::spawn(
            move || match client.logs(&slug).follow(&query, last_seen.as_deref()) {
                Ok(stream) => {
                    for event in stream.map_while(Result::ok) {
                        if sender.send(Opened::Event(event)).is_err() {
                            return;
                        }
                    }
                }
                Err(error) => {
                    // Fails only if the receiver was dropped.
                    let _ = sender.send(Opened::Refused(error));
                }
            },
        );
        events
    }
}

enum Opened {
    Event(LogEvent),
    Refused(ClientError),
}

fn is_temporary(error: &ClientError) -> bool {
    match error {
        ClientError::Network { .. } | ClientError::Unavailable { .. } => true,
        ClientError::Problem(problem) => problem.status >= 500,
        ClientError::Exchange(_)
        | ClientError::NotJelou { .. }
        | ClientError::Unreadable { .. } => false,
    }
}
