//! Commands that the user types while the server runs: a letter, then Enter.

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

/// Receives the typed commands. Without a terminal, none arrive.
pub(super) fn read() -> mpsc::UnboundedReceiver<Key> {
    let (sender, keys) = mpsc::unbounded_channel();
    if stdin().is_terminal() {
        // A read of the terminal cannot be cancelled, so the thread only ends with the process.
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
