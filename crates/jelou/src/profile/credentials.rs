//! `~/.jelou/credentials.json`: named profiles, one of which is active. Only the owner can read the file.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use jelou_client::ApiUrl;
use jelou_token::AccessToken;
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// Mode bits that give access to other users.
const OTHERS: u32 = 0o077;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Credentials {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Profile {
    api: String,
    token: String,
}

impl Profile {
    pub(crate) fn new(api: &ApiUrl, token: &AccessToken) -> Self {
        Self {
            api: api.to_string(),
            token: token.expose().to_owned(),
        }
    }

    pub(crate) fn api(&self) -> &str {
        &self.api
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Returns the name of the active profile. `None` if there is none, or it does not exist.
    pub(crate) fn active(&self) -> Option<&str> {
        self.active
            .as_deref()
            .filter(|name| self.profiles.contains_key(*name))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Profile)> {
        self.profiles
            .iter()
            .map(|(name, profile)| (name.as_str(), profile))
    }

    pub(crate) fn set(&mut self, name: &str, profile: Profile) {
        self.profiles.insert(name.to_owned(), profile);
    }

    pub(crate) fn activate(&mut self, name: &str) {
        self.active = Some(name.to_owned());
    }

    /// Removes a profile. Returns whether it existed.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        if self.active.as_deref() == Some(name) {
            self.active = None;
        }
        self.profiles.remove(name).is_some()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Checks the name of a profile: it must be easy to type in shells and to show in lists.
pub(crate) fn check_name(name: &str) -> anyhow::Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) || name.starts_with('-') {
        return Err(Failure::validation(
            "a profile's name has 1 to 64 letters, digits, `.`, `_` and `-`, and does not start with `-`",
        )
        .into());
    }
    Ok(())
}

#[derive(Debug)]
pub(crate) struct CredentialsFile {
    path: PathBuf,
}

impl CredentialsFile {
    pub(crate) fn locate() -> anyhow::Result<Self> {
        let home = std::env::home_dir()
            .filter(|home| !home.as_os_str().is_empty())
            .ok_or_else(|| {
                Failure::input("the home folder is not known").hint("set the variable HOME")
            })?;
        Ok(Self {
            path: home.join(".jelou").join("credentials.json"),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file. A missing file is the same as one without profiles.
    pub(crate) fn load(&self) -> anyhow::Result<Credentials> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Credentials::default());
            }
            Err(error) => return Err(error.into()),
        };
        serde_json::from_str(&text).map_err(|error| {
            Failure::validation(format!("{} cannot be read", self.path.display()))
                .because(error)
                .hint("repair it, or remove it and run `jelou login` again")
                .into()
        })
    }

    /// Whether other users of this machine can access the file.
    pub(crate) fn is_readable_by_others(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.permissions().mode() & OTHERS != 0)
    }

    /// Changes the file under a lock and replaces it atomically, so that concurrent commands lose no change, and a
    /// crash leaves the old file.
    pub(crate) fn update<T>(
        &self,
        change: impl FnOnce(&mut Credentials) -> T,
    ) -> anyhow::Result<T> {
        let folder = self.path.parent().context("the file is in a folder")?;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let lock = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join("credentials.lock"))?;
        lock.file().lock()?;

        let mut credentials = self.load()?;
        let outcome = change(&mut credentials);

        // Created with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("cannot write in {}", folder.display()))?;
        serde_json::to_writer_pretty(&mut file, &credentials)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(&self.path)
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        let token = AccessToken::mint().unwrap();
        Profile::new(&"http://127.0.0.1:4400".parse().unwrap(), &token)
    }

    #[test]
    fn a_removed_profile_is_not_active_any_more() {
        let mut credentials = Credentials::default();
        credentials.set("a", profile());
        credentials.activate("a");
        assert_eq!(credentials.active(), Some("a"));
        assert!(credentials.remove("a"));
        assert_eq!(credentials.active(), None);
        assert!(!credentials.remove("a"));
    }

    #[test]
    fn debug_shows_no_token() {
        let profile = profile();
        assert!(!format!("{profile:?}").contains(profile.token()));
    }

    #[test]
    fn the_file_is_private_and_survives_updates() {
        let home = tempfile::tempdir().unwrap();
        let file = CredentialsFile {
            path: home.path().join(".jelou/credentials.json"),
        };
        assert_eq!(file.load().unwrap().iter().count(), 0);
        file.update(|credentials| credentials.set("a", profile()))
            .unwrap();
        file.update(|credentials| credentials.set("b", profile()))
            .unwrap();
        assert_eq!(file.load().unwrap().iter().count(), 2);
        assert!(!file.is_readable_by_others());
        let folder = fs::metadata(home.path().join(".jelou")).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    }
}
