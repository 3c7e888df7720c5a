//! `jelou functions info`.

use std::io;

use jelou_core::api::Function;

use crate::cli::functions::InfoArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Human, zoned_date};
use crate::project::function_or_here;

pub(crate) fn run(args: InfoArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let function = context.client()?.functions().get(&slug)?;
    context.output.result_with(
        &function,
        &[Breadcrumb::new(
            format!("jelou tokens list {slug}"),
            "See its tokens",
        )],
        |human| show(human, &function),
    )?;
    Ok(())
}

pub(super) fn show(human: &mut Human, function: &Function) -> io::Result<()> {
    human.item(&format!("Slug:        {}", function.slug))?;
    human.item(&format!("ID:          {}", function.id))?;
    if let Some(name) = &function.name {
        human.item(&format!("Name:        {name}"))?;
    }
    if let Some(description) = &function.description {
        human.item(&format!("Description: {description}"))?;
    }
    human.item(&format!("URL:         {}", function.url))?;
    if let Some(url) = &function.local_url {
        human.item(&format!("or:          {url}"))?;
    }
    human.item(&match &function.live_deployment {
        Some(deployment) => format!("Deployment:  {deployment}"),
        None => "Deployment:  none yet".to_owned(),
    })?;
    human.item(&format!("Tokens:      {}", function.tokens))?;
    human.item(&format!("Secrets:     {}", function.secrets))?;
    human.item(&format!("Created:     {}", zoned_date(function.created_at)))?;
    human.item(&format!("Updated:     {}", zoned_date(function.updated_at)))
}
