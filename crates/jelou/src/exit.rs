//! Errors of commands, and their exit codes.

use std::fmt;
use std::io;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use jelou_client::ClientError;
use jelou_core::ErrorCode;
use jelou_core::source::{SourceError, SourceErrors};

use crate::output::{ErrorBody, Output};
use crate::{habits, interrupt};

/// An error that the command line itself detects.
#[derive(Debug)]
pub(crate) struct Failure {
    code: ErrorCode,
    message: String,
    hint: Option<String>,
    status: u8,
    source: Option<anyhow::Error>,
}

/// Exit code after Ctrl-C, as in shells: 128 plus the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

impl Failure {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            status: status(code),
            source: None,
        }
    }

    pub(crate) fn auth(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::AuthError, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Forbidden, message)
    }

    pub(crate) fn last_token(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::LastToken, message)
    }

    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InputError, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationError, message)
    }

    /// Creates the error of a server that could not start.
    pub(crate) fn server(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::UnknownError, message)
    }

    /// Creates the error of a run that failed, although the command itself succeeded.
    pub(crate) fn failed_run(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::UnknownError, message)
    }

    /// Creates the error for the answer "no".
    pub(crate) fn cancelled() -> Self {
        Self::new(ErrorCode::UnknownError, "Cancelled")
    }

    pub(crate) fn interrupted() -> Self {
        Self {
            status: INTERRUPTED,
            ..Self::new(ErrorCode::UnknownError, interrupt::outcome())
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn because(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// An error that the result has already reported. Only the exit code is missing.
#[derive(Debug, thiserror::Error)]
#[error("the result says what is wrong")]
pub(crate) struct Shown;

fn status(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::ApiError | ErrorCode::UnknownError => 1,
        ErrorCode::InputError => 2,
        ErrorCode::AuthError | ErrorCode::Forbidden => 3,
        ErrorCode::NotFound => 4,
        ErrorCode::Conflict | ErrorCode::LastToken => 5,
        ErrorCode::NetworkError | ErrorCode::TransientError => 6,
        ErrorCode::ValidationError => 7,
    }
}

/// Shows the error of a command, and returns the exit code.
pub(crate) fn report(output: &Output, error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        // Not an error: the reader of the pipe, for example `head`, has closed it.
        return ExitCode::SUCCESS;
    }
    if error.is::<Shown>() {
        return ExitCode::FAILURE;
    }
    let (code, _, status) = classify(error);
    let (message, causes) = messages(error);
    let body = ErrorBody {
        code,
        message,
        causes,
        hint: hint_of(error),
        usage: None,
    };
    show(output, &body, status)
}

/// Returns the hint of an error.
pub(crate) fn hint_of(error: &anyhow::Error) -> Option<String> {
    let (_, hint, _) = classify(error);
    hint.map(|hint| jelou_token::redact(&hint).into_owned())
}

/// Returns the message of an error and its causes. Omits a cause if the text before it ends with this cause, because
/// errors of libraries often contain the text of their cause.
fn messages(error: &anyhow::Error) -> (String, Vec<String>) {
    let texts = error.chain().map(ToString::to_string);
    let mut texts = texts.map(|text| jelou_token::redact(&text).into_owned());
    let message = texts.next().unwrap_or_default();
    let mut causes: Vec<String> = Vec::new();
    for cause in texts {
        if !causes.last().unwrap_or(&message).ends_with(&cause) {
            causes.push(cause);
        }
    }
    (message, causes)
}

fn show(output: &Output, body: &ErrorBody, status: u8) -> ExitCode {
    match output.error(body) {
        // If even the error cannot be written, only the exit code can report it.
        Ok(()) | Err(_) => ExitCode::from(status),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn classify(error: &anyhow::Error) -> (ErrorCode, Option<String>, u8) {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return (failure.code, failure.hint.clone(), failure.status);
        }
        if let Some(error) = cause.downcast_ref::<ClientError>() {
            let (code, hint) = classify_client(error);
            return (code, hint, status(code));
        }
        if let Some(errors) = cause.downcast_ref::<SourceErrors>() {
            let code = ErrorCode::ValidationError;
            return (code, source_hint(errors), status(code));
        }
    }
    (ErrorCode::UnknownError, None, 1)
}

/// Returns the hint for a folder without code.
fn source_hint(errors: &SourceErrors) -> Option<String> {
    let is_empty = errors.all().contains(&SourceError::Empty);
    is_empty.then(|| "`jelou init` starts a project in the current folder".to_owned())
}

fn classify_client(error: &ClientError) -> (ErrorCode, Option<String>) {
    match error {
        ClientError::Problem(problem) => {
            let own = match problem.code {
                ErrorCode::AuthError => Some("log in again with `jelou login`"),
                ErrorCode::LastToken => Some(
                    "create another one first with `jelou tokens create`, or pass `--force` in an emergency",
                ),
                _ => None,
            };
            (
                problem.code,
                problem.hint.clone().or(own.map(str::to_owned)),
            )
        }
        ClientError::Exchange(_) => (
            ErrorCode::AuthError,
            Some("`jelou trust list` shows the trust policies; docs/ci.md has their conditions".to_owned()),
        ),
        ClientError::Network { .. } => (
            ErrorCode::NetworkError,
            Some("is it running? `jelou serve` starts one on this machine, and `jelou auth list` shows the saved addresses".to_owned()),
        ),
        ClientError::Unavailable { .. } => (ErrorCode::TransientError, None),
        ClientError::NotJelou { .. } => (
            ErrorCode::ApiError,
            Some(
                "check the address with `jelou auth list`; `jelou login --api URL` changes it"
                    .to_owned(),
            ),
        ),
        ClientError::Unreadable { .. } => (
            ErrorCode::ApiError,
            Some("the server and this command line may be of different versions".to_owned()),
        ),
    }
}

/// Prints the output of clap (help, the version, or a usage error), and returns the exit code.
pub(crate) fn usage(output: &Output, error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            return match error.print() {
                Ok(()) | Err(_) => ExitCode::SUCCESS,
            };
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !output.is_json() => {
            return match error.print() {
                Ok(()) | Err(_) => ExitCode::from(status(ErrorCode::InputError)),
            };
        }
        _ => {}
    }
    let code = match error.kind() {
        // The usage is correct, but a value is malformed.
        ErrorKind::ValueValidation => ErrorCode::ValidationError,
        _ => ErrorCode::InputError,
    };
    show(output, &usage_body(error, code), status(code))
}

fn usage_body(error: &clap::Error, code: ErrorCode) -> ErrorBody {
    let text = jelou_token::redact(&error.render().to_string()).into_owned();
    let mut message = String::new();
    let mut hints = Vec::new();
    let mut usage = None;
    for paragraph in text.split("\n\n") {
        let paragraph = paragraph.trim();
        if let Some(rest) = paragraph.strip_prefix("error: ") {
            rest.clone_into(&mut message);
        } else if paragraph.starts_with("tip: ") {
            hints.extend(
                paragraph
                    .lines()
                    .map(|line| line.trim().trim_start_matches("tip: ").to_owned()),
            );
        } else if paragraph.starts_with("Usage: ") {
            usage = Some(paragraph.to_owned());
        }
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "a subcommand is missing".clone_into(&mut message);
        hints.push("see `--help`, or `--describe` for JSON".to_owned());
        usage = None;
    }
    let path = usage.as_deref().map(command_path).unwrap_or_default();
    match (error.kind(), unknown_word(error)) {
        (ErrorKind::InvalidSubcommand, Some(word)) => {
            if let Some(advice) = habits::for_subcommand(&path, word) {
                hints = vec![advice.to_owned()];
            }
            if hints.is_empty() {
                hints.push(format!("`{path} --help` lists the commands"));
            }
        }
        (ErrorKind::UnknownArgument, Some(word)) => {
            // Removes clap's hint to pass a mistyped flag as a value.
            hints.retain(|hint| !hint.starts_with("to pass "));
            hints.extend(habits::for_flag(&path, word).map(str::to_owned));
            if hints.is_empty() {
                hints.push(format!("`{path} --help` lists the arguments"));
            }
        }
        _ => {}
    }
    if error.get(ContextKind::InvalidArg).is_none() && message.is_empty() {
        text.trim().clone_into(&mut message);
    }
    ErrorBody {
        code,
        message,
        causes: Vec::new(),
        hint: (!hints.is_empty()).then(|| hints.join("\n")),
        usage,
    }
}

/// Returns the command of a usage line: `jelou tokens create` for `Usage: jelou tokens create [OPTIONS] [SLUG]`.
fn command_path(usage: &str) -> String {
    usage
        .trim_start_matches("Usage: ")
        .split_whitespace()
        .take_while(|word| word.starts_with(|first: char| first.is_ascii_lowercase()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn unknown_word(error: &clap::Error) -> Option<&str> {
    [ContextKind::InvalidSubcommand, ContextKind::InvalidArg]
        .into_iter()
        .find_map(|kind| match error.get(kind) {
            Some(ContextValue::String(word)) => Some(word.as_str()),
            _ => None,
        })
}
