//! `jelou deployments info`.

use std::io;

use jelou_core::api::DeploymentDetails;

use super::{named_or_live, status};
use crate::cli::deployments::InfoArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Human, size, zoned_date};

pub(super) fn run(args: InfoArgs, context: &Context) -> anyhow::Result<()> {
    let (slug, id) = named_or_live(args.deployment, context)?;
    let details = context.client()?.deployments(&slug).get(&id)?;
    context.output.result_with(
        &details,
        &[
            Breadcrumb::new(
                format!("jelou deployments download {slug} {id}"),
                "Get its source",
            ),
            Breadcrumb::new(format!("jelou rollback {slug} {id}"), "Make it live"),
        ],
        |human| show(human, &details),
    )?;
    Ok(())
}

fn show(human: &mut Human, details: &DeploymentDetails) -> io::Result<()> {
    let deployment = &details.deployment;
    let provenance = &deployment.provenance;
    human.item(&format!("ID:         {}", deployment.id))?;
    let status = status(deployment);
    if !status.is_empty() {
        human.item(&format!("Status:     {status}"))?;
    }
    human.item(&format!(
        "Created:    {} by {}",
        zoned_date(deployment.created_at),
        deployment.created_by
    ))?;
    let dirty = match provenance.dirty {
        Some(true) => " (with changes that are not committed)",
        _ => "",
    };
    for (label, value) in [
        ("Tag:       ", deployment.tag.clone()),
        ("Message:   ", deployment.message.clone()),
        (
            "Commit:    ",
            provenance
                .commit
                .as_ref()
                .map(|commit| format!("{commit}{dirty}")),
        ),
        ("Branch:    ", provenance.branch.clone()),
        ("Subject:   ", provenance.subject.clone()),
        ("Author:    ", provenance.author.clone()),
        ("Repository:", provenance.repository.clone()),
        ("Pipeline:  ", provenance.ci_url.clone()),
    ] {
        if let Some(value) = value {
            human.item(&format!("{label} {value}"))?;
        }
    }
    human.item(&format!(
        "Calls:      {}, {} failed",
        deployment.calls, deployment.failed_calls
    ))?;
    human.item(&format!("Bundle:     {}", size(deployment.bundle_bytes)))?;
    for file in &deployment.files {
        let mark = if file.path == deployment.entrypoint {
            ", the entrypoint"
        } else {
            ""
        };
        human.item(&format!(
            "File:       {} ({}{mark})",
            file.path,
            size(file.bytes)
        ))?;
    }
    for dependency in &deployment.dependencies {
        human.item(&format!("Package:    {}", dependency.specifier))?;
    }
    for tool in &details.tools {
        let mut facts = vec![format!("{} {}", tool.methods.join(", "), tool.path)];
        if tool.mcp {
            facts.push("MCP".to_owned());
        }
        if tool.public {
            facts.push("public".to_owned());
        }
        human.item(&format!("Tool:       {} ({})", tool.name, facts.join("; ")))?;
    }
    for schedule in &details.schedules {
        let name = schedule.name.as_deref().unwrap_or(&schedule.tool);
        human.item(&format!(
            "Schedule:   {name} ({} {})",
            schedule.expression, schedule.timezone
        ))?;
    }
    Ok(())
}
