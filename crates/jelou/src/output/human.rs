//! Writes lines for human readers: a glyph for the kind of line, then the text.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use jelou_core::printable;

use super::{ErrorBody, Table};

const SUCCESS: Style = AnsiColor::Green.on_default().bold();
const ITEM: Style = AnsiColor::Cyan.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const QUESTION: Style = AnsiColor::Cyan.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const HEADER: Style = Style::new().bold();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

pub(crate) struct Human {
    stream: Box<dyn Write>,
}

impl Human {
    pub(super) fn new(stream: Box<dyn Write>) -> Self {
        Self { stream }
    }

    /// Writes a line such as `✓ Deployed`.
    pub(crate) fn success(&mut self, text: &str) -> io::Result<()> {
        self.marked(SUCCESS, "✓", text)
    }

    /// Writes a line such as `▸ URL: https://...`.
    pub(crate) fn item(&mut self, text: &str) -> io::Result<()> {
        self.marked(ITEM, "▸", text)
    }

    /// Writes a warning such as `⚠ Save this token now`. Further lines of `text` are indented.
    pub(crate) fn warning(&mut self, text: &str) -> io::Result<()> {
        self.marked(WARNING, "⚠", text)
    }

    /// Writes one of several findings, such as `✗ disk space: 3 MiB free`. The command continues.
    pub(crate) fn failure(&mut self, text: &str) -> io::Result<()> {
        self.marked(ERROR, "✗", text)
    }

    /// Writes a final line such as `◇ Fetched 47 logs`.
    pub(crate) fn closing(&mut self, text: &str) -> io::Result<()> {
        self.marked(ITEM, "◇", text)
    }

    /// Writes a log line such as `  10:30:01  INFO  Buscando cliente`. Further lines of `text` are indented.
    pub(crate) fn log_line(
        &mut self,
        time: &str,
        level: LogLevel,
        function: Option<&str>,
        text: &str,
    ) -> io::Result<()> {
        let (style, name) = match level {
            LogLevel::Debug => (QUIET, "DEBUG"),
            LogLevel::Info => (ITEM, "INFO"),
            LogLevel::Warn => (WARNING, "WARN"),
            LogLevel::Error => (ERROR, "ERROR"),
        };
        let text = indented(text, "                   ");
        write!(
            self.stream,
            "  {QUIET}{time}{QUIET:#}  {style}{name:<5}{style:#} "
        )?;
        if let Some(function) = function {
            write!(self.stream, "{HEADER}{function}{HEADER:#}  ")?;
        }
        writeln!(self.stream, "{text}")
    }

    /// Writes the text without a glyph or indentation. Control and invisible characters are escaped.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.stream, "{}", printable(text))
    }

    /// Writes the titles, then a line for each row.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        let mut lines = table.lines();
        if let Some(heading) = lines.next() {
            let heading = printable(&heading).into_owned();
            writeln!(self.stream, "{ITEM}▸{ITEM:#} {HEADER}{heading}{HEADER:#}")?;
        }
        lines.try_for_each(|line| self.item(&line))
    }

    pub(super) fn error(&mut self, error: &ErrorBody) -> io::Result<()> {
        self.marked(ERROR, "✗", &error.message)?;
        for cause in &error.causes {
            let cause = indented(cause, "    ");
            writeln!(self.stream, "  {QUIET}caused by:{QUIET:#} {cause}")?;
        }
        if let Some(hint) = &error.hint {
            let hint = indented(hint, "      ");
            writeln!(self.stream, "{ITEM}hint:{ITEM:#} {hint}")?;
        }
        if let Some(usage) = &error.usage {
            writeln!(self.stream, "\n{}", printable(usage))?;
        }
        Ok(())
    }

    /// Writes a question such as `? Deploy mi-funcion? (Y/n) `. The answer is typed on the same line.
    pub(crate) fn question(&mut self, text: &str) -> io::Result<()> {
        let text = printable(text);
        write!(self.stream, "{QUESTION}?{QUESTION:#} {text} ")?;
        self.stream.flush()
    }

    pub(crate) fn end_line(&mut self) -> io::Result<()> {
        writeln!(self.stream)
    }

    fn marked(&mut self, style: Style, glyph: &str, text: &str) -> io::Result<()> {
        let text = indented(text, "  ");
        writeln!(self.stream, "{style}{glyph}{style:#} {text}")
    }
}

fn indented(text: &str, by: &str) -> String {
    printable(text).replace('\n', &format!("\n{by}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_lines_stand_under_the_first() {
        assert_eq!(indented("one\ntwo", "  "), "one\n  two");
    }
}
