use jelou_core::api::{DeployRequest, DeployResult, FileSummary, RuntimeTokenInfo};
use jelou_core::{DeploymentId, FunctionId, Slug, SourceTree};
use serde::Serialize;

use crate::cli::deploy::DeployArgs;
use crate::context::{Confirmation, Context};
use crate::exit::Failure;
use crate::output::{Breadcrumb, Human, size};
use crate::project::{ProjectFile, collect};
use crate::prompt::Preset;

const FLAG: &str = "--no-confirm";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deployed<'a> {
    function: &'a Slug,
    function_id: Option<&'a FunctionId>,
    /// Absent for a dry run.
    deployment_id: Option<&'a DeploymentId>,
    url: &'a str,
    dry_run: bool,
    files: Vec<FileSummary>,
    /// The value of the token that the first deployment creates, shown this once.
    token: Option<&'a str>,
    token_info: Option<&'a RuntimeTokenInfo>,
    warnings: &'a [String],
}

pub(crate) fn run(args: &DeployArgs, context: &Context) -> anyhow::Result<()> {
    let mut project = ProjectFile::load(&args.dir)?;
    let slug = args
        .function
        .clone()
        .or_else(|| project.as_ref()?.function().cloned())
        .ok_or_else(|| {
            Failure::input("which function? There is no `function` in the folder's jelou.json")
                .hint("run `jelou init`, or name it with `--function SLUG`")
        })?;
    let entrypoint = project.as_ref().and_then(ProjectFile::entrypoint);
    let tree = collect(&args.dir, entrypoint)?;

    let question = format!("Deploy {slug}?");
    let confirmation = Confirmation::from_flag(args.no_confirm || args.dry_run);
    if confirmation == Confirmation::Ask {
        context.prompt.require(&question, FLAG)?;
    }
    let client = context.client()?;
    context
        .output
        .human(|human| human.item(&format!("Files: {}", list_files(&tree))))?;
    context.confirm(confirmation, &question, Preset::Yes, FLAG)?;

    let result = client.deployments(&slug).create(&DeployRequest {
        files: tree.files().to_vec(),
        entrypoint: Some(tree.entrypoint().to_owned()),
        dry_run: args.dry_run,
        check: args.check,
    })?;
    if let (Some(project), false) = (&mut project, args.dry_run) {
        remember_id(project, &result, context)?;
    }
    context.output.result_with(
        &Deployed {
            function: &result.function,
            function_id: result.function_id.as_ref(),
            deployment_id: result.deployment.as_ref().map(|deployment| &deployment.id),
            url: &result.url,
            dry_run: args.dry_run,
            files: summarize(&tree),
            token: result.token.as_ref().map(|created| created.token.as_str()),
            token_info: result.token.as_ref().map(|created| &created.details),
            warnings: &result.warnings,
        },
        &[
            Breadcrumb::new(format!("jelou functions info {slug}"), "See the function"),
            Breadcrumb::new(format!("jelou tokens list {slug}"), "See its tokens"),
        ],
        |human| show(human, &result),
    )?;
    Ok(())
}

fn show(human: &mut Human, result: &DeployResult) -> std::io::Result<()> {
    match &result.deployment {
        Some(deployment) => {
            human.success("Deployed")?;
            human.item(&format!("ID:  {}", deployment.id))?;
        }
        None => human.success("Built; nothing was deployed")?,
    }
    human.item(&format!("URL: {}", result.url))?;
    for warning in &result.warnings {
        human.warning(warning)?;
    }
    if let Some(created) = &result.token {
        human.warning(
            "A default runtime token was created for this function.\n\
             Save it now — it will not be shown again.",
        )?;
        human.item(&format!("Token    {}", created.token))?;
    }
    Ok(())
}

/// The deployment is done, so a folder that cannot be written is no error any more.
fn remember_id(
    project: &mut ProjectFile,
    result: &DeployResult,
    context: &Context,
) -> anyhow::Result<()> {
    let Some(id) = &result.function_id else {
        return Ok(());
    };
    // With `--function` another function than the file's may be meant.
    if project.id() == Some(id) || project.function() != Some(&result.function) {
        return Ok(());
    }
    if let Some(former) = project.id() {
        context.output.warn(&format!(
            "{} was {former} before and is a new function now; jelou.json names the new one",
            result.function
        ))?;
    }
    if let Err(error) = project.set_id(id).and_then(|()| project.save()) {
        context.output.warn(&format!(
            "the function's id is not in jelou.json: {error:#}"
        ))?;
    }
    Ok(())
}

/// The entrypoint first, then by path.
fn summarize(tree: &SourceTree) -> Vec<FileSummary> {
    let (entrypoint, others): (Vec<_>, Vec<_>) = tree
        .files()
        .iter()
        .map(|file| FileSummary {
            path: file.path.clone(),
            bytes: file.content.len() as u64,
        })
        .partition(|file| file.path == tree.entrypoint());
    entrypoint.into_iter().chain(others).collect()
}

fn list_files(tree: &SourceTree) -> String {
    summarize(tree)
        .iter()
        .map(|file| format!("{} ({})", file.path, size(file.bytes)))
        .collect::<Vec<_>>()
        .join(", ")
}
