//! `jelou deploy`.

mod dependencies;
mod files;
mod git;
mod pipeline;
mod preview;
mod target;

use std::path::Path;

use jelou_client::{Client, ClientError};
use jelou_core::api::{
    Dependency, DeployRequest, DeployResult, FileSummary, PlannedSchedule, Preview,
    RuntimeTokenInfo,
};
use jelou_core::compatibility::BreakingChange;
use jelou_core::{DeploymentId, FunctionId, Provenance, Scope, Slug, SourceTree, Verb};
use serde::Serialize;

use self::target::{Allowed, CONFIRM, Target};
use crate::cli::deploy::DeployArgs;
use crate::commands::{cron, logs};
use crate::context::{Confirmation, Context};
use crate::exit::Failure;
use crate::interrupt;
use crate::new_token::{Delivered, Delivery, Order};
use crate::output::{Breadcrumb, Human};
use crate::project::{self, Collected, LeftOut, ProjectFile, collect};
use crate::prompt::Preset;
use crate::step::Step;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deployed<'a> {
    function: &'a Slug,
    function_id: Option<&'a FunctionId>,
    /// `None` for a dry run.
    deployment_id: Option<&'a DeploymentId>,
    /// The deployment that was live before.
    replaces: Option<&'a DeploymentId>,
    url: &'a str,
    local_url: Option<&'a str>,
    dry_run: bool,
    /// Whether the same files were already live, so that nothing was changed.
    already_live: bool,
    /// Changes that break callers of the deployment that was live.
    breaking: &'a [BreakingChange],
    files: Vec<FileSummary>,
    left_out: &'a [LeftOut],
    /// The packages and remote modules in the bundle.
    dependencies: &'a [Dependency],
    /// The value of the token, if this deploy created the function's first one. Shown only once.
    #[serde(flatten)]
    token: &'a Delivered,
    token_info: Option<&'a RuntimeTokenInfo>,
    /// Schedules with their next runs.
    schedules: &'a [PlannedSchedule],
    warnings: &'a [String],
    /// The preview that the deploy was for. Then the live deployment did not change.
    preview: Option<&'a Preview>,
}

pub(crate) fn run(args: &DeployArgs, context: &Context) -> anyhow::Result<()> {
    project::check_folder(&args.dir)?;
    let mut project = ProjectFile::load(&args.dir)?;
    let slug = match &args.function {
        Some(slug) => slug.clone(),
        None => project::function_of(project.as_ref(), &args.dir)?,
    };
    for warning in project.iter().flat_map(ProjectFile::warnings) {
        context.output.warn(warning)?;
    }
    let limits = || Ok(context.client()?.whoami()?.server.upload);
    let Collected { tree, mut left_out } = collect(&args.dir, project.as_ref(), limits)?;
    let request = request(args, &tree, project.as_ref(), context)?;
    let delivery = Delivery::prepare(args.token_output.as_deref())?;

    let allowed = Allowed {
        confirmation: Confirmation::from_flag(args.no_confirm),
        create: Confirmation::from_flag(args.create),
        replace: Confirmation::from_flag(args.replace),
    };
    let preview = args.preview.name.as_ref();
    let confirmation = if args.dry_run {
        Confirmation::Given
    } else {
        allowed.confirmation
    };
    let client = client(args, confirmation, &slug, context)?;
    let target = Target::find(&client, &slug, project.as_ref())?;
    context.output.human(|human| {
        human.item(&format!("Files: {}", files::list(&tree)))?;
        match preview {
            None => human.item(&target.describe(&client)),
            Some(name) => human.item(&preview::describe(name.as_ref(), &slug, &client)),
        }
    })?;
    if let Some(name) = preview {
        preview::check_target(&target, &slug)?;
        if !args.dry_run {
            let question = preview::question(name.as_ref(), &slug);
            context.confirm(allowed.confirmation, &question, Preset::Yes, CONFIRM)?;
        }
    } else if !args.dry_run {
        if args.no_token {
            require_active_token(&client, &slug, &target)?;
        }
        target.confirm(&client, &slug, allowed, context)?;
    }

    interrupt::explain_change(match preview {
        None => format!(
            "an unfinished build is abandoned and changes nothing; a finished build goes live: `jelou functions info {slug}` shows what is live"
        ),
        Some(_) => format!("`jelou previews list {slug}` shows what the previews serve"),
    });
    let mut result = {
        let _step = Step::start(&context.output, format!("Building {slug}"));
        client
            .deployments(&slug)
            .create(&request)
            .map_err(|error| explain(error, &left_out, project.as_ref()))?
    };
    let unused = result.unused.iter().map(|file| file.path.as_str());
    left_out.extend(unused.map(LeftOut::unused));
    // A deploy to a preview does not link the folder to the function.
    if let (Some(project), false, None) = (&mut project, args.dry_run, preview) {
        remember_id(project, &result, context)?;
    }
    let created = result.token.take();
    let token = match &created {
        Some(created) => delivery.deliver(&created.token, &context.output)?,
        None => Delivered::nothing(),
    };
    context.output.result_with(
        &Deployed {
            function: &result.function,
            function_id: result.function_id.as_ref(),
            deployment_id: result.deployment.as_ref().map(|deployment| &deployment.id),
            replaces: target.replaces().filter(|_| preview.is_none()),
            url: &result.url,
            local_url: result.local_url.as_deref(),
            dry_run: args.dry_run,
            already_live: result.already_live,
            breaking: &result.breaking,
            files: files::of(&result, &tree),
            left_out: &left_out,
            dependencies: &result.dependencies,
            token: &token,
            token_info: created.as_ref().map(|created| &created.details),
            schedules: &result.schedules,
            warnings: &result.warnings,
            preview: result.preview.as_ref(),
        },
        &[
            Breadcrumb::new(format!("jelou functions info {slug}"), "See the function"),
            Breadcrumb::new(format!("jelou tokens list {slug}"), "See its tokens"),
        ],
        |human| show(human, &result, &left_out, &token),
    )?;
    if args.follow {
        return logs::follow_one(client, &slug, &context.output);
    }
    Ok(())
}

/// Returns a client for the deploy, which waits for all servers if a flag requests it.
fn client(
    args: &DeployArgs,
    confirmation: Confirmation,
    slug: &Slug,
    context: &Context,
) -> anyhow::Result<Client> {
    context.output.require_all(args.require_all);
    let question = match &args.preview.name {
        None => target::question(slug),
        Some(name) => preview::question(name.as_ref(), slug),
    };
    let scope = Scope::Function(Verb::Deploy, slug.clone());
    let client = context.client_for_change(confirmation, &question, CONFIRM, &scope)?;
    Ok(client.waiting(args.wait))
}

fn request(
    args: &DeployArgs,
    tree: &SourceTree,
    project: Option<&ProjectFile>,
    context: &Context,
) -> anyhow::Result<DeployRequest> {
    let settings = project.map(ProjectFile::settings).transpose()?;
    Ok(DeployRequest {
        files: tree.files().to_vec(),
        entrypoint: Some(tree.entrypoint().to_owned()),
        assets: project
            .map(|project| project.assets().to_vec())
            .unwrap_or_default(),
        settings: settings.unwrap_or_default(),
        dry_run: args.dry_run,
        check: args.check,
        no_token: args.no_token,
        force: args.force,
        reload: args.reload,
        strict: args.strict,
        pin: args.pin,
        smoke: args.smoke.clone(),
        provenance: provenance(&args.dir, context),
        message: args.message.clone(),
        tag: args.tag.clone(),
        preview: preview::request(&args.preview),
    })
}

fn show(
    human: &mut Human,
    result: &DeployResult,
    left_out: &[LeftOut],
    token: &Delivered,
) -> std::io::Result<()> {
    match &result.deployment {
        Some(deployment) if result.preview.is_some() => {
            preview::show_head(human, result, &deployment.id)?;
        }
        Some(deployment) => {
            human.success(if result.already_live {
                "Already live: the files are the same, so nothing was changed (`--force` deploys anyway)"
            } else {
                "Deployed"
            })?;
            human.item(&format!("ID:  {}", deployment.id))?;
        }
        None => human.success("Built; nothing was deployed")?,
    }
    human.item(&format!("URL: {}", result.url))?;
    if let Some(url) = &result.local_url {
        human.item(&format!("or:  {url}"))?;
    }
    if let (Some(deployment), Some(preview)) = (&result.deployment, &result.preview) {
        preview::show(human, preview, &deployment.id)?;
    }
    if let Some(line) = dependencies::line(&result.dependencies) {
        human.item(&format!("Packages: {line}"))?;
    }
    if result.deployment.is_some() {
        files::show_unused(human, left_out)?;
    } else {
        files::show_all(human, &result.files, left_out)?;
    }
    for schedule in &result.schedules {
        let (label, zone) = (&schedule.label, &schedule.timezone);
        human.item(&format!(
            "Schedule {label}: {} ({zone})",
            schedule.expression
        ))?;
        cron::show_times(human, &schedule.next, zone)?;
    }
    for warning in &result.warnings {
        human.warning(warning)?;
    }
    if !result.breaking.is_empty() {
        let changes: Vec<_> = result.breaking.iter().map(ToString::to_string).collect();
        human.warning(&format!(
            "Callers of the previous deployment may break (`--strict` refuses this):\n{}",
            changes.join("\n")
        ))?;
    }
    token.show(
        human,
        Order::WarningFirst,
        "A default runtime token was created for this function.\n\
         Save it now — it will not be shown again.",
    )
}

/// Refuses `--no-token` if the function has no active token, because then it would have no callers.
fn require_active_token(client: &Client, slug: &Slug, target: &Target) -> anyhow::Result<()> {
    let has_token = match target {
        Target::Own(_) | Target::Foreign(_) => return Ok(()),
        Target::New | Target::Unexpected { .. } => false,
        Target::Empty => {
            let now = jiff::Timestamp::now();
            let tokens = client.tokens(slug).list()?;
            tokens.iter().any(|token| token.is_active(now))
        }
    };
    if has_token {
        return Ok(());
    }
    Err(Failure::conflict(format!(
        "`{slug}` has no active token yet, so with --no-token nobody could call it"
    ))
    .hint(format!(
        "create one first: `jelou functions create {slug}`, then `jelou tokens create {slug} --name NAME`; or keep the first token out of the log with `--token-output FILE`"
    ))
    .into())
}

/// Saves the function's id in the folder. The deployment is already live, so a failed write is only a warning.
fn remember_id(
    project: &mut ProjectFile,
    result: &DeployResult,
    context: &Context,
) -> anyhow::Result<()> {
    let Some(id) = &result.function_id else {
        return Ok(());
    };
    // `--function` may name a different function than the file.
    if project.id() == Some(id) || project.function() != Some(&result.function) {
        return Ok(());
    }
    if let Some(former) = project.id() {
        context.output.warn(&format!(
            "jelou.json named {former} before, and names {id} now: {} is another function",
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

/// Adds facts about the local folder to a refusal: a hint for a file that was left out, and the lines of jelou.json.
fn explain(error: ClientError, left_out: &[LeftOut], project: Option<&ProjectFile>) -> ClientError {
    let ClientError::Problem(mut problem) = error else {
        return error;
    };
    if problem.hint.is_none() {
        problem.hint = files::named_in(&problem.detail, left_out);
    }
    if let Some(project) = project {
        let lines = problem.detail.lines();
        let lines: Vec<_> = lines.map(|line| with_line(line, project)).collect();
        problem.detail = lines.join("\n");
    }
    ClientError::Problem(problem)
}

/// Adds the line of a schedule's expression in jelou.json, because the upload does not contain this file.
fn with_line(text: &str, project: &ProjectFile) -> String {
    let named = || {
        let rest = text.strip_prefix("jelou.json: the schedule \"")?;
        let (expression, _) = rest.split_once("\" of `")?;
        let line = project.line_of(expression)?;
        Some(format!("jelou.json:{line}: the schedule \"{rest}"))
    };
    named().unwrap_or_else(|| text.to_owned())
}

/// Returns the provenance of the folder, according to git and the pipeline's variables.
fn provenance(folder: &Path, context: &Context) -> Provenance {
    let _step = Step::start(&context.output, "Asking git about the folder".to_owned());
    let (git, pipeline) = (git::of(folder), pipeline::of_environment());
    Provenance {
        commit: git.commit.or(pipeline.commit),
        // A pipeline checks out a commit, so git may know no branch.
        branch: pipeline.branch.or(git.branch),
        dirty: git.dirty,
        author: git.author.or(pipeline.author),
        subject: git.subject.or(pipeline.subject),
        repository: git.repository.or(pipeline.repository),
        ci_url: pipeline.ci_url,
    }
    .cleaned()
}
