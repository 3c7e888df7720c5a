//! The terminal during a prompt: keys arrive one by one and are not echoed.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Bracketed paste (DECSET 2004): the terminal sends a sequence before and after a paste.
const BRACKETED_PASTE_ON: &[u8] = b"\x1b[?2004h";
const BRACKETED_PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// How long to wait for the rest of a paste. The terminal writes a paste at once, but over a slow network the rest may
/// arrive later.
const PASTE_LAG: Duration = Duration::from_millis(50);
const DRAIN_QUIET: Duration = Duration::from_millis(250);

/// The terminal modes to restore. `None` if no [`RawTerminal`] exists.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Raw mode until drop. It must start before the question is shown, otherwise the terminal would echo a secret that a
/// script sends immediately.
#[derive(Debug)]
pub(super) struct RawTerminal {
    _private: (),
}

impl RawTerminal {
    /// # Errors
    ///
    /// If stdin is not a terminal.
    pub(super) fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        // In raw mode, Ctrl-C arrives as a key. A carriage return is not converted, so that a pasted CRLF is one line
        // break, not two.
        raw.local_modes -=
            LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        raw.input_modes -= InputModes::ICRNL | InputModes::INLCR | InputModes::IGNCR;
        *lock() = Some(before);
        let terminal = Self { _private: () };
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        write(BRACKETED_PASTE_ON)?;
        Ok(terminal)
    }

    /// Waits for input.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the terminal was closed.
    #[expect(
        clippy::unused_self,
        reason = "only a terminal in raw mode is read this way"
    )]
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), &mut *buffer))? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }

    /// Whether more input is available, or arrives within the pause that can occur in a paste.
    pub(super) fn has_more(&self) -> io::Result<bool> {
        self.is_readable_within(PASTE_LAG)
    }

    /// Discards the rest of a paste, so that the shell does not run it.
    pub(super) fn drain(&self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while self.is_readable_within(DRAIN_QUIET)? {
            self.read(&mut buffer)?;
        }
        Ok(())
    }

    #[expect(
        clippy::unused_self,
        reason = "only a terminal in raw mode is read this way"
    )]
    fn is_readable_within(&self, time: Duration) -> io::Result<bool> {
        let stdin = io::stdin();
        let mut descriptors = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
        let timeout = Timespec::try_from(time).map_err(io::Error::other)?;
        let ready = rustix::io::retry_on_intr(|| poll(&mut descriptors, Some(&timeout)))?;
        Ok(ready > 0)
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Restores the previous modes of the terminal. Does nothing if no prompt is open.
pub(crate) fn restore() {
    if let Some(before) = lock().take() {
        // Errors are ignored: a closed terminal needs no restoration.
        let _ = write(BRACKETED_PASTE_OFF);
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// Writes control sequences directly, because `output` removes them if colours are off.
pub(super) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(bytes)?;
    stderr.flush()
}

fn lock() -> std::sync::MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}
