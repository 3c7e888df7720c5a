//! Runs `deno bundle`. That tool is marked experimental, so nothing else knows that it exists.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::BuildError;
use super::tools::Tools;
use super::workspace::Workspace;
use super::{command, embedded, output};
use crate::Artifact;
use jelou_sandbox::Purpose;

pub(super) async fn run(tools: &Tools, workspace: &Workspace) -> Result<Artifact, BuildError> {
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
    let artifact = output::read(&workspace.out(), tools.launcher.limits.max_bundle_bytes)?;
    if embedded::has_foreign_bytes(&artifact.bundle, workspace.contents()) {
        return Err(BuildError::Bytes);
    }
    Ok(Artifact {
        source_map: checked_source_map(tools, workspace, &artifact.source_map)?,
        bundle: with_working_require(without_map_reference(artifact.bundle)),
    })
}

/// Takes out what says nothing to the developer.
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

/// Packages of the older module system ask for Node's own modules with a `require` that the bundler makes from the
/// bundle's address. A worker's bundle has none that a file could have.
fn with_working_require(bundle: String) -> String {
    const OF_THE_BUNDLE: &str = "__deno_internal_createRequire(import.meta.url)";
    const OF_A_FILE: &str = "__deno_internal_createRequire(\"file:///index.js\")";
    if bundle.contains(OF_THE_BUNDLE) {
        bundle.replacen(OF_THE_BUNDLE, OF_A_FILE, 1)
    } else {
        bundle
    }
}

/// Proves that every source of the bundle that the bundler can have read is of the upload or of a package, and names the
/// sources as the developer does.
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
        // The upload is kept with the deployment; one copy is enough.
        map.remove("sourcesContent");
    }
    Ok(map.to_string())
}

/// Whether the bundler cannot have read the source: the map that a package ships names the package's own sources, by
/// URLs or by paths of the machine that built it, and the bundler passes these names on.
fn is_only_a_name(path: &Path) -> bool {
    /// Folders whose files may be gone by now, with the process that read them.
    const SHORT_LIVED: [&str; 3] = ["/dev", "/proc", "/sys"];
    let is_missing = fs_err::symlink_metadata(path).is_err_and(|error| {
        matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
        )
    });
    is_missing && !SHORT_LIVED.iter().any(|folder| path.starts_with(folder))
}

/// `path` seen from `base`, with `.` and `..` resolved without asking the file system.
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
