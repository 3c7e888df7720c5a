//! The folder that is deployed: its `jelou.json` and its files.

mod files;
mod project_file;

pub(crate) use files::collect;
pub(crate) use project_file::{FILE_NAME, ProjectFile};

use std::path::Path;

use jelou_core::Slug;

use crate::exit::Failure;

/// The function that a command is for: the given one, or the one of the current folder.
pub(crate) fn function_or_here(given: Option<Slug>) -> anyhow::Result<Slug> {
    if let Some(slug) = given {
        return Ok(slug);
    }
    let here = ProjectFile::load(Path::new("."))?;
    here.as_ref()
        .and_then(ProjectFile::function)
        .cloned()
        .ok_or_else(|| {
            Failure::input("which function? There is no `function` in a jelou.json here")
                .hint("give its slug, or run `jelou init`")
                .into()
        })
}
