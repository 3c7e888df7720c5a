//! Where the master key comes from: `JELOU_MASTER_KEY`, the command of the configuration, or the file in the data
//! folder.

use std::path::Path;
use std::process::{Command, Stdio};

use jelou_store::{Vault, VaultError};
use zeroize::Zeroizing;

use crate::config::MasterKey;

/// Environment variable with the key.
const VARIABLE: &str = "JELOU_MASTER_KEY";

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("`master_key.command` cannot be run: `{program}`")]
    Run {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`master_key.command` failed: `{program}` ended with {status}")]
    Failed {
        program: String,
        status: std::process::ExitStatus,
    },
    #[error("`master_key.command` printed something that is no text")]
    NoText,
}

/// Opens the vault with the keys of the first source that is configured.
///
/// # Errors
/// [`MasterKeyError`]. No error contains a key.
pub(crate) fn open(settings: &MasterKey, file: &Path) -> Result<Vault, MasterKeyError> {
    if let Ok(keys) = std::env::var(VARIABLE) {
        return Ok(Vault::from_master_key(&Zeroizing::new(keys))?);
    }
    let Some((program, arguments)) = settings.command.split_first() else {
        return Ok(Vault::open(file)?);
    };
    let mut command = Command::new(program);
    for name in jelou_core::private_variables() {
        command.env_remove(name);
    }
    let printed = command
        .args(arguments)
        .stdin(Stdio::null())
        // stderr goes to the operator. stdout is the key and must not be shown.
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| MasterKeyError::Run {
            program: program.clone(),
            source,
        })?;
    let output = Zeroizing::new(printed.stdout);
    if !printed.status.success() {
        return Err(MasterKeyError::Failed {
            program: program.clone(),
            status: printed.status,
        });
    }
    let keys = str::from_utf8(&output).map_err(|_| MasterKeyError::NoText)?;
    Ok(Vault::from_master_key(keys)?)
}
