//! Ctrl-C.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use crate::exit;

/// While a masked prompt reads the keyboard, Ctrl-C is a key, and what comes of it is the prompt's to say.
static HELD: AtomicBool = AtomicBool::new(false);

/// Ends the process with the interrupted status at SIGINT, also while a prompt or a request waits. Not for the server,
/// which drains first.
pub(crate) fn exit_on_interrupt() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT])?;
    std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            for _ in signals.forever() {
                if !HELD.load(Ordering::SeqCst) {
                    // The terminal has written `^C`; the shell's prompt belongs on a line of its own.
                    let _ = writeln!(io::stderr());
                    std::process::exit(i32::from(exit::INTERRUPTED));
                }
            }
        })?;
    Ok(())
}

/// Keeps SIGINT from ending the process.
pub(crate) fn hold() {
    HELD.store(true, Ordering::SeqCst);
}

pub(crate) fn release() {
    HELD.store(false, Ordering::SeqCst);
}
