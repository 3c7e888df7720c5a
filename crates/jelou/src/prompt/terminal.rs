//! The terminal while a prompt reads it: keys arrive one by one, and nothing is echoed.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// DECSET 2004: the terminal marks the beginning and the end of a paste.
const BRACKETED_PASTE_ON: &[u8] = b"\x1b[?2004h";
const BRACKETED_PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// How long the rest of a paste may take to arrive. A paste is one write of the terminal; over a slow network the rest
/// of it can lag behind.
const PASTE_LAG: Duration = Duration::from_millis(50);
const DRAIN_QUIET: Duration = Duration::from_millis(250);

/// The modes to return to, for as long as a [`RawTerminal`] exists.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Raw mode until drop. It starts before the question appears: a script that answers at once would see its secret on
/// the screen otherwise.
#[derive(Debug)]
pub(super) struct RawTerminal {
    _private: (),
}

impl RawTerminal {
    /// # Errors
    ///
    /// When stdin is not a terminal.
    pub(super) fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        // Ctrl-C is a key here. A carriage return stays one, so that pasted CRLF is one line break and not two.
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
    /// `UnexpectedEof` when the terminal was closed.
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

    /// Whether more input is there, or arrives right behind what was read.
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

/// Returns the terminal to the modes that it had. Does nothing while no prompt is open.
pub(crate) fn restore() {
    if let Some(before) = lock().take() {
        // A terminal that is gone needs no restoring.
        let _ = write(BRACKETED_PASTE_OFF);
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// Control sequences go past `output`, which strips them without colour.
pub(super) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(bytes)?;
    stderr.flush()
}

fn lock() -> std::sync::MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}
