//! The files that a function reads by path, and the archive that stores them.

use std::collections::BTreeMap;
use std::io::{Cursor, Error, ErrorKind, Result};

use bytes::Bytes;
use jelou_core::SourceFile;
use tar::EntryType;

/// Content of files by path. A path is relative to the function's folder, with `/` between segments.
pub type AssetFiles = BTreeMap<String, Bytes>;

/// Writes the files as a tar archive. Equal files give equal bytes. A file that equals one of `sources` becomes a link
/// without content.
pub(crate) fn pack(files: &AssetFiles, sources: &[SourceFile]) -> Result<Vec<u8>> {
    const BLOCK: usize = 512;
    let is_source = |path: &str, content: &Bytes| {
        let found = sources.iter().find(|file| file.path == path);
        found.is_some_and(|file| file.content == *content)
    };
    let (linked, packed): (Vec<_>, Vec<_>) = files
        .iter()
        .partition(|(path, content)| is_source(path, content));
    let content: usize = packed.iter().map(|(_, content)| content.len()).sum();
    // Besides its content, a file needs at most four blocks, and the end of the archive needs two.
    let capacity = content + (4 * files.len() + 2) * BLOCK;
    let mut archive = tar::Builder::new(Vec::with_capacity(capacity));
    for (path, content) in packed {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o444);
        archive.append_data(&mut header, path, &content[..])?;
    }
    for (path, _) in linked {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o444);
        header.set_entry_type(EntryType::Link);
        archive.append_link(&mut header, path, path)?;
    }
    archive.into_inner()
}

/// Reads the files of an archive without copying their content. Empty bytes count as an archive without files.
pub(crate) fn unpack(archive: &Bytes, sources: &[SourceFile]) -> Result<AssetFiles> {
    let invalid = |what| Error::new(ErrorKind::InvalidData, what);
    let mut files = AssetFiles::new();
    for entry in tar::Archive::new(Cursor::new(archive)).entries_with_seek()? {
        let entry = entry?;
        let path = entry.path()?.into_owned();
        let path = path
            .into_os_string()
            .into_string()
            .map_err(|_| invalid("a path is not UTF-8"))?;
        let content = if entry.header().entry_type() == EntryType::Link {
            let source = sources.iter().find(|file| file.path == path);
            let source = source.ok_or_else(|| invalid("a link names no file of the upload"))?;
            source.content.clone()
        } else {
            let start = usize::try_from(entry.raw_file_position()).map_err(Error::other)?;
            let length = usize::try_from(entry.size()).map_err(Error::other)?;
            let end = start.checked_add(length);
            let end = end.filter(|end| *end <= archive.len());
            archive.slice(start..end.ok_or_else(|| invalid("a file is incomplete"))?)
        };
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
            ("logo.png".to_owned(), Bytes::from_static(&[0, 255, 10])),
            ("empty".to_owned(), Bytes::new()),
            (long.clone(), Bytes::from_static(b"<p>")),
        ]);
        let archive = Bytes::from(pack(&files, &[]).unwrap());
        assert_eq!(unpack(&archive, &[]).unwrap(), files);
        assert_eq!(pack(&files, &[]).unwrap(), archive);
        assert_eq!(unpack(&Bytes::new(), &[]).unwrap(), AssetFiles::new());
        let cut = archive.slice(..archive.len() - 2 * 512 - 512);
        assert!(unpack(&cut, &[]).is_err());
        for content in ["<p>", "another"] {
            let sources = [SourceFile::new(long.as_str(), content)];
            let archive = Bytes::from(pack(&files, &sources).unwrap());
            assert_eq!(unpack(&archive, &sources).unwrap(), files);
            assert_eq!(unpack(&archive, &[]).is_err(), content == "<p>");
        }
    }
}
