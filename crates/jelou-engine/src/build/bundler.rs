//! Supervises the bundler's process. The process can build again, and then parses only changed files.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;

use jelou_sandbox::{Launch, Purpose};
use serde_json::Value;
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::error::BuildError;
use super::esbuild::{self, Output, Request};
use super::graph::Resolved;
use super::modules::Modules;
use super::tools::Tools;
use super::workspace::Workspace;
use super::{command, here};
use crate::deno::ESBUILD_VERSION;

/// Matches the specifiers that the plugin resolves: all except relative ones (`./x`, `../x`), which the bundler
/// resolves itself.
const RESOLVED: &str = "^[^.]|^\\.[^./]";
/// Matches all specifiers, including relative ones.
const EVERY_IMPORT: &str = ".*";

/// The bundler of one build folder. All its builds use the same resolved imports.
#[derive(Debug, Default)]
pub(super) struct Bundler {
    /// Whether the bundler passes every import to the plugin, so that the plugin detects new imports.
    passes_all_imports: bool,
    /// The imports of the upload that were not resolved, by importer and specifier, in the last build.
    pub(super) unresolved: BTreeSet<(String, String)>,
    /// `None` before the first build and during a build. So dropping the future of a build ends the process.
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    service: esbuild::Bundler<ChildStdout, ChildStdin>,
}

impl Bundler {
    /// Creates a bundler that reports every import that was not resolved before bundling.
    pub(super) fn reporting_unresolved() -> Self {
        Self {
            passes_all_imports: true,
            ..Self::default()
        }
    }

    pub(super) async fn build(
        &mut self,
        tools: &Tools,
        workspace: &Workspace,
        resolved: &Resolved,
        modules: &mut Modules<'_>,
    ) -> Result<Output, BuildError> {
        let timeout = tools.launcher.limits.build_timeout();
        let running = self.process.take();
        let passes_all_imports =
            self.passes_all_imports || !resolved.remote.is_empty() || resolved.has_unusual_imports;
        let building = async {
            let mut process = match running {
                Some(process) => process,
                None => Process::start(tools, workspace, passes_all_imports).await?,
            };
            match process.service.build(modules).await {
                Ok(output) => Ok((process, output)),
                Err(error) => Err(process.explain(tools, error).await),
            }
        };
        let built = tokio::time::timeout(timeout, building)
            .await
            .map_err(|_| BuildError::Timeout(timeout.as_millis()))?;
        let (process, output) = built?;
        self.process = Some(process);
        self.unresolved.clone_from(&modules.unresolved);
        Ok(output)
    }
}

impl Process {
    async fn start(
        tools: &Tools,
        workspace: &Workspace,
        passes_all_imports: bool,
    ) -> Result<Self, BuildError> {
        let mut launch = Launch::new(&tools.cache.bundler(), workspace.root());
        launch.arg(format!("--service={ESBUILD_VERSION}"));
        let mut child = command::start(tools, workspace, Purpose::Bundle, launch, |command| {
            command.stdin(Stdio::piped());
        })
        .await?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            let text = "the bundler has no standard input and output";
            return Err(std::io::Error::other(text).into());
        };
        let request = Request {
            entrypoint: workspace.entrypoint().display().to_string(),
            options: options(workspace)?,
            folder: workspace.root().display().to_string(),
            resolved: if passes_all_imports {
                EVERY_IMPORT
            } else {
                RESOLVED
            },
        };
        let mut process = Self {
            child,
            service: esbuild::Bundler::new(from, to),
        };
        match process.service.prepare(&request).await {
            Ok(()) => Ok(process),
            Err(error) => Err(process.explain(tools, error).await),
        }
    }

    /// Returns the error of a failed build. If the process has ended, the error describes how it ended.
    async fn explain(self, tools: &Tools, error: std::io::Error) -> BuildError {
        use std::io::ErrorKind::{BrokenPipe, UnexpectedEof};
        if !matches!(error.kind(), BrokenPipe | UnexpectedEof) {
            return error.into();
        }
        match self.child.wait_with_output().await {
            Ok(output) => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                tracing::warn!(status = %output.status, %stderr, "the bundler ended early");
                command::died(tools, output.status)
            }
            Err(error) => error.into(),
        }
    }
}

fn options(workspace: &Workspace) -> Result<Vec<String>, BuildError> {
    let config: Value = serde_json::from_str(&fs_err::read_to_string(workspace.config())?)
        .map_err(std::io::Error::from)?;
    let compiler = serde_json::json!({ "compilerOptions": config["compilerOptions"] });
    let fixed = [
        "--bundle",
        "--format=esm",
        "--platform=node",
        "--target=esnext",
        "--conditions=deno",
        // Packages in Deno's cache have TypeScript beside the JavaScript that they publish.
        "--resolve-extensions=.js,.cjs,.mjs,.json,.ts,.tsx,.jsx,.node",
        "--sourcemap=external",
        "--sources-content=false",
        "--metafile",
        "--charset=utf8",
        "--log-level=silent",
        "--log-limit=0",
        "--log-override:unsupported-dynamic-import=warning",
    ]
    .map(str::to_owned);
    let own = [
        format!("--tsconfig-raw={compiler}"),
        format!("--outfile={}", outfile(workspace).display()),
    ];
    Ok(fixed
        .into_iter()
        .chain(own)
        .chain(here::options())
        .collect())
}

/// Returns the path that the bundle would have. The sources of the source map are relative to this path.
fn outfile(workspace: &Workspace) -> PathBuf {
    workspace.root().join("index.js")
}
