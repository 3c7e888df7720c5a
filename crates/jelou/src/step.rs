//! Reports slow steps to a user at a terminal.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::output::Output;

/// Time after which a step is reported.
const SLOW_AFTER: Duration = Duration::from_millis(500);

/// A running step. Nothing is printed if stderr is not a terminal.
#[derive(Debug)]
pub(crate) struct Step {
    /// Dropping the sender wakes the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Step {
    pub(crate) fn start(output: &Output, name: String) -> Self {
        let (end, ended) = mpsc::channel::<()>();
        let thread = stderr().is_terminal().then(|| {
            let output = output.clone();
            std::thread::Builder::new()
                .name("step".to_owned())
                .spawn(move || {
                    if ended.recv_timeout(SLOW_AFTER) == Err(RecvTimeoutError::Timeout) {
                        // An output error must not stop the command.
                        let _ = output.note(&format!("{name} ..."));
                    }
                })
                .ok()
        });
        Self {
            end: Some(end),
            // Without a thread, a slow step is not reported.
            thread: thread.flatten(),
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // Waits, so that the thread cannot print anything after the result.
            let _ = thread.join();
        }
    }
}
