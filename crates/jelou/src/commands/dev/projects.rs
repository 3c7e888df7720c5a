//! The projects of a command: the given folders, or the function folders inside one given folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jelou_core::Slug;

use super::source::Source;
use crate::exit::Failure;
use crate::project::{self, FILE_NAME, entrypoint_in};

/// The state folder, inside the project's folder. Its parent also has the SDK.
const STATE: &str = ".jelou/dev";

#[derive(Debug)]
pub(super) struct Projects {
    /// The folder of the only project, or the common folder of several projects.
    pub(super) home: PathBuf,
    pub(super) sources: Vec<(Slug, Source)>,
}

impl Projects {
    /// # Errors
    ///
    /// When a folder is missing, its name is not valid for a function, or two folders belong to the same function.
    pub(super) fn find(dirs: Vec<PathBuf>, env_file: Option<&Path>) -> anyhow::Result<Self> {
        for dir in &dirs {
            project::check_folder(dir)?;
        }
        let (home, folders) = match <[PathBuf; 1]>::try_from(dirs) {
            Ok([dir]) if is_project(&dir)? => (dir.clone(), vec![dir]),
            Ok([dir]) => match functions_in(&dir)? {
                // The first load of the folder reports what is missing.
                folders if folders.is_empty() => (dir.clone(), vec![dir]),
                folders => (dir, folders),
            },
            Err(dirs) => (PathBuf::from("."), dirs),
        };
        if folders.len() > 1 && env_file.is_some() {
            return Err(Failure::input("--env is for one function")
                .hint("each of several functions reads the .env of its own folder")
                .into());
        }
        let mut sources = Vec::new();
        let mut known = HashMap::new();
        for dir in folders {
            let shown = dir.display().to_string();
            let env_file = env_file.map(Path::to_path_buf);
            let source = Source { dir, env_file };
            let slug = source.slug()?;
            if let Some(other) = known.insert(slug.clone(), shown.clone()) {
                let text = format!("{other} and {shown} are both the function {slug}");
                return Err(Failure::input(text)
                    .hint(format!(
                        "give one of them another `function` in its {FILE_NAME}"
                    ))
                    .into());
            }
            sources.push((slug, source));
        }
        Ok(Self { home, sources })
    }

    pub(super) fn state(&self) -> PathBuf {
        state_of(&self.home)
    }
}

pub(super) fn state_of(home: &Path) -> PathBuf {
    home.join(STATE)
}

fn is_project(dir: &Path) -> anyhow::Result<bool> {
    Ok(dir.join(FILE_NAME).is_file() || entrypoint_in(dir, None)?.is_some())
}

/// Returns the function folders inside a folder, sorted by name. Skips hidden folders.
fn functions_in(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let is_hidden = name.is_none_or(|name| name.starts_with(['.', '_']));
        if path.is_dir() && !is_hidden && is_project(&path)? {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}
