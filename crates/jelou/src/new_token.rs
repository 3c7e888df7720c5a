//! Delivers the value of a new token: to the screen, or with `--token-output` to a private file.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use crate::exit::Failure;
use crate::output::{Human, Output};

/// Prepared before the token is created, because a token that cannot be stored is lost.
#[derive(Debug)]
pub(crate) enum Delivery {
    Screen,
    File { path: PathBuf, file: NamedTempFile },
}

/// A delivered token. In JSON, it is a part of the command's result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivered {
    /// `null` if the token is in a file, or if there is no token.
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_file: Option<PathBuf>,
}

impl Delivery {
    /// # Errors
    ///
    /// When the folder is not writable, or when something other than a plain file has the name.
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
        // The file is created with mode 0600.
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

    /// The file contains only the token, so that it can be the stdin of `secrets set KEY=-`.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
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
    /// For commands that created no token.
    pub(crate) fn nothing() -> Self {
        Self {
            token: None,
            token_file: None,
        }
    }

    /// Shows `▸ Token    jfn_rt_...`, and the `warning` if the value is on the screen.
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

/// Which line comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    WarningFirst,
    TokenFirst,
}
