//! Reads files that a step of a build wrote. The step processed untrusted code, and may have created a link to a file
//! that only the server can read. Therefore links are refused.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Maximum bytes of a file.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a text file.
///
/// # Errors
///
/// When the file is a link, too large, or cannot be read.
pub(super) fn read_own(path: &Path) -> Result<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    // A hard link may point to a file of another user.
    let is_own = metadata.is_file() && std::os::unix::fs::MetadataExt::nlink(&metadata) == 1;
    if !is_own || metadata.len() > MAX_BYTES {
        return Err(Error::from(ErrorKind::InvalidData));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (own, secret) = (dir.path().join("own"), dir.path().join("secret"));
        fs_err::write(&own, "text").unwrap();
        fs_err::write(&secret, "secret").unwrap();
        assert_eq!(read_own(&own).unwrap(), "text");
        fs_err::remove_file(&own).unwrap();
        std::os::unix::fs::symlink(&secret, &own).unwrap();
        assert!(read_own(&own).is_err());
        fs_err::remove_file(&own).unwrap();
        fs_err::hard_link(&secret, &own).unwrap();
        assert!(read_own(&own).is_err());
    }
}
