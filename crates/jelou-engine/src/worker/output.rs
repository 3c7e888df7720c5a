//! What a worker writes: log lines on stdout, Deno's own last words on stderr.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use super::rate::LineRate;
use crate::{Host, LogLine, LogSource};

/// Bytes of one line; the rest of a longer one is dropped.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Passes every line on until the process closes the pipe.
pub(crate) async fn forward(
    pipe: impl AsyncRead + Unpin,
    source: LogSource,
    host: Arc<dyn Host>,
    wrap: fn(String) -> LogLine,
    lines_per_second: u64,
) {
    let mut reader = BufReader::new(pipe);
    let mut rate = LineRate::new(lines_per_second, Instant::now());
    while let Ok(Some(line)) = next_line(&mut reader).await {
        let now = Instant::now();
        if let Some(lines) = rate.take_dropped(now) {
            host.log(
                &source,
                LogLine::Dropped {
                    lines,
                    lines_per_second,
                },
            );
        }
        if !line.is_empty() && rate.admit(now) {
            host.log(&source, wrap(line));
        }
    }
    if let Some(lines) = rate.rest() {
        host.log(
            &source,
            LogLine::Dropped {
                lines,
                lines_per_second,
            },
        );
    }
}

pub(crate) async fn next_line(
    reader: &mut (impl AsyncBufReadExt + Unpin),
) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    let read = (&mut *reader)
        .take(MAX_LINE_BYTES)
        .read_until(b'\n', &mut line)
        .await?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read as u64 == MAX_LINE_BYTES {
        skip_line(reader).await?;
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

async fn skip_line(reader: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf().await?;
        if buffer.is_empty() {
            return Ok(());
        }
        match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                reader.consume(end + 1);
                return Ok(());
            }
            None => {
                let length = buffer.len();
                reader.consume(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_over_the_limit_is_cut_and_the_next_one_is_whole() {
        let text = format!("{}\nnext\nlast", "x".repeat(200_000));
        let mut reader = BufReader::new(text.as_bytes());
        let first = next_line(&mut reader).await.unwrap().unwrap();
        assert_eq!(first.len() as u64, MAX_LINE_BYTES);
        assert_eq!(next_line(&mut reader).await.unwrap().unwrap(), "next");
        assert_eq!(next_line(&mut reader).await.unwrap().unwrap(), "last");
        assert_eq!(next_line(&mut reader).await.unwrap(), None);
    }
}
