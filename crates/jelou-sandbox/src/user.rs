//! A user id for each process, so that the kernel isolates processes from each other as it isolates users.

use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::firewall::OwnChain;

/// Number of user ids: many more than there are processes at the same time.
const USER_IDS: u32 = 60_000;

/// User id and group id of one process. Both are the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessUser(u32);

impl ProcessUser {
    pub fn id(self) -> u32 {
        self.0
    }

    /// Makes the process the owner of the path.
    ///
    /// # Errors
    ///
    /// When the owner cannot be changed.
    pub fn own(self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::lchown(path, Some(self.0), Some(self.0))
    }

    /// Makes the process the owner of a folder and its contents. The folder itself comes last: if the process
    /// [owns](Self::owns) it, the process owns everything that was in it.
    ///
    /// # Errors
    ///
    /// When an owner cannot be changed.
    pub fn own_all(self, folder: &Path) -> std::io::Result<()> {
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.own_all(&entry.path())?;
            } else {
                self.own(&entry.path())?;
            }
        }
        self.own(folder)
    }

    /// Returns whether the process is the owner of the path.
    ///
    /// # Errors
    ///
    /// When the path cannot be read.
    pub fn owns(self, path: &Path) -> std::io::Result<bool> {
        Ok(fs_err::symlink_metadata(path)?.uid() == self.0)
    }

    /// Sets the group of the path to the group of the process. The owner does not change.
    ///
    /// # Errors
    ///
    /// When the group cannot be changed.
    pub fn admit(self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::lchown(path, None, Some(self.0))
    }
}

/// The user ids of one server. Each is lent to one process at a time.
#[derive(Debug)]
pub struct UserIds {
    first: u32,
    lent: Mutex<Lent>,
}

#[derive(Debug)]
struct Lent {
    next: u32,
    ids: HashSet<u32>,
}

/// Returns the range of user ids for processes.
pub(crate) fn range(first: u32) -> std::ops::RangeInclusive<u32> {
    first..=first.saturating_add(USER_IDS - 1)
}

impl UserIds {
    /// `start` is the offset of the first id to lend. If two servers have the same range by mistake, random offsets
    /// make a conflict unlikely.
    pub fn new(first: u32, start: u32) -> Self {
        Self {
            first,
            lent: Mutex::new(Lent {
                next: start % USER_IDS,
                ids: HashSet::new(),
            }),
        }
    }

    /// Returns the user that fetches packages and owns their cache. Its id is the first after the range.
    pub fn builder(&self) -> ProcessUser {
        ProcessUser(self.first + USER_IDS)
    }

    fn take_back(&self, user: ProcessUser) {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        lent.ids.remove(&user.0);
    }

    /// Lends the id that has been unused for the longest time.
    ///
    /// # Errors
    ///
    /// When all ids are in use.
    pub fn lend(self: &Arc<Self>) -> std::io::Result<LentUser> {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..USER_IDS {
            let id = self.first + lent.next;
            lent.next = (lent.next + 1) % USER_IDS;
            if lent.ids.insert(id) {
                return Ok(LentUser {
                    user: ProcessUser(id),
                    ids: Arc::clone(self),
                    chain: None,
                });
            }
        }
        Err(std::io::Error::other(
            "every user id that processes can have is in use (sandbox.first_user_id)",
        ))
    }
}

/// A user id of one process. Dropping it returns the id.
#[derive(Debug)]
pub struct LentUser {
    user: ProcessUser,
    ids: Arc<UserIds>,
    /// The firewall chain with the openings of this user id.
    pub(crate) chain: Option<OwnChain>,
}

impl LentUser {
    pub fn user(&self) -> ProcessUser {
        self.user
    }
}

impl Drop for LentUser {
    fn drop(&mut self) {
        let Some(chain) = self.chain.take() else {
            return self.ids.take_back(self.user);
        };
        let (ids, user) = (Arc::clone(&self.ids), self.user);
        // The next process with this id must not have the openings. So the id stays lent until they are closed.
        let closing = move || match chain.close() {
            Ok(()) => ids.take_back(user),
            Err(error) => tracing::debug!(error, "a chain of the firewall is not removed"),
        };
        let _ = std::thread::Builder::new().spawn(closing);
    }
}

/// Returns why processes cannot have their own user ids, or `None` if they can.
pub(crate) fn missing(run_dir: &Path) -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("the server does not run as root");
    }
    let passable = |folder: &Path| {
        folder
            .metadata()
            // The server creates missing folders with search permission for other users.
            .map_or(true, |metadata| metadata.permissions().mode() & 0o001 != 0)
    };
    let blocked = !run_dir.ancestors().all(passable);
    blocked.then_some("a folder above the data folder does not let other users through (chmod o+x)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_lent_to_one_process_at_a_time() {
        let ids = Arc::new(UserIds::new(600_000, USER_IDS - 1));
        let first = ids.lend().unwrap();
        assert_eq!(first.user().id(), 659_999);
        let second = ids.lend().unwrap();
        assert_eq!(second.user().id(), 600_000);
        drop(second);
        // Every other id is lent once before an id repeats. The id in use is skipped.
        let mut seen = HashSet::new();
        for _ in 0..USER_IDS - 1 {
            assert!(seen.insert(ids.lend().unwrap().user().id()));
        }
        assert!(!seen.contains(&first.user().id()));
        assert_ne!(ids.builder().id(), 659_999);
    }

    #[test]
    fn lending_fails_when_all_ids_are_in_use() {
        let ids = Arc::new(UserIds::new(600_000, 0));
        let all: Vec<_> = (0..USER_IDS).map(|_| ids.lend().unwrap()).collect();
        assert!(ids.lend().is_err());
        drop(all);
        assert!(ids.lend().is_ok());
    }
}
