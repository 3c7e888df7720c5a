//! The threads that write logs and export telemetry, so that no call waits for that.

use std::io;
use std::path::Path;
use std::sync::Arc;

use jelou_core::{Clock, FunctionId};
use jelou_logs::{LogWriter, Logs, Observer, Record};

use crate::access_log::{AccessLog, AccessThread};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::telemetry::{ExportThread, Exporter};

/// The queues that calls, log lines and events are sent to.
#[derive(Debug)]
pub(crate) struct Outputs {
    pub(crate) logs: Logs,
    /// `None` if no collector is configured.
    pub(crate) telemetry: Option<Exporter>,
    /// `None` if the access log is off.
    pub(crate) access_log: Option<AccessLog>,
}

/// The threads that empty the queues.
#[derive(Debug)]
pub(crate) struct LogThreads {
    writer: LogWriter,
    export: Option<ExportThread>,
    access: Option<AccessThread>,
}

impl LogThreads {
    /// # Errors
    /// If the folder cannot be created, or a thread cannot be started.
    pub(crate) fn start(
        config: &Config,
        folder: &Path,
        clock: &Clock,
        registry: &Arc<Registry>,
        metrics: &Arc<Metrics>,
    ) -> io::Result<(Outputs, Self)> {
        let (telemetry, export) = (!config.otlp.endpoint.is_empty())
            .then(|| {
                let registry = Arc::clone(registry);
                Exporter::start(config.otlp.clone(), registry, Arc::clone(metrics))
            })
            .transpose()?
            .unzip();
        let observer = telemetry.clone().map(|telemetry| {
            let send =
                move |function: &FunctionId, record: &Record| telemetry.send(function, record);
            Box::new(send) as Observer
        });
        let settings = config.logs.settings();
        let (logs, writer) = Logs::start(folder, settings, clock.clone(), observer)?;
        let (access_log, access) = config
            .log
            .access
            .then(|| AccessLog::start(logs.clone(), clock.clone(), Arc::clone(metrics)))
            .transpose()?
            .unzip();
        let outputs = Outputs {
            logs,
            telemetry,
            access_log,
        };
        let threads = Self {
            writer,
            export,
            access,
        };
        Ok((outputs, threads))
    }

    /// Writes and sends everything that is queued. Blocks.
    pub(crate) fn stop(self) {
        self.writer.stop();
        if let Some(export) = self.export {
            export.stop();
        }
        if let Some(access) = self.access {
            access.stop();
        }
    }
}
