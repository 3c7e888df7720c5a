//! `jelou deployments download`.

use std::io::Write;
use std::path::{Path, PathBuf};

use fs_err as fs;
use jelou_core::api::{DeploymentSource, FileSummary};
use jelou_core::source::{Declared, UploadLimits};
use jelou_core::{DeploymentId, Slug, SourceFile, SourceTree};
use serde::Serialize;

use super::named_or_live;
use crate::cli::deployments::DownloadArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Breadcrumb, size};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Downloaded<'a> {
    function: &'a Slug,
    deployment_id: &'a DeploymentId,
    /// The folder or the archive that was written.
    output: &'a Path,
    entrypoint: &'a str,
    files: Vec<FileSummary>,
}

pub(super) fn run(args: DownloadArgs, context: &Context) -> anyhow::Result<()> {
    let (slug, id) = named_or_live(args.deployment, context)?;
    let source = context.client()?.deployments(&slug).source(&id)?;
    let tree = checked(source.clone())?;
    let output = args.output.unwrap_or_else(|| PathBuf::from(id.as_str()));
    if output.as_os_str() == "-" {
        return Ok(context.output.raw(&archive(&tree)?)?);
    }
    if output
        .extension()
        .is_some_and(|extension| extension == "tar")
    {
        write_archive(&output, &archive(&tree)?, args.force)?;
    } else {
        let advice =
            "`--force` overwrites them, and `-o FOLDER` writes elsewhere; nothing was written";
        write_tree(&output, &tree, args.force, advice)?;
    }
    context.output.result_with(
        &Downloaded {
            function: &slug,
            deployment_id: &id,
            output: &output,
            entrypoint: &source.entrypoint,
            files: tree.files().iter().map(FileSummary::from).collect(),
        },
        &[Breadcrumb::new(
            format!("jelou init {} --mode link --slug {slug}", output.display()),
            "Link the folder to the function, to deploy from it",
        )],
        |human| {
            human.success(&format!("Downloaded {id} to {}", output.display()))?;
            let files: Vec<_> = tree.files().iter().map(described).collect();
            human.item(&format!("Files: {}", files.join(", ")))
        },
    )?;
    Ok(())
}

/// Writes the files of a deployment into a folder. Overwrites files with other content only with `force`.
pub(in crate::commands) fn write_into(
    folder: &Path,
    source: DeploymentSource,
    force: bool,
) -> anyhow::Result<()> {
    let advice = "`--force` overwrites them; nothing was written";
    write_tree(folder, &checked(source)?, force, advice)
}

/// Checks the paths, because a malicious server could send paths outside the folder.
fn checked(source: DeploymentSource) -> anyhow::Result<SourceTree> {
    let declared = Declared {
        entrypoint: Some(&source.entrypoint),
        ..Declared::default()
    };
    // Unlimited, because the server's limits may have changed since the deploy.
    let limits = UploadLimits {
        files: usize::MAX,
        file_bytes: u64::MAX,
        bytes: u64::MAX,
    };
    Ok(SourceTree::new(source.files, declared, &limits)?)
}

/// Writes the files. `advice` is the hint of the error if files would be overwritten.
fn write_tree(folder: &Path, tree: &SourceTree, force: bool, advice: &str) -> anyhow::Result<()> {
    let differing: Vec<&SourceFile> = tree
        .files()
        .iter()
        .filter(|file| {
            let path = folder.join(&file.path);
            let exists = fs::symlink_metadata(&path).is_ok();
            exists && !fs::read(&path).is_ok_and(|content| content == file.content)
        })
        .collect();
    if !differing.is_empty() && !force {
        let paths: Vec<_> = differing.iter().map(|file| file.path.as_str()).collect();
        return Err(Failure::conflict(format!(
            "{} has other files of these names: {}",
            folder.display(),
            paths.join(", ")
        ))
        .hint(advice)
        .into());
    }
    fs::create_dir_all(folder)?;
    for file in tree.files() {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)?;
        // Writes a new file and renames it over the path, so that an existing symbolic link is replaced and not
        // followed.
        let mut new = tempfile::Builder::new()
            .permissions(mode())
            .tempfile_in(parent)?;
        new.write_all(&file.content)?;
        new.persist(&path).map_err(|error| error.error)?;
    }
    Ok(())
}

/// Returns the mode of new files. The process's umask applies to it.
fn mode() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

fn write_archive(path: &Path, archive: &[u8], force: bool) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let options = options.write(true);
    let options = if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    match options.open(path) {
        Ok(mut file) => Ok(file.write_all(archive)?),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::conflict(
            format!("{} is there already", path.display()),
        )
        .hint("`--force` overwrites it")
        .into()),
        Err(error) => Err(error.into()),
    }
}

/// Returns a tar archive (POSIX.1-1988) of the files.
fn archive(tree: &SourceTree) -> anyhow::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in tree.files() {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes());
        header.set_mode(0o644);
        archive.append_data(&mut header, &file.path, &*file.content)?;
    }
    Ok(archive.into_inner()?)
}

fn described(file: &SourceFile) -> String {
    format!("{} ({})", file.path, size(file.bytes()))
}
