//! Parses an answer that is typed or pasted, byte by byte. No I/O.
//!
//! Text between the terminal's bracketed-paste sequences (DECSET 2004) is data, so its line breaks do not end the
//! answer.

/// The sequence before a paste, without its ESC.
const PASTE_START: &[u8] = b"[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// What the screen shows for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    Plain,
    /// Shows a star for each character.
    Stars,
}

/// What a byte has caused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Nothing,
    /// The screen must show this text.
    Show(String),
    /// The user pressed Return.
    Submit,
    /// The user pressed Ctrl-C.
    Interrupt,
    /// The user pressed Ctrl-D on an empty line.
    End,
    /// The user pasted something that is not UTF-8.
    NotText,
}

#[derive(Debug)]
pub(super) struct Answer {
    echo: Echo,
    pieces: Vec<Piece>,
    state: State,
}

/// The text that one Backspace deletes: a typed character, or a paste of several lines.
#[derive(Debug)]
struct Piece {
    text: String,
    /// Width in columns on the screen.
    width: usize,
}

#[derive(Debug)]
enum State {
    /// Contains the bytes of an incomplete character.
    Typing(Vec<u8>),
    /// Contains the bytes after ESC.
    Escape(Vec<u8>),
    Pasting(Vec<u8>),
}

impl Answer {
    pub(super) fn new(echo: Echo) -> Self {
        Self {
            echo,
            pieces: Vec::new(),
            state: State::Typing(Vec::new()),
        }
    }

    pub(super) fn text(&self) -> String {
        self.pieces.iter().map(|piece| &*piece.text).collect()
    }

    pub(super) fn push(&mut self, byte: u8) -> Event {
        match &mut self.state {
            State::Pasting(paste) => {
                paste.push(byte);
                if !paste.ends_with(PASTE_END) {
                    return Event::Nothing;
                }
                paste.truncate(paste.len() - PASTE_END.len());
                let paste = std::mem::take(paste);
                self.state = State::Typing(Vec::new());
                match String::from_utf8(paste) {
                    Ok(paste) => self.paste(&paste),
                    Err(_) => Event::NotText,
                }
            }
            State::Escape(sequence) => {
                sequence.push(byte);
                if sequence == PASTE_START {
                    self.state = State::Pasting(Vec::new());
                } else if is_complete(sequence) {
                    // Arrow keys and similar keys are ignored.
                    self.state = State::Typing(Vec::new());
                }
                Event::Nothing
            }
            State::Typing(character) => {
                if byte >= 0x80 || !character.is_empty() {
                    character.push(byte);
                    return match std::str::from_utf8(character) {
                        Ok(complete) => {
                            let complete = complete.to_owned();
                            character.clear();
                            Event::Show(self.append(complete))
                        }
                        Err(error) => {
                            if error.error_len().is_some() {
                                character.clear();
                            }
                            Event::Nothing
                        }
                    };
                }
                self.key(byte)
            }
        }
    }

    fn key(&mut self, byte: u8) -> Event {
        match byte {
            b'\r' | b'\n' => Event::Submit,
            0x03 => Event::Interrupt,
            0x04 if self.pieces.is_empty() => Event::End,
            0x1b => {
                self.state = State::Escape(Vec::new());
                Event::Nothing
            }
            // Backspace.
            0x08 | 0x7f => self.delete(1),
            // Ctrl-U deletes the line, Ctrl-W deletes the word.
            0x15 => self.delete(self.pieces.len()),
            0x17 => self.delete(self.last_word()),
            b'\t' | b' '..=b'~' => Event::Show(self.append(char::from(byte).to_string())),
            _ => Event::Nothing,
        }
    }

    /// Adds a paste. Every kind of line break becomes a line feed. If the paste is a single line, its final line break
    /// is removed, because copying a line usually includes the line break.
    fn paste(&mut self, paste: &str) -> Event {
        let paste = paste.replace("\r\n", "\n").replace('\r', "\n");
        let line = paste.strip_suffix('\n').unwrap_or(&paste);
        if !line.contains('\n') {
            let shown = line.chars().map(|c| self.append(c.to_string())).collect();
            return Event::Show(shown);
        }
        let shown = format!("[{} lines]", paste.lines().count());
        self.pieces.push(Piece {
            text: paste,
            width: shown.len(),
        });
        Event::Show(shown)
    }

    /// Adds a character. Returns the text for the screen.
    fn append(&mut self, text: String) -> String {
        let shown = match self.echo {
            Echo::Stars => "*".to_owned(),
            Echo::Plain if text == "\t" => " ".to_owned(),
            // Replaced, because a pasted control character could control the terminal.
            Echo::Plain if text.chars().any(char::is_control) => "?".to_owned(),
            Echo::Plain => text.clone(),
        };
        self.pieces.push(Piece { text, width: 1 });
        shown
    }

    fn delete(&mut self, count: usize) -> Event {
        let start = self.pieces.len().saturating_sub(count);
        let width: usize = self.pieces.drain(start..).map(|piece| piece.width).sum();
        Event::Show("\u{8} \u{8}".repeat(width))
    }

    /// Returns the number of pieces in the last word and the spaces after it.
    fn last_word(&self) -> usize {
        let is_space = |piece: &&Piece| piece.text.trim().is_empty();
        let spaces = self.pieces.iter().rev().take_while(is_space).count();
        let word = self.pieces.iter().rev().skip(spaces);
        spaces + word.take_while(|piece| !is_space(piece)).count()
    }
}

/// Whether the bytes after ESC are a complete sequence: `[`, parameters and a final byte (ECMA-48, section 5.4), or `O`
/// and one byte, or any other single byte.
fn is_complete(sequence: &[u8]) -> bool {
    match sequence {
        [b'[' | b'O'] => false,
        [b'[', .., last] => (0x40..=0x7e).contains(last),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the answer, the screen and the last event after these keys.
    fn type_keys(echo: Echo, keys: &str) -> (String, String, Option<Event>) {
        let mut answer = Answer::new(echo);
        let mut screen = String::new();
        for byte in keys.bytes() {
            match answer.push(byte) {
                Event::Nothing => {}
                Event::Show(text) => screen.push_str(&text),
                last => return (answer.text(), screen, Some(last)),
            }
        }
        (answer.text(), screen, None)
    }

    #[test]
    fn keys() {
        for (keys, text, screen) in [
            ("añ\r", "añ", "**"),
            ("ab\u{7f}c\r", "ac", "**\u{8} \u{8}*"),
            ("\u{7f}a\r", "a", "*"),
            ("ab\u{15}\r", "", "**\u{8} \u{8}\u{8} \u{8}"),
            ("a b\u{17}\r", "a ", "***\u{8} \u{8}"),
            ("\u{1b}[Aa\u{1b}OP\u{1b}[3~b\r", "ab", "**"),
            ("a\u{4}b\n", "ab", "**"),
        ] {
            let typed = type_keys(Echo::Stars, keys);
            let expected = (text.to_owned(), screen.to_owned(), Some(Event::Submit));
            assert_eq!(typed, expected, "{keys:?}");
        }
        assert_eq!(type_keys(Echo::Plain, "ab").1, "ab");
        assert_eq!(type_keys(Echo::Stars, "a\u{3}").2, Some(Event::Interrupt));
        assert_eq!(type_keys(Echo::Stars, "\u{4}").2, Some(Event::End));
    }

    #[test]
    fn pastes() {
        for (paste, text, screen) in [
            ("one", "one", "***"),
            ("one\r", "one", "***"),
            ("one\rtwo\r", "one\ntwo\n", "[2 lines]"),
            ("one\r\ntwo", "one\ntwo", "[2 lines]"),
            ("\r", "", ""),
            ("\u{3}\u{1b}[A\t", "\u{3}\u{1b}[A\t", "*****"),
        ] {
            let keys = format!("\u{1b}[200~{paste}\u{1b}[201~");
            let (typed, shown, last) = type_keys(Echo::Stars, &keys);
            assert_eq!((&*typed, &*shown, last), (text, screen, None), "{paste:?}");
        }
        // A control character in a paste does not reach the terminal. One backspace deletes a paste of several lines.
        let shown = type_keys(Echo::Plain, "\u{1b}[200~a\u{7}\u{1b}[201~").1;
        assert_eq!(shown, "a?");
        let keys = "x\u{1b}[200~a\rb\u{1b}[201~\u{7f}";
        assert_eq!(type_keys(Echo::Stars, keys).0, "x");
    }

    #[test]
    fn a_paste_that_is_not_text() {
        let mut answer = Answer::new(Echo::Stars);
        let keys = b"\x1b[200~\xff\x1b[201~";
        let last = keys.iter().map(|byte| answer.push(*byte)).last();
        assert_eq!(last, Some(Event::NotText));
    }
}
