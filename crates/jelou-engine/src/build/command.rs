//! Runs the Deno tools of a build, `deno bundle` among them. That one is marked experimental, so nothing else knows
//! that it exists.

use std::path::{Path, PathBuf};
use std::process::Output;

use super::BuildError;
use super::workspace::Workspace;
use crate::Artifact;
use crate::engine::Shared;
use crate::sandbox::{Confinement, FileRights, Launch, Purpose};
use serde_json::Value;

/// What of the server's environment a build may see: how this machine reaches its package registries.
const PASSED_ON: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NPM_CONFIG_REGISTRY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "DENO_CERT",
];

/// A Deno tool, with the environment of a build and nothing else.
pub(super) fn tool(shared: &Shared, workspace: &Workspace) -> Launch {
    let mut launch = Launch::new(&shared.deno.binary, &workspace.src());
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            launch.env(name, value);
        }
    }
    launch
        .env("DENO_DIR", shared.npm_cache())
        .env("DENO_NO_PACKAGE_JSON", "1")
        .env("DENO_NO_UPDATE_CHECK", "1")
        .env("DENO_TLS_CA_STORE", "mozilla,system")
        .env("HOME", workspace.home())
        .env("NO_COLOR", "1");
    launch
}

pub(super) async fn run(
    shared: &Shared,
    workspace: &Workspace,
    launch: Launch,
) -> Result<Output, BuildError> {
    let rights = FileRights {
        read: certificates()
            .chain([shared.assets.dir().to_path_buf()])
            .collect(),
        execute: vec![shared.deno.binary.clone(), shared.bundler()],
        write: vec![workspace.root().to_path_buf(), shared.npm_cache()],
    };
    let builder = shared.sandbox.builder();
    let confinement = Confinement::new(&shared.sandbox, Purpose::Build, builder, &rights, None)?;
    let command = launch.command(confinement)?;
    let timeout = shared.limits.build_timeout();
    let child = shared.spawner.spawn(command).await?;
    tokio::time::timeout(timeout, child.wait_with_output())
        .await
        .map_err(|_| BuildError::Timeout(timeout.as_millis()))?
        .map_err(BuildError::Io)
}

/// Certificates that the environment names, of this machine's own authorities for instance.
fn certificates() -> impl Iterator<Item = PathBuf> {
    ["SSL_CERT_DIR", "SSL_CERT_FILE", "DENO_CERT"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
}

pub(super) async fn bundle(shared: &Shared, workspace: &Workspace) -> Result<Artifact, BuildError> {
    let mut launch = tool(shared, workspace);
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
    let output = run(shared, workspace, launch).await?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(BuildError::Source(tidy(&workspace.readable(&text))));
    }
    let (bundle, source_map) = read_output(&workspace.out())?;
    let source_map = checked_source_map(shared, workspace, &source_map)?;
    Ok(Artifact {
        bundle: without_map_reference(bundle),
        source_map,
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

fn read_output(dir: &Path) -> Result<(String, String), BuildError> {
    let mut bundle = None;
    let mut map = None;
    for entry in fs_err::read_dir(dir)? {
        let path: PathBuf = entry?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("js") => bundle = Some(fs_err::read_to_string(path)?),
            Some("map") => map = Some(fs_err::read_to_string(path)?),
            _ => {}
        }
    }
    bundle
        .zip(map)
        .ok_or_else(|| BuildError::Source("the bundler wrote no bundle".to_owned()))
}

fn without_map_reference(mut bundle: String) -> String {
    if let Some(at) = bundle.rfind("//# sourceMappingURL=") {
        bundle.truncate(at);
    }
    bundle
}

/// Proves that every source of the bundle is of the upload or of a package, and names them as the developer does.
fn checked_source_map(
    shared: &Shared,
    workspace: &Workspace,
    text: &str,
) -> Result<String, BuildError> {
    let invalid = |reason: &str| BuildError::Source(format!("the bundler's source map {reason}"));
    let mut map: Value = serde_json::from_str(text).map_err(|_| invalid("is not JSON"))?;
    let sources = map["sources"]
        .as_array_mut()
        .ok_or_else(|| invalid("names no sources"))?;
    let src = workspace.src();
    let packages = fs_err::canonicalize(shared.npm_cache())?;
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
