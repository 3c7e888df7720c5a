//! Commands that are typed while the server runs: a letter, and Enter.

use std::io::{BufRead, IsTerminal, stdin};

use tokio::sync::mpsc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Reload,
    Open,
    Clear,
    Quit,
    Help,
}

pub(super) const HELP: &str =
    "r: load again   o: open in a browser   c: clear   q: quit   (then Enter)";

/// What is typed; nothing without a terminal.
pub(super) fn read() -> mpsc::UnboundedReceiver<Key> {
    let (sender, keys) = mpsc::unbounded_channel();
    if stdin().is_terminal() {
        // A read of the terminal cannot be cancelled; the thread ends with the process.
        std::thread::spawn(move || {
            for line in stdin().lock().lines().map_while(Result::ok) {
                let key = match line.trim() {
                    "r" => Key::Reload,
                    "o" => Key::Open,
                    "c" => Key::Clear,
                    "q" => Key::Quit,
                    "" => continue,
                    _ => Key::Help,
                };
                if sender.send(key).is_err() {
                    return;
                }
            }
        });
    }
    keys
}
