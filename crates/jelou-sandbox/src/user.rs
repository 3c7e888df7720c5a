//! A user id for each process, so that the kernel keeps processes apart as it keeps users apart.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// How many user ids there are; far more than processes can run at a time.
const USER_IDS: u32 = 60_000;

/// Group and user of one process, both of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessUser(u32);

impl ProcessUser {
    pub fn id(self) -> u32 {
        self.0
    }

    /// Gives the path to the process.
    pub fn own(self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::lchown(path, Some(self.0), Some(self.0))
    }

    /// Gives a folder and all that is in it.
    pub fn own_all(self, folder: &Path) -> std::io::Result<()> {
        self.own(folder)?;
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.own_all(&entry.path())?;
            } else {
                self.own(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Lets the process, by its group, use the path, which stays the server's own.
    pub fn admit(self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::lchown(path, None, Some(self.0))
    }
}

/// The user ids of one server, each lent to one process at a time.
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

/// The user ids that are lent.
pub(crate) fn range(first: u32) -> std::ops::RangeInclusive<u32> {
    first..=first.saturating_add(USER_IDS - 1)
}

impl UserIds {
    /// `start` says at which of the ids lending begins. With a start that differs from server to server, two servers
    /// that were given the same range by mistake seldom meet.
    pub fn new(first: u32, start: u32) -> Self {
        Self {
            first,
            lent: Mutex::new(Lent {
                next: start % USER_IDS,
                ids: HashSet::new(),
            }),
        }
    }

    /// The one that fetches packages and owns their cache; none of those that are lent.
    pub fn builder(&self) -> ProcessUser {
        ProcessUser(self.first + USER_IDS)
    }

    /// The id that was not lent for the longest time.
    pub fn lend(self: &Arc<Self>) -> std::io::Result<LentUser> {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..USER_IDS {
            let id = self.first + lent.next;
            lent.next = (lent.next + 1) % USER_IDS;
            if lent.ids.insert(id) {
                return Ok(LentUser {
                    user: ProcessUser(id),
                    ids: Arc::clone(self),
                });
            }
        }
        Err(std::io::Error::other(
            "every user id that processes can have is in use (sandbox.first_user_id)",
        ))
    }
}

/// A user id that no other process has until this is dropped.
#[derive(Debug)]
pub struct LentUser {
    user: ProcessUser,
    ids: Arc<UserIds>,
}

impl LentUser {
    pub fn user(&self) -> ProcessUser {
        self.user
    }
}

impl Drop for LentUser {
    fn drop(&mut self) {
        self.ids
            .lent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ids
            .remove(&self.user.0);
    }
}

pub(crate) fn missing(run_dir: &Path) -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("the server does not run as root");
    }
    let passable = |folder: &Path| {
        folder
            .metadata()
            // One that is still to be made will be passable.
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
        // The ids go round before one comes again, and the one that is still lent is passed over.
        let mut seen = HashSet::new();
        for _ in 0..USER_IDS - 1 {
            assert!(seen.insert(ids.lend().unwrap().user().id()));
        }
        assert!(!seen.contains(&first.user().id()));
        assert_ne!(ids.builder().id(), 659_999);
    }

    #[test]
    fn there_is_an_error_when_all_are_lent() {
        let ids = Arc::new(UserIds::new(600_000, 0));
        let all: Vec<_> = (0..USER_IDS).map(|_| ids.lend().unwrap()).collect();
        assert!(ids.lend().is_err());
        drop(all);
        assert!(ids.lend().is_ok());
    }
}
