//! `jelou call`: calls a tool of a function, as the function's OpenAPI document describes it.

mod agent;
mod input;
mod lines;
mod operation;
mod target;

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use jelou_core::api::{Run, RunState};
use jelou_core::surrogates::parse_json;
use serde::Serialize;
use serde_json::Value;
use ureq::http::{Request, Response, StatusCode};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use self::operation::Operation;
use self::target::Target;
use super::tokens::{Input, no_token};
use super::{cron, logs};
use crate::cli::call::CallArgs;
use crate::context::Context;
use crate::exit::{Failure, Shown};

/// Means stdin, in place of a token.
const STDIN: &str = "-";
const TOKEN_HEADER: &str = "x-jelou-token";
/// Where the last build of `jelou dev` failed.
const STALE_HEADER: &str = "x-jelou-dev-stale";
const TOKEN_HINT: &str = "pass a runtime token of the function with --token, or in JELOU_FUNCTION_TOKEN; `jelou tokens create` makes one";
const FUNCTION_HINT: &str =
    "start `jelou dev` in the project's folder, or name a deployed function with --function SLUG";
/// Maximum bytes of a response body.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status: u16,
    ms: u128,
    request_id: Option<&'a str>,
    /// The lines that the function wrote.
    log: &'a [Value],
    body: Value,
}

#[derive(Serialize)]
struct ScheduledRun<'a> {
    #[serde(flatten)]
    run: &'a Run,
    /// The lines that the function wrote.
    log: &'a [Value],
}

pub(super) fn run(args: CallArgs, context: &Context) -> anyhow::Result<()> {
    let agent = agent::new();
    let target = Target::find(&args, &agent, context)?;
    if let Some(name) = &args.cron {
        return run_schedule(&target, name, args.at, context);
    }
    let token = args.token.map(token).transpose()?;
    let token = token.as_deref().map(String::as_str);
    let (name, fields) = input::words(&args.words)?;
    let operation = Operation::find(&document(&agent, &target, token)?, name)?;
    let input = match &args.data {
        Some(_) if !fields.is_empty() => {
            return Err(Failure::input("--data is the whole input")
                .hint("leave out KEY=VALUE, or --data")
                .into());
        }
        Some(json) => serde_json::from_str(json)
            .map_err(|error| Failure::input("--data is not JSON").because(error))?,
        None => input::of(&operation, fields, context)?,
    };
    let mut request = if args.mcp {
        operation.mcp_request(&target.url, &input, token)?
    } else {
        operation.request(&target.url, input, token)?
    };
    target.select(&mut request)?;
    let began = Instant::now();
    let response = send(&agent, request, &target.url)?;
    if response.status() == StatusCode::UNAUTHORIZED && token.is_none() {
        context.output.note(TOKEN_HINT)?;
    }
    show(response, began, &target, context)
}

/// Returns the token. If `given` is `-`, reads it from stdin.
fn token(given: String) -> anyhow::Result<Zeroizing<String>> {
    if given != STDIN {
        return Ok(Zeroizing::new(given));
    }
    let input = Input::read(Path::new(STDIN))?;
    let token = input.tokens().first().copied().ok_or_else(no_token)?;
    Ok(Zeroizing::new(token.to_owned()))
}

/// Fetches the OpenAPI document of the function.
fn document(agent: &Agent, target: &Target, token: Option<&str>) -> anyhow::Result<Value> {
    let url = &target.url;
    let mut request = Request::get(format!("{url}/openapi.json"));
    // A preview shows its document only to callers with a token.
    if let Some(token) = token {
        request = request.header(TOKEN_HEADER, token);
    }
    let mut request = request.body(Vec::new())?;
    target.select(&mut request)?;
    let mut response = send(agent, request, url)?;
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED {
        let message = match token {
            Some(_) => format!("{url} does not accept the token"),
            None => format!("{url} asks for a runtime token"),
        };
        return Err(Failure::auth(message).hint(TOKEN_HINT).into());
    }
    if !status.is_success() {
        return Err(Failure::not_found(format!(
            "{url} has no function that is live (status {} for /openapi.json)",
            status.as_u16()
        ))
        .hint("start `jelou dev`, or name a deployed function with --function SLUG")
        .into());
    }
    let document = response.body_mut().read_json();
    document.with_context(|| format!("{url}/openapi.json is no OpenAPI document"))
}

fn send(agent: &Agent, request: Request<Vec<u8>>, url: &str) -> anyhow::Result<Response<Body>> {
    agent.run(request).map_err(|error| {
        Failure::input(format!("{url} cannot be reached"))
            .hint(FUNCTION_HINT)
            .because(error)
            .into()
    })
}

fn show(
    mut response: Response<Body>,
    began: Instant,
    target: &Target,
    context: &Context,
) -> anyhow::Result<()> {
    let status = response.status();
    let body = response
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER_BYTES)
        .read_to_vec()
        .context("the answer cannot be read")?;
    let ms = began.elapsed().as_millis();
    let request_id = response.headers().get("x-request-id");
    let request_id = request_id.and_then(|id| id.to_str().ok());
    let stale = response.headers().get(STALE_HEADER);
    let stale = stale.and_then(|place| place.to_str().ok());
    let text = String::from_utf8_lossy(&body);
    let json: Option<Value> = parse_json(&body).ok();
    let is_failed_tool = json.as_ref().is_some_and(is_failed_in_mcp);
    let shown = match &json {
        Some(json) => serde_json::to_string_pretty(json)?,
        None => text.trim_end().to_owned(),
    };
    let log = target.log(request_id);
    let answer = Answer {
        status: status.as_u16(),
        ms,
        request_id,
        log: &log,
        body: json.unwrap_or_else(|| text.clone().into()),
    };
    context.output.result(&answer, |human| human.text(&shown))?;
    logs::show_beside(&context.output, &log)?;
    if let Some(place) = stale {
        let text = format!("the answer is of older code: the last build failed ({place})");
        context.output.warn(&text)?;
    }
    let id = request_id.map_or_else(String::new, |id| format!(", request {id}"));
    context
        .output
        .note(&format!("{} in {ms} ms{id}", status.as_u16()))?;
    if status.is_client_error() || status.is_server_error() || is_failed_tool {
        return Err(Shown.into());
    }
    Ok(())
}

/// Runs a schedule, as if it were due.
fn run_schedule(
    target: &Target,
    name: &str,
    at: Option<String>,
    context: &Context,
) -> anyhow::Result<()> {
    let Some((client, slug)) = &target.managed else {
        let failure = Failure::input(format!("{} is known only by its address", target.url));
        return Err(failure.hint(FUNCTION_HINT).into());
    };
    let schedules = client.schedules(slug);
    let run = schedules.start_run(name, at)?;
    let run = cron::ended(&schedules, run, context)?;
    let log = target.log(run.request_id.as_deref());
    let result = ScheduledRun {
        run: &run,
        log: &log,
    };
    let text = format!(
        "{}, due at {}: {}",
        run.schedule,
        run.due_at,
        cron::state(&run)
    );
    context.output.result(&result, |human| human.item(&text))?;
    logs::show_beside(&context.output, &log)?;
    if run.state == RunState::Ok {
        Ok(())
    } else {
        Err(Shown.into())
    }
}

/// Whether the answer is an error of MCP, which has the status 200.
fn is_failed_in_mcp(answer: &Value) -> bool {
    answer["jsonrpc"].is_string()
        && (answer["error"].is_object() || answer["result"]["isError"] == true)
}
