//! Finds the function to call: its address, and the deployment of a preview without an address.

use std::path::Path;

use jelou_core::{DeploymentId, PreviewName, Slug};
use ureq::Agent;
use ureq::http::Request;

use crate::cli::call::CallArgs;
use crate::commands::dev;
use crate::commands::previews::deployed;
use crate::context::Context;
use crate::exit::Failure;
use crate::project::function_or_here;

/// The address of a `jelou dev` whose folder is unknown.
const DEFAULT: &str = "http://localhost:3000";
/// Selects a preview at the address of its function.
const DEPLOYMENT_HEADER: &str = "x-jelou-deployment";

#[derive(Debug)]
pub(super) struct Target {
    /// Without a final slash.
    pub(super) url: String,
    deployment: Option<DeploymentId>,
}

impl Target {
    pub(super) fn find(args: &CallArgs, agent: &Agent, context: &Context) -> anyhow::Result<Self> {
        if let Some(name) = &args.preview {
            let slug = function_or_here(args.function.clone())?;
            return preview(&slug, name, context);
        }
        let url = match (&args.function, &args.url) {
            (Some(slug), _) => address(slug, context)?,
            (None, Some(url)) => url.clone(),
            (None, None) => in_development(agent, context)?,
        };
        Ok(Self::at(&url))
    }

    fn at(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            deployment: None,
        }
    }

    /// Adds the headers that select the preview.
    pub(super) fn select(&self, request: &mut Request<Vec<u8>>) -> anyhow::Result<()> {
        if let Some(deployment) = &self.deployment {
            let headers = request.headers_mut();
            headers.insert(DEPLOYMENT_HEADER, deployment.as_str().parse()?);
        }
        Ok(())
    }
}

fn address(slug: &Slug, context: &Context) -> anyhow::Result<String> {
    let function = context.client()?.functions().get(slug)?;
    Ok(function.local_url.unwrap_or(function.url))
}

fn preview(slug: &Slug, name: &PreviewName, context: &Context) -> anyhow::Result<Target> {
    let (preview, deployment) = deployed(&context.client()?, slug, name)?;
    if let Some(url) = preview.local_url.or(preview.url) {
        return Ok(Target::at(&url));
    }
    Ok(Target {
        deployment: Some(deployment),
        ..Target::at(&address(slug, context)?)
    })
}

/// Returns the address of this folder's function at a `jelou dev`. The server may run for this folder, for several
/// projects in a folder above, or with its state elsewhere. A server that does not serve the function is never used: it
/// would run other code, and would get the token.
fn in_development(agent: &Agent, context: &Context) -> anyhow::Result<String> {
    let here = std::path::absolute(Path::new("."))?;
    let slug = dev::slug_of(&here)?;
    let written = here.ancestors().filter_map(dev::address_of);
    for server in written.chain([DEFAULT.to_owned()]) {
        let url = format!("{}/fn/{slug}", server.trim_end_matches('/'));
        let answer = agent.get(format!("{url}/__health")).call();
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            context.output.note(&format!("Calling {url}"))?;
            return Ok(url);
        }
    }
    Err(
        Failure::not_found(format!("no `jelou dev` serves the function {slug}"))
            .hint("start `jelou dev` in the project's folder, name a deployed function with --function SLUG, or an address with --url")
            .into(),
    )
}
