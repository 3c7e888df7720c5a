//! The manifest of a deployment, read from its bundle at deploy. The gateway answers static requests from it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::LogRules;

/// How the bundle defines its tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One tool, at `config.path`.
    Define,
    /// Several tools, each at its own route.
    App,
    /// One tool with a web handler, which gets whole requests. It has a route for all paths, and further routes for the
    /// paths that need no token.
    Handler,
}

/// The manifest of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub mode: Mode,
    pub name: Option<String>,
    pub description: String,
    /// The tools. Exactly one for [`Mode::Define`].
    pub tools: Vec<Tool>,
    /// Whether the secrets are also in the environment of the process.
    #[serde(default = "yes")]
    pub env: bool,
    /// Number of processes that stay loaded without calls, before the operator's maximum is applied.
    #[serde(default)]
    pub keep_warm: usize,
    /// Selects the log records that are kept.
    #[serde(default)]
    pub logs: LogRules,
    /// The known routes inside a web handler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<InnerRoute>,
    /// The function's own OpenAPI document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openapi: Option<Value>,
}

fn yes() -> bool {
    true
}

/// A route inside a web handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InnerRoute {
    pub method: String,
    /// The path. A segment that begins with `:` is a parameter, as in `/orders/:id`.
    pub path: String,
}

/// One tool: a handler with its route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// The key in `app({ tools })`, or `default`.
    pub key: String,
    /// The name that MCP clients and OpenAPI show.
    pub name: String,
    pub description: String,
    /// The path: `*`, or segments. A segment `:name` is a parameter. A trailing `*` matches the rest.
    pub path: String,
    /// Upper-case HTTP methods.
    pub methods: Vec<String>,
    /// Milliseconds until the response head; `None` for the operator's default.
    pub timeout_ms: Option<u64>,
    pub mcp: bool,
    /// Whether it can be called without a token.
    pub public: bool,
    pub cors: Option<Cors>,
    #[serde(default)]
    pub cron: Vec<Schedule>,
    /// JSON Schema 2020-12 of the input.
    pub input_schema: Option<Value>,
    /// JSON Schema 2020-12 of the result.
    pub output_schema: Option<Value>,
    /// MCP tool annotations, unchanged.
    pub annotations: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    pub origin: Vec<String>,
    pub methods: Option<Vec<String>>,
    pub headers: Option<Vec<String>>,
    pub credentials: bool,
    /// Seconds for which a browser may cache the preflight response.
    pub max_age: u64,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            origin: vec!["*".to_owned()],
            methods: None,
            headers: None,
            credentials: false,
            max_age: 86_400,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Five fields: minute, hour, day of month, month, day of week.
    pub expression: String,
    /// IANA time zone.
    pub timezone: String,
    pub name: Option<String>,
    pub bot_id: Option<String>,
    #[serde(default)]
    pub catch_up: CatchUp,
    #[serde(default)]
    pub overlap: Overlap,
    #[serde(default)]
    pub retry: Option<Retry>,
    /// Maximum delay of a run's start in milliseconds, which spreads the starts of schedules.
    #[serde(default)]
    pub spread_ms: Option<u64>,
    /// Milliseconds that a run may take; `None` for the timeout of the tool.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// What happens to runs that were missed, for instance while the server was down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    #[default]
    None,
    /// Only the last missed run is run, late.
    Last,
}

/// What happens to a run that is due while an earlier one of its schedule still runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// The due run is missed.
    #[default]
    Skip,
    /// The due run waits for the end of the earlier one. Only one run can wait.
    Queue,
    /// The due run starts, too.
    Allow,
}

/// Retries after a failed run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// Maximum number of attempts after the first one.
    pub max: u32,
    /// Milliseconds before the second attempt. The delay doubles with each further attempt.
    pub backoff_ms: u64,
}

impl Schedule {
    /// Returns a key that identifies the schedule within its function, across deployments: the name if there is one,
    /// otherwise tool, expression and zone.
    pub fn key(&self, tool: &str) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => format!("{tool}: {} {}", self.expression, self.timezone),
        }
    }
}

impl Tool {
    /// Returns the word for the schedule at `position` in commands: its name, or the name of the tool, followed by the
    /// number of the schedule if the tool has several.
    pub fn schedule_label(&self, position: usize) -> String {
        match self.cron.get(position).and_then(|one| one.name.as_ref()) {
            Some(name) => name.clone(),
            None if self.cron.len() == 1 => self.name.clone(),
            None => format!("{}:{}", self.name, position + 1),
        }
    }
}

impl Manifest {
    /// Returns the manifest for a preview: no public tools, no schedules, and no processes that stay loaded without
    /// calls.
    #[must_use]
    pub fn of_preview(mut self) -> Self {
        self.keep_warm = 0;
        for tool in &mut self.tools {
            tool.public = false;
            tool.cron = Vec::new();
        }
        self
    }

    /// Whether every tool is public, so that callers without a token may see the routes.
    pub fn is_public(&self) -> bool {
        self.tools.iter().all(|tool| tool.public)
    }
}
