//! Finds the function to call: its address, and the deployment of a preview without an address.

use std::path::Path;
use std::time::{Duration, Instant};

use jelou_client::Client;
use jelou_core::{DeploymentId, PreviewName, Slug};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use super::{STALE_HEADER, lines};
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
/// How long a call waits for a server that starts, which may download the engine.
const START_TIMEOUT: Duration = Duration::from_mins(1);
const START_POLL: Duration = Duration::from_millis(100);

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
/// would run other code, and would get the token. Waits for a server that starts, whose functions are not known yet.
fn in_development(agent: &Agent, context: &Context) -> anyhow::Result<Target> {
    let here = std::path::absolute(Path::new("."))?;
    let slug = dev::slug_of(&here)?;
    let deadline = Instant::now() + START_TIMEOUT;
    let mut is_told = false;
    loop {
        let mut is_starting = false;
        for dir in here.ancestors().filter(|dir| dev::runs_in(dir)) {
            match dev::Contact::find(dir) {
                None => is_starting = true,
                Some(contact) if contact.serves(&slug) => {
                    let url = address_at(&contact.url, &slug);
                    if is_live(agent, &url, &slug)? {
                        context.output.note(&format!("Calling {url}"))?;
                        let client = contact.client(context)?;
                        return Ok(Target::at(&url, Some((client, slug))));
                    }
                }
                Some(_) => {}
            }
        }
        if !is_starting || Instant::now() > deadline {
            break;
        }
        if !std::mem::replace(&mut is_told, true) {
            let text = "Waiting until `jelou dev` has started (Ctrl-C stops)";
            context.output.note(text)?;
        }
        std::thread::sleep(START_POLL);
    }
    let url = address_at(DEFAULT, &slug);
    if is_live(agent, &url, &slug)? {
        context.output.note(&format!("Calling {url}"))?;
        return Ok(Target::at(&url, None));
    }
    Err(
        Failure::not_found(format!("no `jelou dev` serves the function {slug}"))
            .hint("start `jelou dev` in the project's folder, name a deployed function with --function SLUG, or an address with --url")
            .into(),
    )
}

fn address_at(server: &str, slug: &Slug) -> String {
    format!("{}/fn/{slug}", server.trim_end_matches('/'))
}

/// Whether the server at this address serves the function. The answer comes after the first load.
///
/// # Errors
///
/// If the server has no code of the function that can be loaded.
fn is_live(agent: &Agent, url: &str, slug: &Slug) -> anyhow::Result<bool> {
    let Ok(answer) = agent.get(format!("{url}/__health")).call() else {
        return Ok(false);
    };
    let stale = answer.headers().get(STALE_HEADER);
    match stale.and_then(|place| place.to_str().ok()) {
        Some(place) if !answer.status().is_success() => Err(Failure::not_found(format!(
            "`jelou dev` cannot load the function {slug} ({place})"
        ))
        .hint("its terminal shows the error; save the file again after the fix")
        .into()),
        _ => Ok(answer.status().is_success()),
    }
}
