//! Searches for Deno: in `JELOU_DENO`, in the data folder, then on `PATH` with exactly the pinned version.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::binary::{Deno, DenoSource, bundler_path, deno_path};
use super::pin::DENO_VERSION;

/// Why the search for Deno failed.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    #[error("JELOU_DENO names `{path}`, which does not run: {reason}")]
    Environment { path: PathBuf, reason: String },
}

/// Searches for an installed Deno. Returns `None` if there is none.
///
/// # Errors
///
/// When `named`, the value of `JELOU_DENO`, is not a Deno binary.
pub fn locate(data: &Path, named: Option<&OsStr>) -> Result<Option<Deno>, LocateError> {
    let bundler = Some(bundler_path(data)).filter(|path| path.is_file());
    if let Some(named) = named.filter(|value| !value.is_empty()) {
        let binary = PathBuf::from(named);
        return match version(&binary) {
            Ok(_) => Ok(Some(Deno {
                binary,
                bundler,
                source: DenoSource::Environment,
            })),
            Err(reason) => Err(LocateError::Environment {
                path: binary,
                reason,
            }),
        };
    }
    let installed = deno_path(data);
    if installed.is_file() {
        return Ok(Some(Deno {
            binary: installed,
            bundler,
            source: DenoSource::Installed,
        }));
    }
    let on_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .map(|dir| dir.join("deno"))
            .find(|candidate| version(candidate).is_ok_and(|found| found == DENO_VERSION))
    });
    Ok(on_path.map(|binary| Deno {
        binary,
        bundler,
        source: DenoSource::Path,
    }))
}

/// Returns the version that `--version` reports.
fn version(binary: &Path) -> Result<String, String> {
    if !binary.is_file() {
        return Err("the file does not exist".to_owned());
    }
    let output = Command::new(binary)
        .arg("--version")
        .env_clear()
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_ascii_whitespace()
        .skip_while(|word| *word != "deno")
        .nth(1)
        .map(str::to_owned)
        .ok_or_else(|| "it does not answer `--version` as Deno does".to_owned())
}
