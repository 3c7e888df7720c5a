//! Finds the function to call: its address, and the deployment of a preview without an address.

use std::path::Path;

use jelou_client::Client;
use jelou_core::{DeploymentId, PreviewName, Slug};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use super::lines;
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
    /// The management API and the function's name there; `None` if only the address is known.
    pub(super) managed: Option<(Client, Slug)>,
    deployment: Option<DeploymentId>,
}

impl Target {
    pub(super) fn find(args: &CallArgs, agent: &Agent, context: &Context) -> anyhow::Result<Self> {
        if let Some(name) = &args.preview {
            let slug = function_or_here(args.function.clone())?;
            return preview(slug, name, context);
        }
        match (&args.function, &args.url) {
            (Some(slug), _) => {
                let client = context.client()?;
                let url = address(slug, &client)?;
                Ok(Self::at(&url, Some((client, slug.clone()))))
            }
            (None, Some(url)) => Ok(Self::at(url, None)),
            (None, None) => in_development(agent, context),
        }
    }

    fn at(url: &str, managed: Option<(Client, Slug)>) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            managed,
            deployment: None,
        }
    }

    /// Returns the log lines of a request; none if only the address of the function is known.
    pub(super) fn log(&self, request_id: Option<&str>) -> Vec<Value> {
        match (&self.managed, request_id) {
            (Some((client, slug)), Some(id)) => lines::of(client, slug, id),
            _ => Vec::new(),
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

fn address(slug: &Slug, client: &Client) -> anyhow::Result<String> {
    let function = client.functions().get(slug)?;
    Ok(function.local_url.unwrap_or(function.url))
}

fn preview(slug: Slug, name: &PreviewName, context: &Context) -> anyhow::Result<Target> {
    let client = context.client()?;
    let (preview, deployment) = deployed(&client, &slug, name)?;
    let (url, deployment) = match preview.local_url.or(preview.url) {
        Some(url) => (url, None),
        None => (address(&slug, &client)?, Some(deployment)),
    };
    Ok(Target {
        deployment,
        ..Target::at(&url, Some((client, slug)))
    })
}

/// Finds this folder's function at a `jelou dev`. The server may run for this folder, for several
/// projects in a folder above, or with its state elsewhere. A server that does not serve the function is never used: it
/// would run other code, and would get the token.
fn in_development(agent: &Agent, context: &Context) -> anyhow::Result<Target> {
    let here = std::path::absolute(Path::new("."))?;
    let slug = dev::slug_of(&here)?;
    let known = here.ancestors().filter_map(dev::Contact::find).map(Some);
    for contact in known.chain([None]) {
        let server = contact.as_ref().map_or(DEFAULT, |contact| &contact.url);
        let url = format!("{}/fn/{slug}", server.trim_end_matches('/'));
        let answer = agent.get(format!("{url}/__health")).call();
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            context.output.note(&format!("Calling {url}"))?;
            let client = contact.map(|contact| contact.client(context));
            let client = client.transpose()?;
            return Ok(Target::at(&url, client.map(|client| (client, slug))));
        }
    }
    Err(
        Failure::not_found(format!("no `jelou dev` serves the function {slug}"))
            .hint("start `jelou dev` in the project's folder, name a deployed function with --function SLUG, or an address with --url")
            .into(),
    )
}
