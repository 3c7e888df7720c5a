//! Runs `deno bundle`. The tool is experimental, so only this file depends on it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::error::BuildError;
use super::tools::Tools;
use super::workspace::Workspace;
use super::{command, embedded, output};
use crate::artifacts::Bundle;
use jelou_sandbox::Purpose;

pub(super) async fn run(tools: &Tools, workspace: &Workspace) -> Result<Bundle, BuildError> {
    let mut launch = command::tool(tools, workspace, Purpose::Bundle);
    launch
        .args([
            "bundle",
            "--quiet",
            "--no-lock",
            "--no-remote",
            "--platform=deno",
            "--format=esm",
        ])
        .args([
            "--external=@jelou/functions",
            "--external=@jelou/functions/testing",
        ])
        .arg("--sourcemap=external")
        .arg("--config")
        .arg(workspace.config())
        .arg("--outdir")
        .arg(workspace.out())
        .arg(workspace.entrypoint());
    let finished = command::run(tools, workspace, Purpose::Bundle, launch).await?;
    if !finished.status.success() {
        let text = String::from_utf8_lossy(&finished.stderr);
        return Err(BuildError::Source(tidy(&workspace.readable(&text))));
    }
    let bundle = output::read(&workspace.out(), tools.launcher.limits.max_bundle_bytes)?;
    if embedded::has_foreign_bytes(&bundle.code, workspace.contents()) {
        return Err(BuildError::Bytes);
    }
    Ok(Bundle {
        source_map: checked_source_map(tools, workspace, &bundle.source_map)?,
        code: without_map_reference(bundle.code),
        assets: bundle.assets,
        compiled: None,
    })
}

/// The sources that the source map names.
pub(super) fn sources(map: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Sources {
        sources: Vec<String>,
    }
    serde_json::from_str::<Sources>(map)
        .map(|map| map.sources)
        .unwrap_or_default()
}

/// Removes lines and prefixes that do not help the developer.
fn tidy(text: &str) -> String {
    text.lines()
        .filter(|line| *line != "error: bundling failed")
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

fn without_map_reference(mut bundle: String) -> String {
    if let Some(at) = bundle.rfind("//# sourceMappingURL=") {
        bundle.truncate(at);
    }
    bundle
}

/// Checks that every file that the bundler read belongs to the upload or to a package. Makes the sources' names
/// relative to these folders.
fn checked_source_map(
    tools: &Tools,
    workspace: &Workspace,
    text: &str,
) -> Result<String, BuildError> {
    let invalid = |reason: &str| BuildError::Source(format!("the bundler's source map {reason}"));
    let mut map: Value = serde_json::from_str(text).map_err(|_| invalid("is not JSON"))?;
    let sources = map["sources"]
        .as_array_mut()
        .ok_or_else(|| invalid("names no sources"))?;
    let src = workspace.src();
    let packages = fs_err::canonicalize(tools.cache.packages())?;
    for source in sources {
        let name = source
            .as_str()
            .ok_or_else(|| invalid("has a source without a name"))?;
        let path = lexical(
            &workspace.out(),
            name.strip_prefix("file://").unwrap_or(name),
        );
        let readable = if let Ok(file) = path.strip_prefix(&src) {
            file.display().to_string()
        } else if let Ok(file) = path.strip_prefix(&packages) {
            format!("npm:{}", file.display())
        } else if is_only_a_name(&path) {
            name.to_owned()
        } else {
            return Err(BuildError::Leak(name.to_owned()));
        };
        *source = Value::String(readable);
    }
    if let Some(map) = map.as_object_mut() {
        // The deployment already stores the upload.
        map.remove("sourcesContent");
    }
    Ok(map.to_string())
}

/// Whether the source is only a name that the bundler copied, not a file that it read. The source map of a package
/// contains URLs, or paths on the machine that built the package.
fn is_only_a_name(path: &Path) -> bool {
    /// Folders whose files may have disappeared with the process that read them.
    const SHORT_LIVED: [&str; 3] = ["/dev", "/proc", "/sys"];
    let is_missing = fs_err::symlink_metadata(path).is_err_and(|error| {
        matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
        )
    });
    is_missing && !SHORT_LIVED.iter().any(|folder| path.starts_with(folder))
}

/// `path` relative to `base`, with `.` and `..` resolved without the file system.
fn lexical(base: &Path, path: &str) -> PathBuf {
    use std::path::Component;
    let mut result = PathBuf::new();
    for component in base.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_without_the_file_system() {
        assert_eq!(
            lexical(Path::new("/b/out"), "../src/index.ts"),
            Path::new("/b/src/index.ts")
        );
        assert_eq!(
            lexical(Path::new("/b/out"), "../../../../etc/passwd"),
            Path::new("/etc/passwd")
        );
        assert_eq!(
            lexical(Path::new("/b/out"), "/etc/passwd"),
            Path::new("/etc/passwd")
        );
    }
}
