//! Reads lines of limited length from a worker's pipes.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt};

/// Reads and discards until the process closes the pipe.
pub(crate) async fn discard(mut pipe: impl AsyncRead + Unpin) {
    // If the pipe fails, nothing more can be read from it.
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// Number of bytes above the limit, which were dropped.
    pub(super) dropped: usize,
}

/// Reads the next line and cuts it to `max_bytes`. Returns `None` at the end.
///
/// Control characters are not removed: the line may be JSON, and the masking of secrets compares the exact text. Code
/// that shows a line escapes them with [`jelou_core::printable`].
///
/// # Errors
///
/// When the pipe cannot be read.
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
    let text = text.strip_suffix('\r').unwrap_or(&text).to_owned();
    Ok(Some(Line { text, dropped }))
}

/// Skips the rest of the line, and returns its length in bytes.
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
    async fn a_line_over_the_limit_is_cut() {
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
    async fn only_line_ends_are_removed() {
        let text = "tab\tend\r\na\rb \u{1b}[2J \u{9b}1m\n";
        let mut reader = BufReader::new(text.as_bytes());
        for expected in ["tab\tend", "a\rb \u{1b}[2J \u{9b}1m"] {
            let line = next_line(&mut reader, 100).await.unwrap().unwrap();
            assert_eq!(line.text, expected);
        }
    }

    #[tokio::test]
    async fn a_line_at_the_limit_is_not_cut() {
        let mut reader = BufReader::new("123\n4567\n".as_bytes());
        let line = next_line(&mut reader, 4).await.unwrap().unwrap();
        assert_eq!((&*line.text, line.dropped), ("123", 0));
        let line = next_line(&mut reader, 4).await.unwrap().unwrap();
        assert_eq!((&*line.text, line.dropped), ("4567", 0));
        assert_eq!(next_line(&mut reader, 4).await.unwrap(), None);
    }
}
