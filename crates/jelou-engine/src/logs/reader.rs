//! Reads lines from a worker's pipes, each at most as long as the limit.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt};

/// Reads until the process closes the pipe.
pub(crate) async fn discard(mut pipe: impl AsyncRead + Unpin) {
    // A pipe that fails has nothing left to read.
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// Bytes at its end that were over the limit.
    pub(super) dropped: usize,
}

/// The next line, of which at most `max_bytes` are kept.
pub(crate) async fn next_line(
    reader: &mut (impl AsyncBufReadExt + Unpin),
    max_bytes: usize,
) -> std::io::Result<Option<Line>> {
    let mut line = Vec::new();
    let read = (&mut *reader)
        .take(max_bytes as u64)
        .read_until(b'\n', &mut line)
        .await?;
    if read == 0 {
        return Ok(None);
    }
    let mut dropped = 0;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read == max_bytes {
        dropped = skip_line(reader).await?;
    }
    let text = String::from_utf8_lossy(&line);
    let text = harmless(text.strip_suffix('\r').unwrap_or(&text));
    Ok(Some(Line { text, dropped }))
}

/// Without what a terminal would act on: a line could look like another one, or take its place.
fn harmless(text: &str) -> String {
    let acts = |character: char| character.is_control() && character != '\t';
    if !text.contains(acts) {
        return text.to_owned();
    }
    text.chars()
        .fold(String::with_capacity(text.len()), |mut line, character| {
            if acts(character) {
                line.extend(character.escape_unicode());
            } else {
                line.push(character);
            }
            line
        })
}

/// Reads to the end of the line; how many bytes came before it.
async fn skip_line(reader: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<usize> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            reader.consume(end + 1);
            return Ok(skipped + end);
        }
        let length = buffer.len();
        reader.consume(length);
        skipped += length;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    #[tokio::test]
    async fn a_line_over_the_limit_is_cut_and_the_next_one_is_whole() {
        let text = format!("{}\nnext\nlast", "x".repeat(200_000));
        let mut reader = BufReader::new(text.as_bytes());
        let first = next_line(&mut reader, 16_384).await.unwrap().unwrap();
        assert_eq!(first.text.len(), 16_384);
        assert_eq!(first.dropped, 200_000 - 16_384);
        for expected in ["next", "last"] {
            let line = next_line(&mut reader, 16_384).await.unwrap().unwrap();
            assert_eq!((&*line.text, line.dropped), (expected, 0));
        }
        assert_eq!(next_line(&mut reader, 16_384).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_a_terminal_would_act_on_is_spelled_out() {
        let text = "tab\tend\r\na\rb \u{1b}[2J \u{9b}1m\n";
        let mut reader = BufReader::new(text.as_bytes());
        for expected in ["tab\tend", r"a\u{d}b \u{1b}[2J \u{9b}1m"] {
            let line = next_line(&mut reader, 100).await.unwrap().unwrap();
            assert_eq!(line.text, expected);
        }
    }

    #[tokio::test]
    async fn a_line_as_long_as_the_limit_is_whole() {
        let mut reader = BufReader::new("123\n4567\n".as_bytes());
        let line = next_line(&mut reader, 4).await.unwrap().unwrap();
        assert_eq!((&*line.text, line.dropped), ("123", 0));
        let line = next_line(&mut reader, 4).await.unwrap().unwrap();
        assert_eq!((&*line.text, line.dropped), ("4567", 0));
        assert_eq!(next_line(&mut reader, 4).await.unwrap(), None);
    }
}
