//! The rules for the values of limits, both of the server and of one function.

use super::Limits;

/// Bytes of worker memory for each byte of a large request body. The gateway refuses bodies that would need more
/// (decision 097).
const MEMORY_OF_BODY_BYTE: u64 = 10;

const MIB: u64 = 1024 * 1024;

/// Why limits are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    #[error("`limits.{setting}` is {value}; it must be at least {least}")]
    TooSmall {
        setting: &'static str,
        value: u64,
        least: u64,
    },
    #[error("`limits.{setting}` is {value}; it must be at most {most}")]
    TooLarge {
        setting: &'static str,
        value: u64,
        most: u64,
    },
    #[error("`limits.max_heap_mib` is {heap}, which is over `limits.max_memory_mib`, {memory}")]
    HeapOverMemory { heap: u64, memory: u64 },
    #[error(
        "`limits.max_body_memory_mib` is {bodies}, which is over `limits.max_memory_mib`, {memory}"
    )]
    BodiesOverMemory { bodies: u64, memory: u64 },
    /// The memory for request bodies is derived from the heap, because its limit is not set.
    #[error(
        "`limits.max_body_bytes` is {body}, and a body takes up to ten times its size of the memory for request bodies, which is {memory} MiB: 80 % of `limits.max_heap_mib`, {heap}. Lower `limits.max_body_bytes` to {most}, or raise `limits.max_heap_mib` to {least_heap}"
    )]
    BodyOverHeap {
        body: u64,
        memory: u64,
        heap: u64,
        most: u64,
        least_heap: u64,
    },
    #[error(
        "`limits.max_body_bytes` is {body}, and a body takes up to ten times its size of the memory for request bodies, `limits.max_body_memory_mib`, {memory}. Lower `limits.max_body_bytes` to {most}, or raise `limits.max_body_memory_mib` to {least}"
    )]
    BodyOverMemory {
        body: u64,
        memory: u64,
        most: u64,
        least: u64,
    },
}

impl LimitsError {
    /// Returns the limits that the error compares with each other, or the limit that is out of range.
    pub fn settings(&self) -> &'static [&'static str] {
        match self {
            Self::TooSmall { .. } | Self::TooLarge { .. } => &[],
            Self::HeapOverMemory { .. } => &["max_heap_mib", "max_memory_mib"],
            Self::BodiesOverMemory { .. } => &["max_body_memory_mib", "max_memory_mib"],
            Self::BodyOverHeap { .. } => &["max_body_bytes", "max_heap_mib"],
            Self::BodyOverMemory { .. } => &["max_body_bytes", "max_body_memory_mib"],
        }
    }
}

impl Limits {
    /// Checks each value, and that the values are consistent.
    ///
    /// # Errors
    /// [`LimitsError`] names the setting, its value and its bound.
    pub fn validate(&self) -> Result<(), LimitsError> {
        let least = [
            ("request_timeout_ms", self.request_timeout_ms, 1),
            ("max_request_timeout_ms", self.max_request_timeout_ms, 1),
            ("stream_idle_timeout_ms", self.stream_idle_timeout_ms, 1),
            ("startup_timeout_ms", self.startup_timeout_ms, 1),
            ("build_timeout_ms", self.build_timeout_ms, 1),
            ("max_build_memory_mib", self.max_build_memory_mib, 128),
            ("max_mcp_memory_mib", self.max_mcp_memory_mib, 1),
            ("max_heap_mib", self.max_heap_mib, 16),
            // The minimum is enough for one or two processes.
            (
                "max_workers_memory_mib",
                self.max_workers_memory_mib.unwrap_or(u64::MAX),
                64,
            ),
            // Time for two checks of the event loop. A shorter timeout would kill processes that wait for CPU time.
            ("stall_timeout_ms", self.stall_timeout_ms, 500),
            ("cpu_weight", self.cpu_weight, 1),
            ("max_threads", self.max_threads, 32),
            ("max_open_files", self.max_open_files, 64),
            ("max_log_lines_per_second", self.max_log_lines_per_second, 1),
            // With a smaller limit, the metadata of a line leaves no space for its text.
            ("max_log_line_bytes", self.max_log_line_bytes as u64, 1024),
            // The minimum that hyper allows.
            (
                "max_response_header_bytes",
                self.max_response_header_bytes as u64,
                8192,
            ),
            (
                "max_concurrent_requests",
                self.max_concurrent_requests as u64,
                1,
            ),
            (
                "max_processes_per_function",
                self.max_processes_per_function.unwrap_or(1) as u64,
                1,
            ),
            (
                "max_concurrent_streams",
                self.max_concurrent_streams as u64,
                1,
            ),
            ("max_hops", u64::from(self.max_hops), 1),
            ("max_upload_files", self.max_upload_files as u64, 1),
            ("max_upload_file_bytes", self.max_upload_file_bytes, 1),
            ("max_upload_bytes", self.max_upload_bytes, 1),
            ("max_bundle_bytes", self.max_bundle_bytes, 1),
        ];
        if let Some((setting, value, least)) =
            least.into_iter().find(|(_, value, least)| value < least)
        {
            return Err(LimitsError::TooSmall {
                setting,
                value,
                least,
            });
        }
        let most = [
            ("cpu_weight", self.cpu_weight, 10_000),
            ("max_open_files", self.max_open_files, 900),
            // Each stream takes a file descriptor of the process.
            (
                "max_concurrent_streams",
                self.max_concurrent_streams as u64,
                800,
            ),
        ];
        if let Some((setting, value, most)) = most.into_iter().find(|(_, value, most)| value > most)
        {
            return Err(LimitsError::TooLarge {
                setting,
                value,
                most,
            });
        }
        if self.max_heap_mib > self.max_memory_mib {
            return Err(LimitsError::HeapOverMemory {
                heap: self.max_heap_mib,
                memory: self.max_memory_mib,
            });
        }
        self.validate_bodies()
    }

    /// Checks that the largest body fits into the memory for bodies, and that this memory fits into a process.
    fn validate_bodies(&self) -> Result<(), LimitsError> {
        let memory = self.body_memory_mib();
        if memory > self.max_memory_mib {
            return Err(LimitsError::BodiesOverMemory {
                bodies: memory,
                memory: self.max_memory_mib,
            });
        }
        let body = self.max_body_bytes;
        let most = memory * MIB / MEMORY_OF_BODY_BYTE;
        if body <= most {
            return Ok(());
        }
        let least = body.saturating_mul(MEMORY_OF_BODY_BYTE).div_ceil(MIB);
        Err(if self.max_body_memory_mib.is_none() {
            LimitsError::BodyOverHeap {
                body,
                memory,
                heap: self.max_heap_mib,
                most,
                least_heap: least.saturating_mul(5).div_ceil(4),
            }
        } else {
            LimitsError::BodyOverMemory {
                body,
                memory,
                most,
                least,
            }
        })
    }
}
