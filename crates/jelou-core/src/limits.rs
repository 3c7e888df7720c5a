//! The limits of functions: of their builds, processes and requests. The operator can set each limit, and the error
//! about a limit names its setting. Some limits can also be set for one function ([`FunctionLimits`]).

mod own;
mod rules;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::source::UploadLimits;
pub use own::{FunctionLimits, LimitName, OwnLimits, ParseLimitNameError};
pub use rules::LimitsError;

/// The limits: the section `[limits]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Maximum milliseconds until the response head is complete. A function can set its own `timeout`.
    pub request_timeout_ms: u64,
    /// Maximum `timeout` that a function may set, in milliseconds.
    pub max_request_timeout_ms: u64,
    /// Milliseconds without a byte after which a response stream is cut.
    pub stream_idle_timeout_ms: u64,
    /// Maximum milliseconds for the import of a module.
    pub startup_timeout_ms: u64,
    /// Maximum milliseconds for a build, including the download of its packages.
    pub build_timeout_ms: u64,
    /// Maximum private memory of each process of a build, in MiB.
    pub max_build_memory_mib: u64,
    /// Maximum bytes of a request body.
    pub max_body_bytes: u64,
    /// Maximum bytes of a WebSocket message to a function.
    pub max_websocket_message_bytes: u64,
    /// Maximum memory in MiB that request bodies over 128 KiB may use together in one process. Default: 80 % of its
    /// heap.
    pub max_body_memory_mib: Option<u64>,
    /// Maximum milliseconds that a request waits for memory for its body. After that, the request gets 503.
    pub max_body_wait_ms: u64,
    /// Maximum memory of the server in MiB that large results of MCP tools may use together.
    pub max_mcp_memory_mib: u64,
    /// Maximum JavaScript heap of a process, in MiB.
    pub max_heap_mib: u64,
    /// Maximum private memory of a process, including its heap, in MiB.
    pub max_memory_mib: u64,
    /// Maximum private memory of all processes together, in MiB. Default: a part of the machine's memory.
    pub max_workers_memory_mib: Option<u64>,
    /// Milliseconds after which a process with a blocked event loop is killed.
    pub stall_timeout_ms: u64,
    /// CPU weight of a process, relative to 100. It only matters while the CPU is contended.
    pub cpu_weight: u64,
    /// Maximum number of threads of a process.
    pub max_threads: u64,
    /// Maximum number of file descriptors of a process, including connections.
    pub max_open_files: u64,
    /// Maximum number of log lines of a process per second.
    pub max_log_lines_per_second: u64,
    /// Maximum bytes of a log line.
    pub max_log_line_bytes: usize,
    /// Maximum bytes of the head of a function's response.
    pub max_response_header_bytes: usize,
    /// Maximum number of processes of one function. Default: the number of cores.
    pub max_processes_per_function: Option<usize>,
    /// Maximum number of processes of one function that stay loaded without calls. A function requests them with
    /// `keepWarm`.
    pub max_keep_warm: usize,
    /// Maximum number of concurrent requests of one process.
    pub max_concurrent_requests: usize,
    /// Maximum number of response streams and `WebSocket`s that one process has open at the same time.
    pub max_concurrent_streams: usize,
    /// Maximum number of requests that queue for a process. Further requests get 503.
    pub max_queued_requests: usize,
    /// Milliseconds after which an idle process is ended.
    pub idle_timeout_ms: u64,
    /// Number of blank workers that are kept ready for cold starts.
    pub blank_workers: usize,
    /// Maximum number of blank workers that are kept ready after a burst of cold starts.
    pub max_blank_workers: usize,
    /// Milliseconds that a drained process gets to finish its requests in flight.
    pub drain_timeout_ms: u64,
    /// Maximum milliseconds that the work of a request (`ctx.waitUntil`) keeps its process alive after the answer.
    pub background_timeout_ms: u64,
    /// Maximum number of calls in a chain of functions.
    pub max_hops: u32,
    /// Maximum number of files of an upload.
    pub max_upload_files: usize,
    /// Maximum bytes of a file of an upload.
    pub max_upload_file_bytes: u64,
    /// Maximum bytes of all files of an upload.
    pub max_upload_bytes: u64,
    /// Maximum bytes of a bundle.
    pub max_bundle_bytes: u64,
    /// Maximum number of remote modules of a deploy, which are downloaded by their URL.
    pub max_remote_modules: u64,
    /// Maximum bytes of all remote modules together.
    pub max_remote_bytes: u64,
    /// Maximum number of deployments of a function that are kept for rollbacks, in addition to pinned ones.
    pub max_deployments: usize,
    /// Maximum number of previews of a function at the same time.
    pub max_previews: u64,
    /// Maximum number of values of a function in `ctx.memory`.
    pub max_memory_entries: u64,
    /// Maximum bytes of a value in `ctx.memory`.
    pub max_memory_value_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout_ms: 30_000,
            max_request_timeout_ms: 120_000,
            stream_idle_timeout_ms: 120_000,
            startup_timeout_ms: 5_000,
            build_timeout_ms: 60_000,
            max_build_memory_mib: 1_024,
            max_body_bytes: 10 * 1024 * 1024,
            max_websocket_message_bytes: 1024 * 1024,
            max_body_memory_mib: None,
            max_body_wait_ms: 10_000,
            max_mcp_memory_mib: 256,
            max_heap_mib: 128,
            max_memory_mib: 256,
            max_workers_memory_mib: None,
            stall_timeout_ms: 5_000,
            cpu_weight: 100,
            max_threads: 128,
            max_open_files: 900,
            max_log_lines_per_second: 1_000,
            max_log_line_bytes: 16 * 1024,
            max_response_header_bytes: 64 * 1024,
            max_processes_per_function: None,
            max_keep_warm: 1,
            max_concurrent_requests: 100,
            max_concurrent_streams: 200,
            max_queued_requests: 200,
            idle_timeout_ms: 5 * 60 * 1000,
            blank_workers: 2,
            max_blank_workers: 8,
            drain_timeout_ms: 30_000,
            background_timeout_ms: 30_000,
            max_hops: 16,
            max_upload_files: 1_000,
            max_upload_file_bytes: 10 * 1024 * 1024,
            max_upload_bytes: 50 * 1024 * 1024,
            max_bundle_bytes: 10 * 1024 * 1024,
            max_remote_modules: 2_000,
            max_remote_bytes: 20 * 1024 * 1024,
            max_deployments: 20,
            max_previews: 20,
            max_memory_entries: 10_000,
            max_memory_value_bytes: 64 * 1024,
        }
    }
}

impl Limits {
    /// Returns the value of a limit, or `None` if the limit is not set.
    pub fn value(&self, setting: &str) -> Option<u64> {
        match setting {
            "max_body_memory_mib" => Some(self.body_memory_mib()),
            _ => serde_json::to_value(self).ok()?.get(setting)?.as_u64(),
        }
    }

    pub fn upload(&self) -> UploadLimits {
        UploadLimits {
            files: self.max_upload_files,
            file_bytes: self.max_upload_file_bytes,
            bytes: self.max_upload_bytes,
        }
    }

    /// Returns the memory of a process in MiB that large request bodies may use together.
    pub fn body_memory_mib(&self) -> u64 {
        self.max_body_memory_mib
            .unwrap_or(self.max_heap_mib * 4 / 5)
            .max(1)
    }

    pub fn max_body_wait(&self) -> Duration {
        Duration::from_millis(self.max_body_wait_ms)
    }

    pub fn stream_idle_timeout(&self) -> Duration {
        Duration::from_millis(self.stream_idle_timeout_ms)
    }

    pub fn stall_timeout(&self) -> Duration {
        Duration::from_millis(self.stall_timeout_ms)
    }

    pub fn startup_timeout(&self) -> Duration {
        Duration::from_millis(self.startup_timeout_ms)
    }

    pub fn build_timeout(&self) -> Duration {
        Duration::from_millis(self.build_timeout_ms)
    }

    pub fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }

    pub fn background_timeout(&self) -> Duration {
        Duration::from_millis(self.background_timeout_ms)
    }
}
