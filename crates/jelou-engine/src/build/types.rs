//! Checks the types of an upload.

use super::command;
use super::error::BuildError;
use super::remote::Rules;
use super::tools::Tools;
use super::workspace::Workspace;
use jelou_sandbox::Purpose;

pub(super) async fn check(tools: &Tools, workspace: &Workspace) -> Result<(), BuildError> {
    let config = workspace.root().join("check.json");
    let mut document: serde_json::Value =
        serde_json::from_str(&fs_err::read_to_string(workspace.config())?)
            .map_err(std::io::Error::from)?;
    for (name, file) in crate::assets::TYPE_ROOTS {
        let target = tools.assets.types().join(file);
        document["imports"][name] = format!("file://{}", target.display()).into();
    }
    fs_err::write(&config, document.to_string())?;
    let mut tool = command::tool(tools, workspace, Purpose::Check);
    let mut lock = std::ffi::OsString::from("--lock=");
    lock.push(workspace.lock());
    // This step has no network, but every module was already downloaded.
    tool.args(["check", "--quiet", "--cached-only"])
        .arg(Rules::of(&tools.network).option())
        .arg(lock)
        .arg("--config")
        .arg(&config)
        .arg(workspace.entrypoint());
    let output = command::run(tools, workspace, Purpose::Check, tool).await?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(BuildError::Source(
        workspace.readable(&text).trim().to_owned(),
    ))
}
