//! Delivers the value of a new token: to the screen, or to a private file (`--token-output`).

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use crate::exit::Failure;
use crate::output::{Human, Output};

/// Where the value of a token goes. Prepared before the token is created, because the value of a token is lost if it
/// cannot be stored.
#[derive(Debug)]
pub(crate) enum Delivery {
    Screen,
    File { path: PathBuf, file: NamedTempFile },
}

/// The delivered value of a token. In JSON, it is part of the command's result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivered {
    /// `null` if the value is in a file, or if no token was created.
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_file: Option<PathBuf>,
}

impl Delivery {
    /// # Errors
    ///
    /// If the folder is not writable, or if the path is not a plain file.
    pub(crate) fn prepare(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Screen);
        };
        let shown = path.display();
        if std::fs::symlink_metadata(path).is_ok_and(|existing| !existing.is_file()) {
            return Err(
                Failure::input(format!("--token-output: {shown} is not a plain file"))
                    .hint("name a file; it is created with mode 0600, or replaced")
                    .into(),
            );
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Created with mode 0600.
        let file = NamedTempFile::new_in(folder).map_err(|error| {
            Failure::input(format!("--token-output: {shown} cannot be written"))
                .because(error)
                .hint("name a file in a folder that exists and can be written")
        })?;
        Ok(Self::File {
            path: path.to_owned(),
            file,
        })
    }

    /// Delivers the value. The file contains nothing else, so that it can be the stdin of `secrets set KEY=-`.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(crate) fn deliver(self, token: &str, output: &Output) -> anyhow::Result<Delivered> {
        output.mask(token)?;
        let (path, mut file) = match self {
            Self::Screen => {
                return Ok(Delivered {
                    token: Some(token.to_owned()),
                    token_file: None,
                });
            }
            Self::File { path, file } => (path, file),
        };
        let written = file
            .write_all(token.as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .and_then(|()| file.persist(&path).map_err(|error| error.error));
        match written {
            Ok(_) => Ok(Delivered {
                token: None,
                token_file: Some(path),
            }),
            Err(error) => Err(Failure::input(format!(
                "the token was created, and cannot be written to {}",
                path.display()
            ))
            .because(error)
            .hint("create another one, and revoke this one")
            .into()),
        }
    }
}

impl Delivered {
    /// Returns the result of a command that created no token.
    pub(crate) fn nothing() -> Self {
        Self {
            token: None,
            token_file: None,
        }
    }

    /// Shows `▸ Token    jfn_rt_...`. Also shows the `warning` if the value is on the screen.
    pub(crate) fn show(
        &self,
        human: &mut Human,
        order: Order,
        warning: &str,
    ) -> std::io::Result<()> {
        match (&self.token, &self.token_file) {
            (Some(token), _) => {
                let token = format!("Token    {token}");
                match order {
                    Order::WarningFirst => {
                        human.warning(warning)?;
                        human.item(&token)
                    }
                    Order::TokenFirst => {
                        human.item(&token)?;
                        human.warning(warning)
                    }
                }
            }
            (None, Some(path)) => human.item(&format!("Token    written to {}", path.display())),
            (None, None) => Ok(()),
        }
    }
}

/// Which line is shown first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    WarningFirst,
    TokenFirst,
}
