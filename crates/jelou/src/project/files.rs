//! Collects the files of an upload: those that the build may need. The server determines which of them it uses.

use std::path::Path;

use fs_err as fs;
use jelou_core::source::{
    Declared, Mentions, SourceError, SourceErrors, SourceFile, SourceTree, UploadLimits,
    find_entrypoint, is_configuration, is_module,
};
use unicode_normalization::UnicodeNormalization;

use super::ProjectFile;
use super::left_out::LeftOut;
use super::rules::Rules;
use super::walk::{Found, walk};
use crate::exit::Failure;

/// Limits below which an upload is sent without asking for the server's limits. The hosted platform accepts such
/// uploads.
const SMALL: UploadLimits = UploadLimits {
    files: 20,
    file_bytes: 256 * 1024,
    bytes: 1024 * 1024,
};

const UNKNOWN: UploadLimits = UploadLimits {
    files: usize::MAX,
    file_bytes: u64::MAX,
    bytes: u64::MAX,
};

/// The files of the upload, and those that were left out.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) tree: SourceTree,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Collects the files below `folder`. If the upload is large, calls `ask` for the server's limits. If it returns
/// `None`, the server checks the limits.
///
/// # Errors
///
/// All problems with the files at once.
pub(crate) fn collect(
    folder: &Path,
    project: Option<&ProjectFile>,
    ask: impl Fn() -> anyhow::Result<Option<UploadLimits>>,
) -> anyhow::Result<Collected> {
    if !folder.is_dir() {
        return Err(Failure::validation(format!("{} is not a folder", folder.display())).into());
    }
    let named = project
        .and_then(ProjectFile::entrypoint)
        .map(|path| path.nfc().collect::<String>());
    let rules = Rules::of(fs::canonicalize(folder)?, project)?;
    let found = walk(&rules, named.as_deref())?;
    let mut left_out = found.left_out;
    let entrypoint = entrypoint(named.as_deref(), &found.files);
    let path = match (&named, &entrypoint) {
        (Some(named), _) => Some(named.strip_prefix("./").unwrap_or(named)),
        (None, Ok(found)) => Some(found.as_str()),
        (None, Err(_)) => None,
    };

    let (needed, others): (Vec<_>, Vec<_>) = found
        .files
        .into_iter()
        .partition(|file| is_needed(file, &rules, path));
    let check = |files: &[Found]| check(files, entrypoint.as_ref().err(), &ask);
    if needed.iter().map(|file| file.bytes).sum::<u64>() > SMALL.bytes {
        // The sizes are checked before the files are read into memory.
        check(&needed)?;
    }
    let mut files = needed
        .iter()
        .map(read)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut mentions = Mentions::default();
    for file in &files {
        if is_module(&file.path) || is_configuration(&file.path) {
            mentions.add(&String::from_utf8_lossy(&file.content));
        }
    }
    let (mentioned, unused): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|file| mentions.has(&file.path));
    left_out.extend(unused.into_iter().map(|file| LeftOut::unused(file.path)));

    let sent: Vec<Found> = needed.into_iter().chain(mentioned).collect();
    check(&sent)?;
    for file in &sent[files.len()..] {
        files.push(read(file)?);
    }
    let declared = Declared {
        entrypoint: path,
        assets: project.map(ProjectFile::assets).unwrap_or_default(),
    };
    Ok(Collected {
        tree: SourceTree::new(files, declared, &UNKNOWN)?,
        left_out,
    })
}

/// Returns the entrypoint of a project, if there is one.
pub(crate) fn entrypoint_in(
    folder: &Path,
    project: Option<&ProjectFile>,
) -> anyhow::Result<Option<String>> {
    let named = project.and_then(ProjectFile::entrypoint);
    let rules = Rules::of(fs::canonicalize(folder)?, project)?;
    let found = walk(&rules, named)?;
    Ok(entrypoint(named, &found.files).ok())
}

/// Returns the entrypoint, or the reason why there is none.
fn entrypoint(named: Option<&str>, files: &[Found]) -> Result<String, SourceError> {
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    find_entrypoint(named, &paths, |name| {
        let file = files.iter().find(|file| file.path == name)?;
        fs::read(&file.location).ok()
    })
}

/// Whether the build may need the file even if no code mentions its name: a module can be imported without its
/// extension, and JSON by a computed name. Large files must be mentioned.
fn is_needed(file: &Found, rules: &Rules, entrypoint: Option<&str>) -> bool {
    let path = &file.path;
    let is_json = Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "json" || extension == "jsonc");
    is_configuration(path)
        || entrypoint == Some(path)
        || rules.assets.matches(path)
        || (is_module(path) || is_json) && file.bytes <= SMALL.file_bytes
}

/// Checks the sizes of the files. If they exceed the limits, an error of the entrypoint is reported too.
fn check(
    files: &[Found],
    entrypoint: Option<&SourceError>,
    ask: &impl Fn() -> anyhow::Result<Option<UploadLimits>>,
) -> anyhow::Result<()> {
    let sizes = files.iter().map(|file| (file.path.as_str(), file.bytes));
    if SMALL.exceeded(sizes.clone()).is_empty() {
        return Ok(());
    }
    let mut errors = ask()?.map_or_else(Vec::new, |limits| limits.exceeded(sizes));
    if !errors.is_empty() {
        errors.extend(entrypoint.cloned());
    }
    Ok(SourceErrors::check(errors)?)
}

fn read(file: &Found) -> anyhow::Result<SourceFile> {
    Ok(SourceFile::new(
        file.path.clone(),
        fs::read(&file.location)?,
    ))
}
