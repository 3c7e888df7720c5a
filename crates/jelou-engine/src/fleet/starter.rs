//! Starts workers of functions: takes a blank worker, and passes the function's files and secrets to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jelou_core::EgressRule;
use jelou_sandbox::CpuShare;
use serde_json::{Map, Value};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use zeroize::Zeroizing;

use super::error::LeaseError;
use super::eviction::AllWorkers;
use super::host::{Caller, Host};
use super::instance::RequestInWorker;
use super::pool::Pool;
use super::spec::{LaunchSpec, Platform};
use crate::artifacts::{ArtifactError, SourceMapCache, Unpacked, UnpackedArtifacts, stack_trace};
use crate::logs::{LogForwarder, LogLimits, LogLine, LogSource};
use crate::worker::{
    Blank, Company, Jelou, LaunchTerms, Launcher, LoadError, LoadMode, LoadRequest, Loaded,
    MemoryFeature, Openings, Usage, builtins, compile_apart,
};

#[derive(Debug)]
pub(crate) struct FunctionStarter {
    pub(crate) launcher: Arc<Launcher>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) all_workers: Arc<AllWorkers>,
    pub(crate) unpacked: Arc<UnpackedArtifacts>,
    pub(crate) source_maps: Arc<SourceMapCache>,
    pub(crate) platform: Platform,
    pub(crate) host: Arc<dyn Host>,
}

/// Why a process is started.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason<'a> {
    /// To serve requests. The text is the reason for the start at this moment.
    Serve(&'static str),
    /// To serve requests, and to read the function's manifest. Contains the settings of `jelou.json`.
    Describe(&'a Map<String, Value>),
}

impl FunctionStarter {
    /// Starts a worker for a function. The worker already counts one request, which ends when the result is dropped.
    pub(super) async fn start(
        &self,
        spec: &LaunchSpec,
        files: &Arc<Unpacked>,
        share: CpuShare,
        reason: Reason<'_>,
        retired: &mut watch::Receiver<bool>,
    ) -> Result<(RequestInWorker, Loaded), LeaseError> {
        let began = Instant::now();
        let secrets: BTreeMap<String, Zeroizing<String>> = self
            .host
            .secrets(&spec.slug, spec.preview.as_ref())
            .map_err(LeaseError::Secrets)?;
        let mut blank = tokio::select! {
            blank = self.process_for(spec, share) => blank?,
            // The start can be cancelled here, because the blank worker has no data of the function yet.
            _ = retired.wait_for(|retired| *retired) => return Err(LeaseError::Retired),
        };
        let logs = self.logs(spec);
        let openings = Arc::clone(&blank.terms().openings);
        let unresolved = openings.unresolved();
        if !unresolved.is_empty() {
            logs.write(LogLine::Unresolved(format!(
                "the function cannot connect to {}: the name does not resolve (DNS)",
                unresolved.join(", ")
            )));
        }
        let egress_socket = blank.egress_socket();
        let module = blank.provide(files).await.map_err(ArtifactError::Io)?;
        let (mode, settings, why) = match reason {
            Reason::Serve(why) => (LoadMode::Serve, None, why),
            Reason::Describe(settings) => (LoadMode::Develop, Some(settings), "its code is new"),
        };
        let waits = self.launcher.waits_for_debugger();
        let waiting = waits.then(|| blank.waiting_file());
        let request = LoadRequest {
            mode,
            module: module.as_str(),
            words: files.words(),
            function_slug: &spec.slug,
            function_id: Some(&spec.function),
            deployment_id: Some(&spec.deployment),
            company: Some(Company {
                id: &self.platform.company.id,
                name: &self.platform.company.name,
            }),
            env: secrets
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            process_env: spec.process_env,
            functions_domain: &self.platform.functions_domain,
            egress_socket: Some(&egress_socket),
            egress: openings.rules(),
            is_proxied: self.platform.is_proxied,
            log_level: spec.logs.level,
            traces_outside: self.platform.traces_outside,
            waits_for_debugger: waiting.as_deref(),
            env_file: self.launcher.stage.env_file(),
            log_line_bytes: self.launcher.limits.max_log_line_bytes,
            max_body_bytes: spec.limits.max_body_bytes,
            max_body_told: spec.limits.describe("max_body_bytes"),
            body_memory_told: spec.limits.describe("max_body_memory_mib"),
            memory: Some(MemoryFeature {
                max_value_bytes: self.launcher.limits.max_memory_value_bytes,
            }),
            jelou: self.platform.jelou.as_ref().map(|jelou| Jelou {
                base_url: &jelou.base_url,
                api_key: &jelou.api_key,
            }),
            settings,
        };
        let egress = self.egress_handler(spec, blank.usage());
        let served = blank
            .serve(
                &self.launcher,
                &spec.limits,
                &request,
                logs.clone(),
                egress,
                share,
            )
            .await;
        self.pool.refill();
        self.compile(spec, files);
        match served {
            Ok((worker, loaded)) => {
                self.all_workers.add(&worker);
                let took = began.elapsed();
                logs.write(LogLine::Started { took, why });
                Ok((RequestInWorker::first(worker), loaded))
            }
            // The caller reports the error.
            Err(error) if matches!(reason, Reason::Describe(_)) => Err(LeaseError::Start(error)),
            Err(error) => Err(LeaseError::Start(log_failure(logs, error).await)),
        }
    }

    /// Returns a blank worker, or a new process if the function cannot use a blank worker.
    async fn process_for(&self, spec: &LaunchSpec, share: CpuShare) -> Result<Blank, LeaseError> {
        if spec.needs_own_process() {
            let terms = self.own_terms(spec).await;
            self.pool.start(share, terms).await
        } else {
            self.pool.take(share).await
        }
    }

    async fn own_terms(&self, spec: &LaunchSpec) -> LaunchTerms {
        LaunchTerms {
            limits: Arc::clone(&spec.limits),
            openings: Arc::new(
                Openings::resolve(self.egress(spec), self.launcher.families()).await,
            ),
        }
    }

    /// Returns the egress rules for all functions and for this function.
    pub(super) fn egress<'a>(
        &'a self,
        spec: &'a LaunchSpec,
    ) -> impl Iterator<Item = &'a EgressRule> {
        self.launcher.egress.iter().chain(&spec.egress)
    }

    /// Compiles the bundle in the background for later starts, if it is large and not yet compiled by this version of
    /// Deno.
    fn compile(&self, spec: &LaunchSpec, files: &Arc<Unpacked>) {
        builtins::prepare(&self.launcher, files);
        // In development, the next start has another bundle.
        if self.launcher.stage.is_development() || !files.begin_compiling() {
            return;
        }
        let (unpacked, files) = (Arc::clone(&self.unpacked), Arc::clone(files));
        let (launcher, hash) = (Arc::clone(&self.launcher), spec.artifact_hash.clone());
        let function = spec.slug.clone();
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _turn = unpacked.compiling.acquire().await;
            let result = match compile_apart(&launcher, &files).await {
                Ok(Some(compiled)) => unpacked
                    .put_compiled(&hash, &files, &compiled)
                    .map_err(|error| error.to_string()),
                Ok(None) => return,
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = result {
                tracing::warn!(%function, error, "cannot compile a function for its next start");
            }
        });
    }

    fn logs(&self, spec: &LaunchSpec) -> LogForwarder {
        let limits = &self.launcher.limits;
        LogForwarder {
            source: LogSource {
                function: spec.slug.clone(),
                function_id: spec.function.clone(),
                preview: spec.preview.clone(),
                deployment: spec.deployment.clone(),
                sample: spec.logs.sample,
            },
            artifact_hash: spec.artifact_hash.clone(),
            source_maps: Arc::clone(&self.source_maps),
            limits: LogLimits {
                line_bytes: limits.max_log_line_bytes,
                lines_per_second: limits.max_log_lines_per_second,
            },
            sink: Arc::<dyn Host>::clone(&self.host),
        }
    }

    /// Returns a handler that passes each egress connection of the worker to the server. The server also gets the
    /// worker's requests in flight, for the hops and for `ctx.memory`.
    fn egress_handler(
        &self,
        spec: &LaunchSpec,
        usage: &Arc<Usage>,
    ) -> Box<dyn Fn(UnixStream, OwnedSemaphorePermit) + Send + Sync> {
        let host = Arc::clone(&self.host);
        let function = spec.slug.clone();
        let function_id = spec.function.clone();
        let deployment = spec.deployment.clone();
        let preview = spec.preview.clone();
        let usage = Arc::clone(usage);
        Box::new(move |stream, connection| {
            let caller = Caller {
                function: function.clone(),
                function_id: function_id.clone(),
                deployment: deployment.clone(),
                preview: preview.clone(),
                usage: Arc::clone(&usage),
                _connection: Arc::new(connection),
            };
            host.egress(stream, caller);
        })
    }
}

/// Writes to the function's log why the start failed. Returns the error with positions in the function's source files.
async fn log_failure(logs: LogForwarder, mut error: LoadError) -> LoadError {
    let text = match &error {
        LoadError::Refused {
            stack: Some(stack), ..
        } => stack.clone(),
        other => other.to_string(),
    };
    let text = logs.readable(text, stack_trace::rewrite).await;
    if let LoadError::Refused {
        stack: Some(stack), ..
    } = &mut error
    {
        stack.clone_from(&text);
    }
    logs.run(text.as_bytes(), LogLine::Engine).await;
    error
}
