//! The files that a function reads by path, and their form as one archive.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read, Result};

/// Content by path. A path is relative to the function's folder, with `/` between segments. `index.js` is the bundle.
pub type AssetFiles = BTreeMap<String, Vec<u8>>;

/// Writes the files as a tar archive. Equal files give equal bytes.
pub(super) fn pack(files: &AssetFiles) -> Result<Vec<u8>> {
    // Each file has at most four blocks around its content, each archive two at its end.
    const BLOCK: usize = 512;
    let content: usize = files.values().map(Vec::len).sum();
    let capacity = content + (4 * files.len() + 2) * BLOCK;
    let mut archive = tar::Builder::new(Vec::with_capacity(capacity));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o444);
        archive.append_data(&mut header, path, content.as_slice())?;
    }
    archive.into_inner()
}

/// Reads the files of an archive. An empty slice is an archive without files.
pub(super) fn unpack(archive: &[u8]) -> Result<AssetFiles> {
    let mut files = AssetFiles::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let path = path
            .into_os_string()
            .into_string()
            .map_err(|_| Error::new(ErrorKind::InvalidData, "a path is not UTF-8"))?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(path, content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_the_files_that_were_packed() {
        let long = format!("templates/{}/página.html", "folder/".repeat(30));
        let files = AssetFiles::from([
            ("logo.png".to_owned(), vec![0, 255, 10]),
            ("empty".to_owned(), Vec::new()),
            (long, b"<p>".to_vec()),
        ]);
        let archive = pack(&files).unwrap();
        assert_eq!(unpack(&archive).unwrap(), files);
        assert_eq!(pack(&files).unwrap(), archive);
        assert_eq!(unpack(&[]).unwrap(), AssetFiles::new());
        assert!(unpack(&archive[..700]).is_err());
    }
}
