//! Packages that the project declares, and only other packages import: a package may need one of several others, such
//! as a driver of a database, and names them as optional peers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, from_str};
use url::Url;

use super::error::BuildError;
use super::packages::Packages;
use super::workspace::Workspace;

/// The parts of a package's `package.json` that name its peers.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Manifest {
    peer_dependencies: BTreeMap<String, Value>,
    peer_dependencies_meta: BTreeMap<String, Value>,
}

/// Returns the peers of the packages that the project declares and that were not installed, as specifiers.
pub(super) fn missing(workspace: &Workspace, packages: &Packages) -> BTreeSet<String> {
    let Ok(config) = fs_err::read_to_string(workspace.config()) else {
        return BTreeSet::new();
    };
    let declared = from_str::<Value>(&config).unwrap_or_default();
    let declared = |name: &str| {
        let target = declared["imports"][name].as_str()?;
        target.starts_with("npm:").then(|| target.to_owned())
    };
    let installed: BTreeSet<&str> = packages.values().map(|package| &*package.name).collect();
    packages
        .values()
        .filter_map(|package| {
            let text = super::modules::read(&package.folder().join("package.json")).ok()?;
            serde_json::from_slice::<Manifest>(&text).ok()
        })
        .flat_map(|manifest| {
            let peers = manifest.peer_dependencies.into_keys();
            peers.chain(manifest.peer_dependencies_meta.into_keys())
        })
        .filter(|name| !installed.contains(name.as_str()))
        .filter_map(|name| declared(&name))
        .collect()
}

/// Returns a module that imports the entrypoint and these packages.
pub(super) fn module(
    workspace: &Workspace,
    peers: &BTreeSet<String>,
) -> Result<String, BuildError> {
    let entrypoint = Url::from_file_path(workspace.entrypoint())
        .map_err(|()| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
    let mut code = format!("import \"{entrypoint}\";\n");
    for peer in peers {
        let _ = writeln!(code, "import {};", Value::from(peer.as_str()));
    }
    Ok(code)
}
