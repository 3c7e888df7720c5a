//! The only module that writes to stdout and stderr.
//!
//! stdout gets the result: lines for human readers, or exactly one JSON object. Everything else goes to stderr, so that
//! it does not get into a pipe. Control and invisible characters in text from the server or from files are escaped
//! ([`jelou_core::printable`]).

mod age;
mod date;
mod envelope;
mod human;
mod size;
mod table;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use jelou_core::printable_json;
use serde::Serialize;

use crate::cli::GlobalArgs;
use crate::env;

pub(crate) use age::age;
pub(crate) use date::{date_in_zone, local_date, zoned_date};
pub(crate) use envelope::{Breadcrumb, ErrorBody};
pub(crate) use human::{Human, LogLevel};
pub(crate) use size::size;
pub(crate) use table::Table;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Human,
    Json(Layout),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Pretty,
    Compact,
}

#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: Format,
    color: ColorChoice,
    /// Servers that have not applied a change of this command.
    pending: Arc<Mutex<Vec<String>>>,
    /// Whether the command fails if there are such servers.
    requires_all: Arc<AtomicBool>,
}

impl Output {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let json = if global.json || global.agent {
            true
        } else if global.human || env::is_on(env::JELOU_FORCE_HUMAN_OUTPUT) {
            false
        } else {
            !io::stdout().is_terminal()
        };
        let layout = if global.compact || global.agent {
            Layout::Compact
        } else {
            Layout::Pretty
        };
        Self {
            format: if json {
                Format::Json(layout)
            } else {
                Format::Human
            },
            color: if global.agent {
                ColorChoice::Never
            } else {
                ColorChoice::Auto
            },
            pending: Arc::default(),
            requires_all: Arc::default(),
        }
    }

    pub(crate) fn require_all(&self, requires_all: bool) {
        self.requires_all.store(requires_all, Ordering::Relaxed);
    }

    /// Whether all servers that the command requires have applied its changes.
    pub(crate) fn is_complete(&self) -> bool {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.is_empty() || !self.requires_all.load(Ordering::Relaxed)
    }

    /// Adds servers to `pending` of the result.
    pub(crate) fn add_pending(&self, servers: &str) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.extend(servers.split(", ").map(str::to_owned));
    }

    /// Whether stdout shows colours. Otherwise it is no terminal, or `NO_COLOR` or a flag forbids them.
    pub(crate) fn has_colour(&self) -> bool {
        self.color != ColorChoice::Never && AutoStream::choice(&io::stdout()) != ColorChoice::Never
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self.format, Format::Json(_))
    }

    /// Writes a command's result: `data` as JSON, or lines that `human` writes.
    pub(crate) fn result(
        &self,
        data: &impl Serialize,
        human: impl FnOnce(&mut Human) -> io::Result<()>,
    ) -> io::Result<()> {
        self.result_with(data, &[], human)
    }

    /// Like [`Output::result`], with suggestions for next commands.
    pub(crate) fn result_with(
        &self,
        data: &impl Serialize,
        breadcrumbs: &[Breadcrumb],
        human: impl FnOnce(&mut Human) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.format {
            Format::Human => human(&mut Human::new(self.stdout())),
            Format::Json(layout) => {
                let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                if pending.is_empty() {
                    return self.write_json(layout, &envelope::Success::new(data, breadcrumbs));
                }
                let data = envelope::with_pending(data, &pending)?;
                self.write_json(layout, &envelope::Success::new(&data, breadcrumbs))
            }
        }
    }

    /// Like [`Output::result`], for a command that continues to run. JSON is always on one line.
    pub(crate) fn line(
        &self,
        data: &impl Serialize,
        human: impl FnOnce(&mut Human) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.format {
            Format::Human => human(&mut Human::new(self.stdout())),
            Format::Json(_) => self.write_json(Layout::Compact, &envelope::Success::new(data, &[])),
        }
    }

    /// Writes lines for human readers before the command ends. With JSON output, they are omitted, because the result
    /// is one object.
    pub(crate) fn human(&self, lines: impl FnOnce(&mut Human) -> io::Result<()>) -> io::Result<()> {
        match self.format {
            Format::Human => lines(&mut Human::new(self.stdout())),
            Format::Json(_) => Ok(()),
        }
    }

    /// Writes lines for human readers to stderr, beside the result. With JSON output, they are omitted.
    pub(crate) fn beside(
        &self,
        lines: impl FnOnce(&mut Human) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.format {
            Format::Human => lines(&mut Human::new(self.stderr())),
            Format::Json(_) => Ok(()),
        }
    }

    /// Writes `text` unchanged to stdout, whatever the output format is.
    #[expect(
        clippy::unused_self,
        reason = "only who owns the output may write to it"
    )]
    pub(crate) fn raw(&self, text: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text)?;
        stdout.flush()
    }

    /// Writes JSON without the envelope. Used, for example, for a schema.
    pub(crate) fn bare_json(&self, value: &impl Serialize) -> io::Result<()> {
        let layout = match self.format {
            Format::Human => Layout::Pretty,
            Format::Json(layout) => layout,
        };
        self.write_json(layout, value)
    }

    /// Writes a warning to stderr.
    pub(crate) fn warn(&self, text: &str) -> io::Result<()> {
        Human::new(self.stderr()).warning(text)
    }

    /// Writes a progress message to stderr.
    pub(crate) fn note(&self, text: &str) -> io::Result<()> {
        Human::new(self.stderr()).item(text)
    }

    /// Under GitHub Actions, tells the runner to hide `secret` in the job's log. The runner also hides this line.
    pub(crate) fn mask(&self, secret: &str) -> io::Result<()> {
        if !env::is_on(env::GITHUB_ACTIONS) {
            return Ok(());
        }
        writeln!(self.stderr(), "::add-mask::{secret}")
    }

    /// Writes an error: for human readers to stderr, as JSON to stdout. Under CI, the JSON is also repeated as text on
    /// stderr, because a program often reads stdout, and the job's log shows only stderr.
    pub(crate) fn error(&self, error: &ErrorBody) -> io::Result<()> {
        match self.format {
            Format::Human => Human::new(self.stderr()).error(error),
            Format::Json(layout) => {
                if env::is_on(env::CI) && !io::stdout().is_terminal() {
                    Human::new(self.stderr()).error(error)?;
                }
                self.write_json(layout, &envelope::Failure::new(error))
            }
        }
    }

    fn write_json(&self, layout: Layout, value: &impl Serialize) -> io::Result<()> {
        let mut text = match layout {
            Layout::Pretty => serde_json::to_string_pretty(value)?,
            Layout::Compact => serde_json::to_string(value)?,
        };
        text.push('\n');
        self.raw(printable_json(&text).as_bytes())
    }

    fn stdout(&self) -> Box<dyn Write> {
        Box::new(AutoStream::new(io::stdout(), self.color))
    }

    fn stderr(&self) -> Box<dyn Write> {
        Box::new(AutoStream::new(io::stderr(), self.color))
    }

    /// Returns the stream for prompts, which is stderr.
    pub(crate) fn prompt_stream(&self) -> Human {
        Human::new(self.stderr())
    }
}
