//! Handles Ctrl-C, and reports whether the command may have changed something on the server.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::exit::{self, Failure};
use crate::output::Output;
use crate::prompt;

/// The progress of the command's requests to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The command has not sent a request.
    Local,
    /// The command has sent only requests that do not change anything.
    Unchanged,
    /// The command has sent a change, and does not know whether the server has made it.
    Changing,
    /// The server has made a change.
    Changed,
}

#[derive(Debug)]
struct State {
    progress: Progress,
    /// The progress before the last change was sent.
    before: Progress,
    /// What happens to an interrupted change, if the command can explain it better than this module.
    changing: Option<String>,
}

static STATE: Mutex<State> = Mutex::new(State {
    progress: Progress::Local,
    before: Progress::Local,
    changing: None,
});

/// Makes SIGINT end the process with the exit code for interruption, even during a request. Not used by `jelou serve`,
/// which must drain first.
///
/// # Errors
///
/// If the handler cannot be installed.
pub(crate) fn exit_on_interrupt(output: &Output) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT])?;
    let output = output.clone();
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            if signals.forever().next().is_some() {
                prompt::restore_terminal();
                // Begins a new line, because the terminal has printed `^C`.
                let _ = writeln!(io::stderr());
                let _ = exit::report(&output, &Failure::interrupted().into());
                std::process::exit(i32::from(exit::INTERRUPTED));
            }
        })?;
    Ok(())
}

pub(crate) fn note(progress: Progress) {
    let mut state = lock();
    if progress == Progress::Changing {
        state.before = state.progress;
    }
    state.progress = progress;
}

/// Notes that the server has refused the last change.
pub(crate) fn note_refusal() {
    let mut state = lock();
    state.progress = state.before;
}

/// Sets the explanation that is shown if the command is interrupted while a change is in flight.
pub(crate) fn explain_change(text: String) {
    lock().changing = Some(text);
}

/// Describes the effect of the interruption on the server.
pub(crate) fn outcome() -> String {
    let state = lock();
    match (state.progress, &state.changing) {
        (Progress::Local, _) => "Interrupted".to_owned(),
        (Progress::Unchanged, _) => "Interrupted; nothing was changed".to_owned(),
        (Progress::Changing, Some(text)) => format!("Interrupted; {text}"),
        (Progress::Changing, None) => {
            "Interrupted before the server answered; it may have made the change".to_owned()
        }
        (Progress::Changed, _) => "Interrupted after the server had made the change".to_owned(),
    }
}

fn lock() -> std::sync::MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}
