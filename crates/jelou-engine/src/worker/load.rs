//! Hands a function to a blank worker, by a request on the worker's socket, before any user code runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jelou_core::surrogates::parse_json;
use jelou_core::{DeploymentId, FunctionId, Level, Manifest, Slug};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::module_url::ModuleUrl;
use super::openings::OpenRule;
use super::stage::EngineStage;
use crate::debugger::Inspector;
use crate::transport::{Connection, ExchangeError, RequestBody};

/// Maximum bytes of the response. User code has already run, and could make it large.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LoadMode {
    Serve,
    /// Sends the manifest, and serves no request.
    Inspect,
    /// Sends the manifest, and serves requests.
    Develop,
}

/// The company that the functions of this server belong to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Company<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
}

/// Its presence makes `ctx.memory` available to the function. The server implements `ctx.memory`.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemoryFeature {
    pub(crate) max_value_bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Jelou<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) api_key: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadRequest<'a> {
    pub(crate) mode: LoadMode,
    /// URL of the bundle.
    pub(crate) module: &'a str,
    /// The substrings that the engine found in the bundle. They decide what the worker prepares before the import.
    pub(crate) words: &'a [&'static str],
    pub(crate) function_slug: &'a Slug,
    pub(crate) function_id: Option<&'a FunctionId>,
    pub(crate) deployment_id: Option<&'a DeploymentId>,
    pub(crate) company: Option<Company<'a>>,
    pub(crate) env: BTreeMap<&'a str, &'a str>,
    /// Whether the secrets are also in `process.env` and `Deno.env`.
    pub(crate) process_env: bool,
    pub(crate) functions_domain: &'a str,
    pub(crate) egress_socket: Option<&'a Path>,
    /// The egress rules of the process, for the error texts of refused connections.
    pub(crate) egress: &'a [OpenRule],
    /// Whether requests to other hosts also go over the egress socket.
    pub(crate) is_proxied: bool,
    /// The lowest level of written log lines.
    pub(crate) log_level: Level,
    /// Whether `fetch` also sends the trace headers of a call to other hosts.
    pub(crate) traces_outside: bool,
    /// In development, the file with the secrets. Errors name it, and the response of a failed handler contains the
    /// thrown error.
    pub(crate) env_file: Option<&'a str>,
    /// The file that the worker creates before it waits for a debugger. `None` if it does not wait.
    pub(crate) waits_for_debugger: Option<&'a Path>,
    pub(crate) log_line_bytes: usize,
    pub(crate) max_body_bytes: u64,
    /// The texts by which errors name the two limits of bodies: the setting, its value, and who has set it.
    pub(crate) max_body_told: String,
    pub(crate) body_memory_told: String,
    pub(crate) memory: Option<MemoryFeature>,
    pub(crate) jelou: Option<Jelou<'a>>,
    /// The settings of `jelou.json`. Present if the worker reads the manifest.
    pub(crate) settings: Option<&'a Map<String, Value>>,
}

/// The response of a worker that has loaded a function.
#[derive(Debug, Deserialize)]
pub(crate) struct Loaded {
    pub(crate) manifest: Option<Manifest>,
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    code: String,
    message: String,
    stack: Option<String>,
}

/// Why a worker fails to start or to load its function.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{message}")]
    Refused {
        /// One of `IMPORT_FAILED`, `NO_DEFAULT_EXPORT` and `INVALID_DEFINITION`.
        code: String,
        message: String,
        stack: Option<String>,
    },
    #[error("the module did not finish its import within {} ms ({limit})", .after.as_millis())]
    Timeout { after: Duration, limit: String },
    /// A blank worker was not ready in time; no function was involved.
    #[error("the engine's process was not ready within {} ms (limits.startup_timeout_ms, a server setting)", .0.as_millis())]
    NotReady(Duration),
    #[error("the process ended while it started: {0}")]
    Died(String),
    #[error("the process ended while it imported the module: {0}")]
    Crashed(String),
    #[error("the process was ended while it imported the module: {0}")]
    Breach(String),
    #[error("the worker sent an unexpected response: {0}")]
    Protocol(String),
}

impl LoadError {
    /// Adds the lines that the function wrote before it failed, because they often contain the cause.
    pub(crate) fn after(mut self, written: &[String]) -> Self {
        if written.is_empty() {
            return self;
        }
        let written = format!("It wrote before:\n  {}", written.join("\n  "));
        match &mut self {
            Self::Refused { code, stack, .. } if code == "IMPORT_FAILED" => {
                *stack = Some(match stack.take() {
                    Some(stack) => format!("{stack}\n{written}"),
                    None => written,
                });
            }
            Self::Crashed(how) | Self::Breach(how) => *how = format!("{how}\n{written}"),
            _ => {}
        }
        self
    }

    /// Adds advice to the message of a refusal.
    pub(crate) fn advised(mut self, advice: impl Fn(&str) -> Option<&'static str>) -> Self {
        if let Self::Refused { message, .. } = &mut self
            && let Some(advice) = advice(message)
        {
            message.push_str("; ");
            message.push_str(advice);
        }
        self
    }

    /// Applies `change` to the texts that come from the function.
    pub(crate) fn map_texts(self, change: impl Fn(String) -> String) -> Self {
        match self {
            Self::Refused {
                code,
                message,
                stack,
            } => Self::Refused {
                code,
                message: change(message),
                stack: stack.map(change),
            },
            Self::Crashed(how) => Self::Crashed(change(how)),
            Self::Breach(how) => Self::Breach(change(how)),
            other => other,
        }
    }

    /// Returns the message without text from the function, which may appear only in the function's own log.
    pub(crate) fn brief(&self) -> String {
        match self {
            Self::Refused { code, .. } => format!("its module was refused ({code})"),
            other => other.to_string(),
        }
    }
}

/// Hands over the function and waits until it is loaded. The caller sets the timeout.
pub(crate) async fn load(
    connection: &mut Connection,
    request: &LoadRequest<'_>,
) -> Result<Loaded, LoadError> {
    // The body contains decrypted secrets, so it is zeroized on drop. The connection gets a copy.
    let body = Zeroizing::new(
        serde_json::to_vec(request).map_err(|error| LoadError::Protocol(error.to_string()))?,
    );
    let body = Bytes::copy_from_slice(&body);
    let (status, bytes) = post(connection, "/__jelou/load", body).await?;
    let protocol = |error: serde_json::Error| LoadError::Protocol(error.to_string());
    if status.is_success() {
        return parse_json(&bytes).map_err(protocol);
    }
    let Refusal { error } = parse_json(&bytes).map_err(protocol)?;
    Err(LoadError::Refused {
        code: error.code,
        message: error.message,
        stack: error.stack,
    })
}

/// Makes a blank worker compile a bundle without running it, or, with `None`, Node's modules. Returns `false` if the
/// bundle cannot be compiled.
pub(crate) async fn compile(
    connection: &mut Connection,
    module: Option<&ModuleUrl>,
) -> Result<bool, LoadError> {
    #[derive(Deserialize)]
    struct Compiled {
        ok: bool,
    }
    let protocol = |error: serde_json::Error| LoadError::Protocol(error.to_string());
    let body = serde_json::to_vec(&module.map(ModuleUrl::as_str)).map_err(protocol)?;
    let (_, bytes) = post(connection, "/__jelou/compile", body.into()).await?;
    let Compiled { ok } = serde_json::from_slice(&bytes).map_err(protocol)?;
    Ok(ok)
}

/// Makes a blank worker execute a first call, so that the code for calls is compiled. In development, the worker also
/// reads a manifest, because it later reads the function's manifest.
pub(crate) async fn rehearse(
    connection: &mut Connection,
    stage: &EngineStage,
    timeout: Duration,
) -> Result<(), LoadError> {
    let body = Bytes::from_static(if stage.is_development() {
        br#"{"inspects":true}"#
    } else {
        b"{}"
    });
    let told = post(connection, "/__jelou/rehearse", body);
    let (status, bytes) = tokio::time::timeout(timeout, told)
        .await
        .map_err(|_| LoadError::NotReady(timeout))??;
    if status.is_success() {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(&bytes).into_owned();
    Err(LoadError::Protocol(answer))
}

/// Returns the URL of the worker's inspector.
pub(crate) async fn inspector(connection: &mut Connection) -> Result<Inspector, LoadError> {
    #[derive(Deserialize)]
    struct Answer {
        url: String,
    }
    let (_, bytes) = post(connection, "/__jelou/inspector", Bytes::new()).await?;
    let answer: Option<Answer> = serde_json::from_slice(&bytes).ok();
    answer
        .and_then(|answer| Inspector::parse(&answer.url))
        .ok_or_else(|| LoadError::Protocol(String::from_utf8_lossy(&bytes).into_owned()))
}

async fn post(
    connection: &mut Connection,
    path: &'static str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), LoadError> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("host", "worker")
        .header("content-type", "application/json")
        .body(RequestBody::full(body))
        .map_err(|error| LoadError::Protocol(error.to_string()))?;
    connection
        .exchange(request, MAX_ANSWER_BYTES)
        .await
        .map_err(|error| match error {
            ExchangeError::TooLarge { .. } => LoadError::Protocol(error.to_string()),
            ExchangeError::Ended(error) => LoadError::Died(error.to_string()),
        })
}
