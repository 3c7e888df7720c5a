//! The folder of a project: its `jelou.json` and its files.

mod files;
mod left_out;
mod project_file;
mod rules;
mod walk;

pub(crate) use files::{Collected, collect, entrypoint_in};
pub(crate) use left_out::{LeftOut, Reason};
pub(crate) use project_file::{FILE_NAME, ProjectFile};

use std::path::Path;

use jelou_core::Slug;

use crate::exit::Failure;

/// Returns the given function, or the function of the current folder.
///
/// # Errors
///
/// If no function is given and the current folder does not name one.
pub(crate) fn function_or_here(given: Option<Slug>) -> anyhow::Result<Slug> {
    match given {
        Some(slug) => Ok(slug),
        None => {
            let here = Path::new(".");
            function_of(ProjectFile::load(here)?.as_ref(), here)
        }
    }
}

/// Returns the function that the folder's `jelou.json` names.
///
/// # Errors
///
/// If the file is missing or names no function. The message contains the expected path.
pub(crate) fn function_of(project: Option<&ProjectFile>, folder: &Path) -> anyhow::Result<Slug> {
    if let Some(slug) = project.and_then(ProjectFile::function) {
        return Ok(slug.clone());
    }
    let path = std::path::absolute(folder)?.join(FILE_NAME);
    let shown = path.display();
    let message = match project {
        Some(_) => format!("which function? {shown} has no `function`"),
        None => format!("which function? There is no {shown}"),
    };
    Err(Failure::input(message).hint(hint(project, folder)).into())
}

fn hint(project: Option<&ProjectFile>, folder: &Path) -> String {
    if project.is_some() {
        return "add `\"function\": \"SLUG\"` to it, or name the function on the command line"
            .to_owned();
    }
    match projects_below(folder).as_slice() {
        [] => {
            "run `jelou init` here, change to the project's folder, or name the function on the command line"
                .to_owned()
        }
        below => format!(
            "change to a project's folder: {}",
            below
                .iter()
                .map(|name| format!("cd {}", folder.join(name).display()))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// Returns the first few projects among the subfolders of `folder`, sorted by name.
fn projects_below(folder: &Path) -> Vec<String> {
    const MAX: usize = 3;
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join(FILE_NAME).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names.truncate(MAX);
    names
}

/// # Errors
///
/// If the folder does not exist. A common mistake is `deploy mi-funcion` in the function's own folder.
pub(crate) fn check_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let shown = std::path::absolute(folder)?;
    let shown = shown.display();
    if folder.exists() {
        return Err(Failure::input(format!("{shown} is not a folder"))
            .hint("give the folder of the project, or nothing for the current one")
            .into());
    }
    let slug: Option<Slug> = folder.to_str().and_then(|text| text.parse().ok());
    let here = ProjectFile::load(Path::new("."))?;
    let hint = match (slug, here.as_ref().and_then(ProjectFile::function)) {
        (Some(slug), Some(here)) if slug == *here => {
            format!("the current folder is {here} already: run `jelou deploy`")
        }
        (Some(slug), _) => format!(
            "the argument is a folder; `jelou deploy --function {slug}` deploys the current folder under that slug"
        ),
        (None, _) => "give the folder of the project, or nothing for the current one".to_owned(),
    };
    Err(Failure::input(format!("there is no folder {shown}"))
        .hint(hint)
        .into())
}
