//! The names of the secrets.

use std::fmt::Write as _;
use std::path::Path;

use super::quoted;
use crate::commands::init::sdk;
use crate::commands::secrets::read_env_file;

/// Returns the names in the file. `None`: `.env`, which may be missing.
pub(super) fn names(dir: &Path, env_file: Option<&Path>) -> anyhow::Result<Vec<String>> {
    let default = dir.join(".env");
    let path = match env_file {
        Some(path) => path,
        None if default.is_file() => &default,
        None => return Ok(Vec::new()),
    };
    let secrets = read_env_file(path)?;
    Ok(secrets.into_keys().map(|key| key.to_string()).collect())
}

/// Writes the types of the secrets.
///
/// # Errors
///
/// If the file cannot be written.
pub(in crate::commands) fn write<'a>(
    dir: &Path,
    names: impl Iterator<Item = &'a str>,
) -> anyhow::Result<()> {
    let mut text =
        "/** The names in the file with the secrets. */\nexport interface Secrets {\n".to_owned();
    for name in names {
        let _ = writeln!(text, "  readonly {}: string;", quoted(name));
    }
    text.push_str("}\n");
    super::write(dir, sdk::SECRETS, &text)
}
