//! A pseudo-terminal. It types and reads the screen like a person.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::{Outcome, Streams};

/// The longest time that a text may take to appear before the test fails.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) const CTRL_C: &str = "\u{3}";
pub(crate) const CTRL_D: &str = "\u{4}";

pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Screen>,
    /// The length of the screen text that earlier waits have consumed.
    seen: usize,
    /// Keeps the terminal open while the test reads the screen.
    _master: Box<dyn MasterPty + Send>,
}

#[derive(Default)]
struct Screen {
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    /// Whether the program and all its child processes have closed the terminal.
    ended: bool,
}

impl Terminal {
    pub(super) fn start(
        program: &str,
        arguments: &[String],
        environment: &[(String, String)],
        folder: &Path,
    ) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize {
                rows: 50,
                cols: 160,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        for (name, value) in environment {
            command.env(name, value);
        }
        command.cwd(folder);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);

        let screen = Arc::new(Screen::default());
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                // Linux reports the end of a pseudo-terminal as an error. It may do so when the last program writes and
                // closes the terminal during a read, and only the next read returns what was written.
                let count = match reader.read(&mut buffer).unwrap_or(0) {
                    0 => reader.read(&mut buffer).unwrap_or(0),
                    count => count,
                };
                let mut written = writer.written.lock().unwrap();
                written.bytes.extend_from_slice(&buffer[..count]);
                written.ended = count == 0;
                writer.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard: pair.master.take_writer().unwrap(),
            screen,
            seen: 0,
            _master: pair.master,
        }
    }

    /// Waits until `text` is on the screen, after the text of earlier waits.
    pub(crate) fn wait_for(&mut self, text: &str) -> &mut Self {
        let seen = self.seen;
        let position = |written: &Written| {
            let screen = text_of(&written.bytes);
            let start = screen.get(seen..)?.find(text)?;
            Some(seen + start + text.len())
        };
        self.wait_until(|written| position(written).is_some(), text);
        self.seen = position(&self.screen.written.lock().unwrap()).unwrap();
        self
    }

    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
        self
    }

    /// Types a line and presses Enter.
    pub(crate) fn answer(&mut self, line: &str) -> &mut Self {
        self.press(&format!("{line}\r"))
    }

    /// Pastes like a modern terminal: between marks, if the program requested them (DECSET 2004).
    pub(crate) fn paste(&mut self, text: &str) -> &mut Self {
        let marked = {
            let written = self.screen.written.lock().unwrap();
            let screen = String::from_utf8_lossy(&written.bytes);
            screen.rfind("\u{1b}[?2004h") > screen.rfind("\u{1b}[?2004l")
        };
        assert!(marked, "the program did not ask for marks around pastes");
        let text = text.replace('\n', "\r");
        self.press(&format!("\u{1b}[200~{text}\u{1b}[201~"))
    }

    /// Pastes like a terminal that does not mark pastes.
    pub(crate) fn paste_unmarked(&mut self, text: &str) -> &mut Self {
        self.press(&text.replace('\n', "\r"))
    }

    /// Waits for the program's end.
    pub(crate) fn finish(mut self) -> Outcome {
        self.wait_until(|written| written.ended, "the end of the program");
        let status = self.child.wait().unwrap();
        let written = self.screen.written.lock().unwrap();
        Outcome {
            code: i32::try_from(status.exit_code()).unwrap(),
            streams: Streams::Screen(text_of(&written.bytes)),
        }
    }

    /// Waits for the program's end. Returns its output with colours.
    pub(crate) fn finish_raw(self) -> String {
        self.wait_until(|written| written.ended, "the end of the program");
        let written = self.screen.written.lock().unwrap();
        String::from_utf8_lossy(&written.bytes).into_owned()
    }

    fn wait_until(&self, condition: impl Fn(&Written) -> bool, what: &str) {
        let written = self.screen.written.lock().unwrap();
        let (written, timeout) = self
            .screen
            .changed
            .wait_timeout_while(written, PATIENCE, |written| {
                !condition(written) && !written.ended
            })
            .unwrap();
        assert!(
            condition(&written),
            "waited for {what:?} ({}); the screen has:\n{}",
            if timeout.timed_out() {
                "in vain"
            } else {
                "the program ended"
            },
            text_of(&written.bytes)
        );
    }
}

/// The visible text, without colours.
fn text_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    anstream::adapter::strip_str(&text)
        .to_string()
        .replace('\r', "")
}
