//! Environment variables that child processes do not get.

use std::ffi::{OsStr, OsString};

/// Authorises requests for the identity token of a job of GitHub Actions.
const OF_GITHUB_ACTIONS: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// Returns the names of this process's variables that no child needs: its own settings, which include tokens and keys.
pub fn private_variables() -> impl Iterator<Item = OsString> {
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| is_private(name))
}

fn is_private(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"JELOU_") || name == OF_GITHUB_ACTIONS
}
