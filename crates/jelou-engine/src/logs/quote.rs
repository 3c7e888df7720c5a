//! Quotes the last lines of a failed process.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncBufReadExt;

use super::next_line;

/// Maximum number of lines in an error message.
const MAX_LINES: usize = 10;
/// Maximum characters of each line.
const MAX_CHARACTERS: usize = 500;
/// Maximum bytes of a line. A longer line is cut, so it is quoted without parsing.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Reads until the process closes the pipe, and returns its last lines for an error message.
pub(crate) async fn last_lines(mut reader: impl AsyncBufReadExt + Unpin) -> Vec<String> {
    let mut lines = VecDeque::new();
    while let Ok(Some(line)) = next_line(&mut reader, MAX_LINE_BYTES).await {
        if lines.len() == MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(line.text);
    }
    lines.iter().map(|line| quoted(line)).collect()
}

/// The field of the SDK's log line that is quoted.
#[derive(Deserialize)]
struct Logged {
    args: Vec<Value>,
}

/// Returns the arguments of a log line of the SDK as text. Any other line stays unchanged.
fn quoted(line: &str) -> String {
    let text = match serde_json::from_str(line) {
        Ok(Logged { args }) => {
            let words = args.iter().map(|argument| match argument {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            words.collect::<Vec<_>>().join(" ")
        }
        Err(_) => line.to_owned(),
    };
    let text = match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    jelou_core::printable(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_lines_are_quoted_without_their_frame() {
        let mut written: Vec<_> = (0..12).map(|number| format!("line {number}")).collect();
        let logged = r#"{"requestId":null,"level":"ERROR","args":["set",{"name":"API_KEY"}]}"#;
        written.push(logged.to_owned());
        written.push("ñ".repeat(600));
        let text = written.join("\n");
        let lines = last_lines(text.as_bytes()).await;
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!(lines[0], "line 4");
        assert_eq!(lines[8], r#"set {"name":"API_KEY"}"#);
        assert_eq!(lines[9].chars().count(), MAX_CHARACTERS + 1);
    }
}
