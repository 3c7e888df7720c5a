//! The error of a build.

use jelou_core::Slug;

use super::remote::Problem;
use crate::worker::LoadError;

/// Why a build fails.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("`{file}` cannot be read: {reason}")]
    Config { file: String, reason: String },
    #[error(
        "`{file}` maps `{key}` to `{value}`; allowed are `npm:` and `jsr:` packages, `https:` and `node:` modules, and `./` files of the project"
    )]
    Import {
        file: String,
        key: String,
        value: String,
    },
    #[error(
        "`{importer}` imports `{specifier}`, which is outside the upload; {}",
        if .specifier.starts_with('.') {
            "deploy the folder that has both files, with the `entrypoint` in jelou.json"
        } else {
            "import files of the project, or packages with `npm:`"
        }
    )]
    Outside { importer: String, specifier: String },
    #[error(
        "`{importer}` imports `{specifier}`{}, {problem}",
        .by.as_ref().map(|by| format!(" (through `{by}`)")).unwrap_or_default()
    )]
    Remote {
        importer: String,
        specifier: String,
        /// The import of the upload that leads to `importer`, if `importer` is a remote module.
        by: Option<String>,
        problem: Box<Problem>,
    },
    #[error(
        "the content of `{module}` does not match `{lock}`; write the lock file again, and import a URL with a version"
    )]
    RemoteIntegrity { module: String, lock: String },
    #[error("{what}; the limit is {limit}. Import fewer modules, or `npm:` packages")]
    RemoteLimit { what: String, limit: String },
    #[error(
        "`{importer}` imports `{specifier}`, which `deno.json` does not map; {}",
        .suggestion.as_deref().unwrap_or("add a package there with `npm:`, or write `./` before a file of the project")
    )]
    UnknownPackage {
        importer: String,
        specifier: String,
        /// The most likely intended file or package.
        suggestion: Option<String>,
    },
    #[error(
        "`{importer}` imports `{specifier}`, which is not among the files of the project{}",
        .suggestion.as_ref().map(|line| format!("; {line}")).unwrap_or_default()
    )]
    MissingFile {
        importer: String,
        specifier: String,
        /// The most likely intended file or package.
        suggestion: Option<String>,
    },
    #[error("`{importer}` imports `{specifier}`, {what}")]
    OtherPlatform {
        importer: String,
        specifier: String,
        /// What the module is, and what to use instead.
        what: &'static str,
    },
    #[error("`{file}` is {found}; save the file as UTF-8")]
    Encoding { file: String, found: String },
    /// At least two errors.
    #[error("{}", jelou_core::source::join_problems(&.0.iter().map(ToString::to_string).collect::<Vec<_>>()))]
    Several(Vec<BuildError>),
    #[error(
        "`{package}` could not be downloaded{}",
        match .lock {
            Some(lock) => format!(", or its content differs from the digest in `{lock}`"),
            None => "; try again, or check that the registry has it".to_owned(),
        }
    )]
    NotDownloaded {
        package: String,
        /// Name of the upload's lock file, if it has one.
        lock: Option<String>,
    },
    #[error(
        "the digest of `{package}` in `{lock}` differs from the registry's; write the lock file again"
    )]
    Integrity { package: String, lock: String },
    #[error(
        "`{package}` has native code, which cannot run here{}; {advice}",
        .importer.as_ref().map(|importer| format!(" (`{importer}` imports it)")).unwrap_or_default()
    )]
    Native {
        package: String,
        /// The package that imports the native package, if the upload does not.
        importer: Option<String>,
        advice: String,
    },
    #[error(
        "Prisma's client is not generated, and its engine is native code, which cannot run here; use `pg`, `mysql2` or `drizzle-orm`"
    )]
    Prisma,
    /// The compiler's message, with paths relative to the upload.
    #[error("{0}")]
    Source(String),
    #[error("the bundle would contain a part of `{0}`, which is outside the upload")]
    Leak(String),
    #[error(
        "the build ended with {status}; more than {limit_mib} MiB of memory (limits.max_build_memory_mib, a server setting) or endless nesting can cause this"
    )]
    Died { status: String, limit_mib: u64 },
    #[error(
        "the bundle is {bytes} bytes; the limit is {limit} bytes (limits.max_bundle_bytes, a server setting).{}",
        largest_sentence(.largest)
    )]
    BundleTooLarge {
        bytes: u64,
        limit: u64,
        /// Packages and the bytes of their sources in the bundle, the largest first.
        largest: Vec<(String, u64)>,
    },
    #[error("the build did not finish within {0} ms (limits.build_timeout_ms, a server setting)")]
    Timeout(u128),
    #[error(
        "the manifest contains the value of the secret {key}, in `{place}`; the manifest is public (/openapi.json), so put no secret into a description, schema, path or `config`"
    )]
    SecretInManifest { key: String, place: String },
    #[error("the secrets cannot be read: {0}")]
    Secrets(String),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("build failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Large packages, and smaller packages to import instead.
const LIGHTER: [(&str, &str); 3] = [
    ("aws-sdk", "`@aws-sdk/client-...` of the one service"),
    ("googleapis", "`@googleapis/...` of the one API"),
    ("moment-timezone", "`Intl.DateTimeFormat`"),
];

fn largest_sentence(largest: &[(String, u64)]) -> String {
    if largest.is_empty() {
        return " Import fewer or smaller packages".to_owned();
    }
    let named: Vec<_> = largest
        .iter()
        .map(|(name, bytes)| format!("`{name}` ({bytes} bytes)"))
        .collect();
    let lighter = LIGHTER
        .iter()
        .filter(|(package, _)| largest.iter().any(|(name, _)| name == package))
        .map(|(package, instead)| format!("; in place of `{package}`, import {instead}"));
    format!(
        " The largest packages in it: {}{}",
        named.join(", "),
        lighter.collect::<String>()
    )
}

/// The text with which programs report ENOSPC.
const NO_SPACE: &str = "(os error 28)";

impl BuildError {
    /// Whether the error of a missing file suggests a similar file.
    pub(super) fn has_suggestion(&self) -> bool {
        matches!(
            self,
            Self::MissingFile {
                suggestion: Some(_),
                ..
            }
        )
    }

    /// Combines problems into one error.
    ///
    /// # Errors
    ///
    /// All `problems`. An empty list is no error.
    pub(super) fn check(mut problems: Vec<Self>) -> Result<(), Self> {
        match problems.len() {
            0 => Ok(()),
            1 => Err(problems.remove(0)),
            _ => Err(Self::Several(problems)),
        }
    }

    /// Converts an error with a message about a full disk to a server error. Such a message comes from a program or
    /// from the start of a process. Without the conversion, the error would blame the upload.
    pub(super) fn or_full_disk(self) -> Self {
        match self {
            Self::Source(text) | Self::Load(LoadError::Died(text)) if text.contains(NO_SPACE) => {
                Self::Io(std::io::ErrorKind::StorageFull.into())
            }
            other => other,
        }
    }

    /// Adapts the commands in the error to a function that does not exist yet.
    #[must_use]
    pub fn before_first_deploy(self, slug: &Slug) -> Self {
        let command = format!("jelou secrets set {slug} ");
        match self {
            Self::Load(error) => Self::Load(
                error.map_texts(|text| text.replace(&command, &format!("{command}--create "))),
            ),
            other => other,
        }
    }

    /// Returns whether the upload caused the error, not the server.
    pub fn is_upload_fault(&self) -> bool {
        match self {
            Self::Io(_)
            | Self::Secrets(_)
            | Self::Load(LoadError::Died(_) | LoadError::NotReady(_) | LoadError::Protocol(_)) => {
                false
            }
            Self::Several(errors) => errors.iter().all(Self::is_upload_fault),
            Self::Config { .. }
            | Self::Encoding { .. }
            | Self::Import { .. }
            | Self::Outside { .. }
            | Self::Remote { .. }
            | Self::RemoteIntegrity { .. }
            | Self::RemoteLimit { .. }
            | Self::OtherPlatform { .. }
            | Self::UnknownPackage { .. }
            | Self::MissingFile { .. }
            | Self::Source(_)
            | Self::Leak(_)
            | Self::SecretInManifest { .. }
            | Self::NotDownloaded { .. }
            | Self::Integrity { .. }
            | Self::Native { .. }
            | Self::Prisma
            | Self::Died { .. }
            | Self::BundleTooLarge { .. }
            | Self::Timeout(_)
            | Self::Load(
                LoadError::Refused { .. }
                | LoadError::Timeout { .. }
                | LoadError::Crashed(_)
                | LoadError::Breach(_),
            ) => true,
        }
    }

    /// Returns the stack trace of a module that threw an exception during its import.
    pub fn stack(&self) -> Option<&str> {
        match self {
            Self::Load(LoadError::Refused { stack, .. }) => stack.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_the_servers_fault() {
        let text = || format!("failed to copy file: No space left on device {NO_SPACE}");
        for error in [
            BuildError::Source(text()),
            LoadError::Died(text()).into(),
            std::io::Error::from_raw_os_error(28).into(),
        ] {
            let error = error.or_full_disk();
            let is_full = matches!(&error, BuildError::Io(error) if error.kind() == std::io::ErrorKind::StorageFull);
            assert!(is_full, "{error:?}");
            assert!(!error.is_upload_fault());
        }
    }
}
