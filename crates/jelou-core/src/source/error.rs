//! Errors about the files of an upload.

use std::fmt;

use super::UploadLimits;

/// A rule that an upload breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("there are no files to deploy")]
    Empty,
    #[error(
        "{files} files to deploy; the limit is {limit} files (limits.max_upload_files, a server setting). `.jelouignore` and `exclude` in jelou.json leave files out"
    )]
    TooManyFiles { files: usize, limit: usize },
    #[error(
        "`{path}` is {bytes} bytes; the limit for one file is {limit} bytes (limits.max_upload_file_bytes, a server setting)"
    )]
    FileTooLarge {
        path: String,
        bytes: u64,
        limit: u64,
    },
    #[error(
        "the files have {bytes} bytes together; the limit is {limit} bytes (limits.max_upload_bytes, a server setting). The largest: {}",
        list(.largest)
    )]
    TotalTooLarge {
        bytes: u64,
        limit: u64,
        largest: Vec<(String, u64)>,
    },
    #[error("`{path}` is not a plain relative path: {reason}")]
    Path { path: String, reason: &'static str },
    #[error("`{0}` is in the upload twice")]
    Duplicate(String),
    #[error("`{0}` is both a file and a folder")]
    FileAndFolder(String),
    #[error(
        "the entrypoint `{path}` is not among the files{}",
        did_you_mean(.suggestion.as_deref())
    )]
    EntrypointMissing {
        path: String,
        suggestion: Option<String>,
    },
    #[error(
        "the entrypoint `{0}` is not code: it must end with .ts, .tsx, .mts, .cts, .js, .jsx, .mjs or .cjs"
    )]
    EntrypointExtension(String),
    #[error(
        "no entrypoint: there is no index.ts, main.ts, src/index.ts or a similar file; name the file in jelou.json: \"entrypoint\": \"{}\"",
        .suggestion.as_deref().unwrap_or("FILE")
    )]
    NoEntrypoint { suggestion: Option<String> },
    #[error("`{pattern}` in `assets` is not a valid file pattern: {reason}")]
    AssetPattern { pattern: String, reason: String },
    #[error(
        "`{0}` in `assets` matches no file. Patterns are relative to the project's folder, as in \"templates/**\"; files that .jelouignore or `exclude` leave out do not count"
    )]
    NoAsset(String),
}

/// All broken rules of an upload. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceErrors(Vec<SourceError>);

impl SourceErrors {
    /// # Errors
    ///
    /// All of `errors`. An empty list is no error.
    pub fn check(errors: Vec<SourceError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    pub fn all(&self) -> &[SourceError] {
        &self.0
    }
}

impl From<SourceError> for SourceErrors {
    fn from(error: SourceError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for SourceErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&join(&problems))
    }
}

impl std::error::Error for SourceErrors {}

/// Joins the problems into one message. Several problems become a list with a heading.
pub fn join(problems: &[String]) -> String {
    /// Maximum number of listed problems. A faulty tool can cause thousands.
    const MOST: usize = 20;
    match problems {
        [only] => only.clone(),
        problems => {
            let mut lines = vec![format!("{} problems:", problems.len())];
            let listed = problems.iter().take(MOST);
            lines.extend(listed.map(|problem| format!("- {}", problem.replace('\n', "\n  "))));
            if problems.len() > MOST {
                lines.push(format!("- and {} more", problems.len() - MOST));
            }
            lines.join("\n")
        }
    }
}

impl UploadLimits {
    /// Returns an error for each limit that files of these sizes exceed.
    pub fn exceeded<'a>(
        &self,
        sizes: impl Iterator<Item = (&'a str, u64)> + Clone,
    ) -> Vec<SourceError> {
        let mut errors = Vec::new();
        let files = sizes.clone().count();
        if files > self.files {
            errors.push(SourceError::TooManyFiles {
                files,
                limit: self.files,
            });
        }
        let too_large = sizes.clone().filter(|(_, bytes)| *bytes > self.file_bytes);
        errors.extend(too_large.map(|(path, bytes)| SourceError::FileTooLarge {
            path: path.escape_debug().to_string(),
            bytes,
            limit: self.file_bytes,
        }));
        let bytes = sizes.clone().map(|(_, bytes)| bytes).sum();
        if bytes > self.bytes {
            let mut largest: Vec<_> = sizes.collect();
            largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
            largest.truncate(3);
            errors.push(SourceError::TotalTooLarge {
                bytes,
                limit: self.bytes,
                largest: largest
                    .into_iter()
                    .map(|(path, bytes)| (path.escape_debug().to_string(), bytes))
                    .collect(),
            });
        }
        errors
    }
}

fn list(files: &[(String, u64)]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|(path, bytes)| format!("`{path}` ({bytes} bytes)"))
        .collect();
    files.join(", ")
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |path| format!("; did you mean `{path}`?"))
}
