//! The deployment that a slot runs, and the data that its workers receive.

use std::fmt;
use std::sync::Arc;

use jelou_core::{DeploymentId, EgressRule, FunctionId, FunctionLimits, LogRules, PreviewId, Slug};
use zeroize::Zeroizing;

/// The deployment that a slot runs.
#[derive(Debug, Clone)]
pub struct LaunchSpec {
    pub function: FunctionId,
    pub slug: Slug,
    /// The preview that serves the deployment. Its processes use the preview's secrets and memory instead of the
    /// function's.
    pub preview: Option<PreviewId>,
    pub deployment: DeploymentId,
    pub artifact_hash: String,
    /// Whether the secrets are also in `process.env` and `Deno.env`.
    pub process_env: bool,
    /// Number of processes that stay loaded without calls (`keepWarm`).
    pub keep_warm: usize,
    /// Which records of the function's log are kept.
    pub logs: LogRules,
    /// The egress rules of the function, in addition to the rules for all functions.
    pub egress: Vec<EgressRule>,
    pub limits: Arc<FunctionLimits>,
}

impl LaunchSpec {
    /// Returns whether the function's egress rules or limits differ from those of blank workers, so that it needs its
    /// own process.
    pub(super) fn needs_own_process(&self) -> bool {
        !self.egress.is_empty() || self.limits.needs_own_process()
    }
}

/// The data that all functions of this server receive.
#[derive(Debug, Clone)]
pub(crate) struct Platform {
    pub(crate) functions_domain: String,
    /// Whether requests of functions go through the server, because of a proxy.
    pub(crate) is_proxied: bool,
    /// Whether outgoing requests of functions to other hosts include the trace headers of their call.
    pub(crate) traces_outside: bool,
    pub(crate) company: CompanyInfo,
    pub(crate) jelou: Option<JelouCredentials>,
}

/// The company that the functions of this server belong to; functions read it as `ctx.company`.
#[derive(Debug, Clone)]
pub struct CompanyInfo {
    pub id: String,
    pub name: String,
}

/// Address and key of the Jelou API; functions use it as `ctx.jelou`.
#[derive(Clone)]
pub struct JelouCredentials {
    pub base_url: String,
    pub api_key: Zeroizing<String>,
}

impl fmt::Debug for JelouCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JelouCredentials")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}
