//! Describes the files of a deploy: those that are sent, and those that are left out.

use std::io;

use jelou_core::SourceTree;
use jelou_core::api::{DeployResult, FileSummary};
use jelou_core::source::FileKind;

use crate::output::{Human, Table, size};
use crate::project::{LeftOut, Reason};

/// Maximum number of files in one line.
const LISTED: usize = 12;

/// Lists the files to send in one line, the entrypoint first.
pub(super) fn list(tree: &SourceTree) -> String {
    let files = sent(tree);
    let listed = files.iter().take(LISTED);
    let mut parts: Vec<_> = listed
        .map(|file| format!("{} ({})", file.path, size(file.bytes)))
        .collect();
    let rest = &files[parts.len()..];
    if !rest.is_empty() {
        let bytes = rest.iter().map(|file| file.bytes).sum();
        parts.push(format!("and {} more ({})", rest.len(), size(bytes)));
    }
    parts.join(", ")
}

/// Returns the files of the deployment. An older server does not list them, but keeps all that were sent.
pub(super) fn of(result: &DeployResult, tree: &SourceTree) -> Vec<FileSummary> {
    if result.files.is_empty() {
        sent(tree)
    } else {
        result.files.clone()
    }
}

fn sent(tree: &SourceTree) -> Vec<FileSummary> {
    let (entrypoint, others): (Vec<_>, Vec<_>) = tree
        .files()
        .iter()
        .map(FileSummary::from)
        .partition(|file| file.path == tree.entrypoint());
    entrypoint.into_iter().chain(others).collect()
}

/// Shows a warning for each symbolic link that was left out, and one line about the unused files.
pub(super) fn show_unused(human: &mut Human, left_out: &[LeftOut]) -> io::Result<()> {
    for link in left_out {
        if let Reason::Link(_) = &link.reason {
            human.warning(&format!("{} was left out: {}", link.path, link.reason))?;
        }
    }
    let unused: Vec<_> = left_out
        .iter()
        .filter(|file| file.reason == Reason::Unused)
        .map(|file| file.path.as_str())
        .collect();
    if unused.is_empty() {
        return Ok(());
    }
    let count = match unused.len() {
        1 => "1 file that nothing uses".to_owned(),
        count => format!("{count} files that nothing uses"),
    };
    let names = &unused[..unused.len().min(LISTED)];
    let more = if unused.len() > LISTED {
        "; `jelou deploy --dry-run` lists all"
    } else {
        ""
    };
    human.item(&format!("Left out: {count}: {}{more}", names.join(", ")))
}

/// Shows a table of the deployment's files, and a table of the files that were left out.
pub(super) fn show_all(
    human: &mut Human,
    files: &[FileSummary],
    left_out: &[LeftOut],
) -> io::Result<()> {
    let mut table = Table::new()
        .column("File", 30)
        .column("Size", 12)
        .column("Why", 0);
    for file in files {
        let why = match file.kind {
            Some(FileKind::Module) => "module",
            Some(FileKind::Asset) => "asset",
            Some(FileKind::Configuration) => "configuration",
            None => "",
        };
        table.row([file.path.clone(), size(file.bytes), why.to_owned()]);
    }
    if !files.is_empty() {
        human.table(&table)?;
    }
    let mut table = Table::new().column("Left out", 42).column("Why", 0);
    for file in left_out {
        table.row([file.path.clone(), file.reason.to_string()]);
    }
    if left_out.is_empty() {
        return Ok(());
    }
    human.table(&table)
}

/// Returns a hint if the server's error names a file that was left out.
pub(super) fn named_in(refusal: &str, left_out: &[LeftOut]) -> Option<String> {
    let named = left_out.iter().find(|file| {
        let path = file.path.trim_end_matches('/');
        let name = path.rsplit('/').next().unwrap_or(path);
        file.reason != Reason::Unused
            && refusal
                .split(['`', '/', '"', '\''])
                .any(|part| part == name)
    })?;
    let more = match named.reason {
        Reason::Test
        | Reason::Ignored {
            file: ".gitignore", ..
        } => "; `include` in jelou.json takes it",
        _ => "",
    };
    Some(format!(
        "`{}` was left out: {}{more}",
        named.path, named.reason
    ))
}
