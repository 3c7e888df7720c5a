//! Finds the files of a project, without reading their content.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use unicode_normalization::UnicodeNormalization;

use super::left_out::{LeftOut, Reason};
use super::rules::{Level, Rules, Verdict};
use crate::exit::Failure;

/// Maximum number of entries. A folder with more is probably not a project.
const MAX_FILES: usize = 100_000;

/// A file of the project.
#[derive(Debug)]
pub(super) struct Found {
    /// Relative to the project's folder, with `/` between segments. In Unicode's composed form (NFC), because macOS may
    /// store names in another form than the editor writes into imports.
    pub(super) path: String,
    pub(super) location: PathBuf,
    pub(super) bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Sorted by path.
    pub(super) files: Vec<Found>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Finds the files below the project's folder. `entrypoint` is the entrypoint in `jelou.json`. Its folder is searched
/// even if `.gitignore` excludes it, because it may be the output of a build.
pub(super) fn walk(rules: &Rules, entrypoint: Option<&str>) -> anyhow::Result<Walk> {
    let mut walker = Walker {
        rules,
        entrypoint_folder: entrypoint.and_then(|path| {
            let path = path.strip_prefix("./").unwrap_or(path);
            path.rsplit_once('/')
                .map(|(folder, _)| format!("{folder}/"))
        }),
        levels: rules.levels_above(),
        open: Vec::new(),
        walk: Walk::default(),
    };
    walker.folder(rules.root(), "", None)?;
    let mut walk = walker.walk;
    walk.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walk)
}

struct Walker<'a> {
    rules: &'a Rules,
    entrypoint_folder: Option<String>,
    levels: Vec<Level>,
    /// Canonical paths of the current folder and of the folders above it.
    open: Vec<PathBuf>,
    walk: Walk,
}

impl Walker<'_> {
    /// Reads a folder. If `left_out` is set, the folder is left out for this reason, except files that `include` or an
    /// asset pattern names.
    fn folder(
        &mut self,
        location: &Path,
        prefix: &str,
        left_out: Option<&Reason>,
    ) -> anyhow::Result<()> {
        self.levels.push(Level::of(location));
        self.open.push(fs::canonicalize(location)?);
        let mut entries = fs::read_dir(location)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.entry(&entry.path(), &entry.file_name(), prefix, left_out)?;
        }
        self.open.pop();
        self.levels.pop();
        Ok(())
    }

    fn entry(
        &mut self,
        location: &Path,
        name: &OsStr,
        prefix: &str,
        left_out: Option<&Reason>,
    ) -> anyhow::Result<()> {
        let Some(name) = name.to_str() else {
            let path = format!("{prefix}{}", name.to_string_lossy());
            return self.leave_out(path, Reason::NotUtf8Name);
        };
        let path = format!("{prefix}{name}");
        let kind = match self.kind(location)? {
            Ok(kind) => kind,
            Err(reason) if matches!(reason, Reason::Link(_)) && name.starts_with('.') => {
                return self.leave_out(path, Reason::Hidden);
            }
            Err(reason) => return self.leave_out(path, reason),
        };
        let is_folder = kind.is_dir();
        let shown = if is_folder {
            format!("{path}/")
        } else {
            path.clone()
        };
        let verdict = match (self.rules.verdict(&self.levels, &path, is_folder), left_out) {
            (Verdict::Taken, Some(reason)) => Verdict::Unless(reason.clone()),
            (verdict, _) => verdict,
        };
        match verdict {
            Verdict::LeftOut(reason) => self.leave_out(shown, reason),
            Verdict::Unless(reason) if is_folder => {
                if self.has_entrypoint(&shown) {
                    return self.folder(location, &shown, None);
                }
                if !self.rules.names_any() && !self.leads_to_entrypoint(&shown) {
                    return self.leave_out(shown, reason);
                }
                let before = self.walk.files.len();
                let reported = self.walk.left_out.len();
                self.folder(location, &shown, Some(&reason))?;
                if self.walk.files.len() == before {
                    self.walk.left_out.truncate(reported);
                    self.leave_out(shown, reason)?;
                }
                Ok(())
            }
            Verdict::Unless(reason) if !self.rules.names(&path) && !self.has_entrypoint(&path) => {
                self.leave_out(path, reason)
            }
            Verdict::Taken if is_folder => self.folder(location, &shown, None),
            Verdict::Taken | Verdict::Unless(_) => self.take(&path, location, kind.len()),
        }
    }

    fn leads_to_entrypoint(&self, folder: &str) -> bool {
        self.entrypoint_folder
            .as_ref()
            .is_some_and(|entrypoint| entrypoint.starts_with(folder))
    }

    /// Whether the path is in the folder of the entrypoint.
    fn has_entrypoint(&self, path: &str) -> bool {
        self.entrypoint_folder
            .as_ref()
            .is_some_and(|folder| path.starts_with(folder.as_str()))
    }

    /// Follows symbolic links. Returns the metadata of the file or folder, or the reason why it is left out.
    fn kind(&self, location: &Path) -> anyhow::Result<Result<std::fs::Metadata, Reason>> {
        let own = fs::symlink_metadata(location)?;
        if own.is_symlink() {
            let Ok(target) = location.canonicalize() else {
                return Ok(Err(Reason::Link("whose target does not exist")));
            };
            let Ok(inside) = target.strip_prefix(self.rules.root()) else {
                return Ok(Err(Reason::Link("that leads out of the project")));
            };
            let is_private =
                |part: &OsStr| part.as_encoded_bytes().starts_with(b".") || part == "node_modules";
            if inside.iter().any(is_private) {
                return Ok(Err(Reason::Link("to a file that is not deployed")));
            }
            if self.open.contains(&target) {
                return Ok(Err(Reason::Link("to a folder that contains it")));
            }
        }
        let target = fs::metadata(location)?;
        Ok(if target.is_dir() || target.is_file() {
            Ok(target)
        } else {
            Err(Reason::NotPlain)
        })
    }

    fn take(&mut self, path: &str, location: &Path, bytes: u64) -> anyhow::Result<()> {
        self.walk.files.push(Found {
            path: path.nfc().collect(),
            location: location.to_owned(),
            bytes,
        });
        self.check_number()
    }

    fn leave_out(&mut self, path: String, reason: Reason) -> anyhow::Result<()> {
        self.walk.left_out.push(LeftOut { path, reason });
        self.check_number()
    }

    fn check_number(&self) -> anyhow::Result<()> {
        if self.walk.files.len() + self.walk.left_out.len() <= MAX_FILES {
            return Ok(());
        }
        Err(Failure::validation(format!(
            "{} has more than {MAX_FILES} files",
            self.rules.root().display()
        ))
        .hint("is it the folder of a project? `.jelouignore` leaves folders out")
        .into())
    }
}
