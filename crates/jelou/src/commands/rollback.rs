//! `jelou rollback`.

use jelou_client::{Client, ClientError};
use jelou_core::api::{ChangedSecret, Deployment, RollbackRequest, RollbackResult, SecretChange};
use jelou_core::{DeploymentId, ErrorCode, Slug};
use serde::Serialize;

use super::deployments::{named, table};
use crate::cli::deployments::RollbackArgs;
use crate::context::{Confirmation, Context};
use crate::exit::Failure;
use crate::interrupt;
use crate::output::{Breadcrumb, Human};
use crate::prompt::Preset;

/// A deployment that was made live without a build.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::commands) struct GoneLive<'a> {
    deployment_id: &'a DeploymentId,
    /// Whether this command changed the live deployment.
    changed: bool,
    #[serde(flatten)]
    result: &'a RollbackResult,
}

impl<'a> GoneLive<'a> {
    pub(in crate::commands) fn new(result: &'a RollbackResult) -> Self {
        Self {
            deployment_id: &result.deployment.id,
            changed: !result.was_live_already(),
            result,
        }
    }
}

pub(crate) fn run(args: RollbackArgs, context: &Context) -> anyhow::Result<()> {
    let (slug, id) = named(args.deployment)?;
    let confirmation = Confirmation::from_flag(args.yes);
    if confirmation == Confirmation::Ask {
        context
            .prompt
            .require(&format!("Roll back {slug}?"), "--yes")?;
    }
    let client = context.client()?;
    let id = match (id, confirmation) {
        (None, Confirmation::Ask) => Some(choose(&client, &slug, context)?),
        (id, _) => id,
    };
    let mut request = RollbackRequest {
        deployment: id,
        reason: args.reason,
        dry_run: true,
    };
    if confirmation == Confirmation::Ask {
        let plan = client.deployments(&slug).rollback(&request)?;
        let mut screen = context.output.prompt_stream();
        warn_of_secrets(&mut screen, &plan.changed_secrets)?;
        let question = format!("Roll back {slug} to {}?", plan.deployment.id);
        context
            .prompt
            .confirm(&context.output, &question, Preset::Yes, "--yes")?;
    }
    request.dry_run = false;
    interrupt::explain_change(format!(
        "`jelou deployments list {slug}` shows which deployment is live"
    ));
    let result = client.deployments(&slug).rollback(&request);
    let result = match result {
        Err(error) if request.deployment.is_none() => return Err(with_targets(error, &slug).into()),
        result => result?,
    };
    report(&slug, &result, confirmation, context)
}

/// Adds how to find the deployments that can be named, if the server finds none to go back to.
fn with_targets(mut error: ClientError, slug: &Slug) -> ClientError {
    if let ClientError::Problem(problem) = &mut error
        && problem.code == ErrorCode::Conflict
        && problem.hint.is_none()
    {
        problem.hint = Some(format!(
            "`jelou deployments list {slug}` shows the deployments; `jelou rollback {slug} DEPLOYMENT_ID` restores one that was live before"
        ));
    }
    error
}

fn report(
    slug: &Slug,
    result: &RollbackResult,
    confirmation: Confirmation,
    context: &Context,
) -> anyhow::Result<()> {
    let id = &result.deployment.id;
    let before = result.replaces.as_ref().filter(|before| *before != id);
    let undo = before.map(|before| format!("jelou rollback {slug} {before}"));
    let undo_crumb = undo
        .clone()
        .map(|command| Breadcrumb::new(command, "Undo the rollback"));
    context
        .output
        .result_with(&GoneLive::new(result), undo_crumb.as_slice(), |human| {
            let Some(undo) = &undo else {
                return human.item(&format!("{id} is live already; nothing was changed"));
            };
            human.success(&format!("Rolled back to {id}"))?;
            show_live(human, result)?;
            if confirmation == Confirmation::Given {
                warn_of_secrets(human, &result.changed_secrets)?;
            }
            human.item(&format!("Undo: {undo}"))
        })?;
    Ok(())
}

/// Asks which deployment to restore. The preset is the deployment that a rollback with `-y` restores.
fn choose(client: &Client, slug: &Slug, context: &Context) -> anyhow::Result<DeploymentId> {
    let deployments = client.deployments(slug).list()?;
    let earlier: Vec<Deployment> = deployments
        .into_iter()
        .filter(|deployment| !deployment.live && deployment.was_live)
        .collect();
    if earlier.is_empty() {
        return Err(
            Failure::conflict(format!("`{slug}` has no other deployment to go back to"))
                .hint("the next `jelou deploy` leaves the present one as a target")
                .into(),
        );
    }
    let preset = client
        .deployments(slug)
        .rollback(&RollbackRequest {
            dry_run: true,
            ..RollbackRequest::default()
        })
        .ok()
        .and_then(|plan| position(&earlier, &plan.deployment.id));
    let preset = preset.map(|position| (position + 1).to_string());
    let mut screen = context.output.prompt_stream();
    screen.table(&table(&earlier).numbered())?;
    loop {
        let answer = context.prompt.line(
            &context.output,
            "Roll back to which deployment, by number or id?",
            preset.as_deref(),
            "DEPLOYMENT_ID",
        )?;
        let chosen = match answer.parse::<usize>() {
            Ok(number) => number.checked_sub(1).and_then(|index| earlier.get(index)),
            Err(_) => earlier
                .iter()
                .find(|deployment| deployment.id.as_str() == answer),
        };
        match chosen {
            Some(deployment) => return Ok(deployment.id.clone()),
            None => context
                .output
                .warn(&answers(earlier.len(), preset.as_deref()))?,
        }
    }
}

/// Describes the valid answers of [`choose`].
fn answers(count: usize, preset: Option<&str>) -> String {
    let numbers = match count {
        1 => "1".to_owned(),
        count => format!("a number from 1 to {count}"),
    };
    let preset = preset.map_or_else(String::new, |preset| format!("; Enter means {preset}"));
    format!("Type {numbers}, or an id such as dep_...{preset}; Ctrl-C stops")
}

fn position(deployments: &[Deployment], id: &DeploymentId) -> Option<usize> {
    deployments
        .iter()
        .position(|deployment| deployment.id == *id)
}

/// Shows where the deployment is live, and its schedules.
pub(in crate::commands) fn show_live(
    human: &mut Human,
    result: &RollbackResult,
) -> std::io::Result<()> {
    human.item(&format!("URL:  {}", result.url))?;
    for schedule in &result.schedules {
        let id = schedule.name.as_ref().unwrap_or(&schedule.tool);
        human.item(&format!(
            "Schedule {id}: {} ({})",
            schedule.expression, schedule.timezone
        ))?;
    }
    Ok(())
}

pub(in crate::commands) fn warn_of_secrets(
    human: &mut Human,
    changed: &[ChangedSecret],
) -> std::io::Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let changed: Vec<_> = changed
        .iter()
        .map(|secret| {
            let change = match secret.change {
                SecretChange::Set => "set",
                SecretChange::Deleted => "deleted",
            };
            format!("{} ({change})", secret.key)
        })
        .collect();
    human.warning(&format!(
        "Secrets changed since it was live: {}\nA rollback does not bring old values back.",
        changed.join(", ")
    ))
}
