//! Ctrl-C, and what it leaves on the server.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::exit::{self, Failure};
use crate::output::Output;
use crate::prompt;

/// How far the command came, as far as the server is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The command has not talked to a server.
    Local,
    /// The server was asked for nothing but facts.
    Unchanged,
    /// A request that changes something is under way.
    Changing,
    /// The server answered such a request.
    Answered,
}

#[derive(Debug)]
struct State {
    progress: Progress,
    /// What an interrupted change means, where the command knows more than this module.
    changing: Option<String>,
}

static STATE: Mutex<State> = Mutex::new(State {
    progress: Progress::Local,
    changing: None,
});

/// Ends the process with the interrupted status at SIGINT, also while a request waits. Not for the server, which drains
/// first.
///
/// # Errors
///
/// When the handler cannot be installed.
pub(crate) fn exit_on_interrupt(output: &Output) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT])?;
    let output = output.clone();
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            if signals.forever().next().is_some() {
                prompt::restore_terminal();
                // The terminal has written `^C`; the error belongs on a line of its own.
                let _ = writeln!(io::stderr());
                let _ = exit::report(&output, &Failure::interrupted().into());
                std::process::exit(i32::from(exit::INTERRUPTED));
            }
        })?;
    Ok(())
}

pub(crate) fn note(progress: Progress) {
    lock().progress = progress;
}

/// What to say when a change is interrupted before the server answered.
pub(crate) fn explain_change(text: String) {
    lock().changing = Some(text);
}

/// What the interruption means for the server.
pub(crate) fn outcome() -> String {
    let state = lock();
    match (state.progress, &state.changing) {
        (Progress::Local, _) => "Interrupted".to_owned(),
        (Progress::Unchanged, _) => "Interrupted; nothing was changed".to_owned(),
        (Progress::Changing, Some(text)) => format!("Interrupted; {text}"),
        (Progress::Changing, None) => {
            "Interrupted before the server answered; it may have made the change".to_owned()
        }
        (Progress::Answered, _) => "Interrupted after the server had made the change".to_owned(),
    }
}

fn lock() -> std::sync::MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
