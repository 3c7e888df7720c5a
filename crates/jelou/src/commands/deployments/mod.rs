//! `jelou deployments`.

mod download;
mod info;
mod list;
mod pin;
mod promote;

use jelou_core::api::{Deployment, Health};
use jelou_core::{DeploymentId, Slug};

pub(in crate::commands) use self::download::write_into;
pub(in crate::commands) use self::list::table;
use crate::cli::deployments::{DeploymentArgs, DeploymentsCommand, SlugOrId};
use crate::context::Context;
use crate::exit::Failure;
use crate::project::function_or_here;

pub(crate) fn run(command: DeploymentsCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        DeploymentsCommand::List(args) => list::run(args, context),
        DeploymentsCommand::Info(args) => info::run(args, context),
        DeploymentsCommand::Download(args) => download::run(args, context),
        DeploymentsCommand::Promote(args) => promote::run(args, context),
        DeploymentsCommand::Pin(args) => pin::run(args, true, context),
        DeploymentsCommand::Unpin(args) => pin::run(args, false, context),
    }
}

/// Returns the function and the deployment that the arguments name.
pub(in crate::commands) fn named(
    args: DeploymentArgs,
) -> anyhow::Result<(Slug, Option<DeploymentId>)> {
    match (args.first, args.id) {
        (Some(SlugOrId::Id(_)), Some(_)) => {
            Err(Failure::input("two ids of deployments, and only one can be meant").into())
        }
        (Some(SlugOrId::Id(id)), None) => Ok((function_or_here(None)?, Some(id))),
        (Some(SlugOrId::Slug(slug)), id) => Ok((slug, id)),
        (None, id) => Ok((function_or_here(None)?, id)),
    }
}

/// Like [`named`], but returns the live deployment if the arguments name none.
fn named_or_live(args: DeploymentArgs, context: &Context) -> anyhow::Result<(Slug, DeploymentId)> {
    let (slug, id) = named(args)?;
    if let Some(id) = id {
        return Ok((slug, id));
    }
    let live = context.client()?.functions().get(&slug)?.live_deployment;
    let id = live.ok_or_else(|| {
        Failure::not_found(format!("`{slug}` has no live deployment"))
            .hint("`jelou deploy` creates one")
    })?;
    Ok((slug, id))
}

/// Returns the status for the list, such as `live, pinned`.
fn status(deployment: &Deployment) -> String {
    let mut status = Vec::new();
    if deployment.live {
        status.push("live".to_owned());
    }
    match deployment.health {
        Health::Healthy => {}
        Health::Failing => status.push("failing".to_owned()),
        Health::RolledBack => status.push("rolled back".to_owned()),
    }
    let previews = deployment.previews.iter();
    status.extend(previews.map(|name| format!("preview {name}")));
    if !deployment.was_live && deployment.previews.is_empty() {
        status.push("never live".to_owned());
    }
    if deployment.pinned {
        status.push("pinned".to_owned());
    }
    status.join(", ")
}

/// Returns `v1.4.0 1a2b3c4 main`: tag, commit and branch. A `*` after the commit means that the files differ from it.
fn version(deployment: &Deployment) -> String {
    let provenance = &deployment.provenance;
    let commit = provenance.commit.as_deref().map(|commit| {
        let short = commit.get(..7).unwrap_or(commit);
        let dirty = provenance.dirty == Some(true);
        format!("{short}{}", if dirty { "*" } else { "" })
    });
    let parts = [deployment.tag.clone(), commit, provenance.branch.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Returns the message of the deployment, or the subject of its commit.
fn about(deployment: &Deployment) -> String {
    let words = deployment.message.as_ref();
    let words = words.or(deployment.provenance.subject.as_ref());
    words.cloned().unwrap_or_default()
}
