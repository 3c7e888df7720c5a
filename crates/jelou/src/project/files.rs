//! Collects the files of an upload, by the server's rules.

use std::io;
use std::path::Path;

use fs_err as fs;
use jelou_core::source::{
    EXTENSIONS, MAX_FILE_BYTES, MAX_FILES, SourceError, SourceFile, SourceTree, is_left_out,
};

use super::FILE_NAME;
use crate::exit::Failure;

/// Files of other tools next to the sources. The server resolves and locks the packages itself.
const TOOL_FILES: [&str; 7] = [
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    "package-lock.json",
    "pnpm-lock.yaml",
    "tsconfig.json",
    "yarn.lock",
];

/// Reads the files below `folder` and checks them against the rules. Does not send them.
pub(crate) fn collect(folder: &Path, entrypoint: Option<&str>) -> anyhow::Result<SourceTree> {
    if !folder.is_dir() {
        return Err(Failure::validation(format!("{} is not a folder", folder.display())).into());
    }
    let mut paths = Vec::new();
    walk(folder, "", &mut paths)?;
    if paths.len() > MAX_FILES {
        return Err(SourceError::TooManyFiles(paths.len()).into());
    }
    let files = paths
        .into_iter()
        .map(|path| read(folder, path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(SourceTree::new(files, entrypoint)?)
}

/// Adds the paths below `folder`, sorted by name and relative to the project's folder.
fn walk(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> anyhow::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(Failure::validation(format!(
                "the name of {} is not UTF-8",
                entry.path().display()
            ))
            .into());
        };
        let is_project_file = prefix.is_empty() && name == FILE_NAME;
        if is_left_out(name) || is_project_file || TOOL_FILES.contains(&name) {
            continue;
        }
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), paths)?;
        } else if kind.is_file() {
            if !has_known_extension(name) {
                return Err(anyhow::Error::new(SourceError::Extension(path)));
            }
            paths.push(path);
        } else {
            let kind = if kind.is_symlink() {
                "a symbolic link"
            } else {
                "not a plain file"
            };
            return Err(Failure::validation(format!("`{path}` is {kind}"))
                .hint("only plain files are deployed; put the file itself there, or remove it")
                .into());
        }
    }
    Ok(())
}

fn has_known_extension(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

fn read(folder: &Path, path: String) -> anyhow::Result<SourceFile> {
    let location = folder.join(&path);
    let bytes = usize::try_from(fs::metadata(&location)?.len()).unwrap_or(usize::MAX);
    if bytes > MAX_FILE_BYTES {
        return Err(SourceError::FileTooLarge { path, bytes }.into());
    }
    let content = String::from_utf8(fs::read(&location)?)
        .map_err(|_| Failure::validation(format!("`{path}` is not UTF-8 text")))?;
    Ok(SourceFile { path, content })
}
