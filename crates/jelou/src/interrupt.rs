//! Ctrl-C.

use std::io::{self, Write};

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::{exit, prompt};

/// Ends the process with the interrupted status at SIGINT, also while a request waits. Not for the server, which drains
/// first.
///
/// # Errors
///
/// When the handler cannot be installed.
pub(crate) fn exit_on_interrupt() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT])?;
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            if signals.forever().next().is_some() {
                prompt::restore_terminal();
                // The terminal has written `^C`; the shell's prompt belongs on a line of its own.
                let _ = writeln!(io::stderr());
                std::process::exit(i32::from(exit::INTERRUPTED));
            }
        })?;
    Ok(())
}
