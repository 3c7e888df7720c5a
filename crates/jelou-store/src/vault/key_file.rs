//! The file of the master key: 32 bytes, readable only by its owner.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::error::VaultError;
use super::master_key::MasterKey;

/// The mode bits of the group and of other users.
const OTHERS: u32 = 0o077;

/// The beginning of the name of a file whose key is not complete. It stays if the process is killed while it writes.
pub const UNFINISHED_KEY: &str = ".key-";

/// Reads the key. Returns `None` if the file does not exist.
pub(super) fn read(path: &Path) -> Result<Option<MasterKey>, VaultError> {
    let mut file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unusable(path))?,
    };
    // Checks the open file, so that the file cannot be replaced between check and read.
    let metadata = file.metadata().map_err(unusable(path))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(VaultError::KeyFileMode {
            path: path.to_owned(),
            mode,
        });
    }
    // One byte longer than a key, so that a longer file is detected.
    let mut content = Zeroizing::new([0; 33]);
    let mut length = 0;
    loop {
        match file.read(&mut content[length..]).map_err(unusable(path))? {
            0 => break,
            count => length += count,
        }
    }
    MasterKey::from_slice(&content[..length])
        .map(Some)
        .ok_or_else(|| VaultError::KeyFileContent {
            path: path.to_owned(),
        })
}

/// Writes the key atomically and syncs it to disk, because a lost key cannot be recreated. If another process has
/// created the file meanwhile, returns the key of that file.
pub(super) fn create(path: &Path, key: &MasterKey) -> Result<MasterKey, VaultError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED_KEY)
        .permissions(std::fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(unusable(path))?;
    file.write_all(key.bytes()).map_err(unusable(path))?;
    file.as_file().sync_all().map_err(unusable(path))?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(unusable(path)(error.error));
        }
        _ => {}
    }
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(unusable(path))?;
    read(path)?.ok_or_else(|| unusable(path)(io::ErrorKind::NotFound.into()))
}

/// Replaces the key by the next key, if there is one.
pub(super) fn replace(path: &Path, next: &Path) -> Result<(), VaultError> {
    match std::fs::rename(next, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(unusable(path))?,
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(unusable(path))
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> VaultError {
    move |source| VaultError::KeyFile {
        path: path.to_owned(),
        source,
    }
}
