//! Describes how a process ended.

use std::process::ExitStatus;
use std::time::Duration;

use jelou_core::FunctionLimits;
use jelou_sandbox::ControlGroup;
use tokio::process::Child;

use super::directory::WorkerDir;

/// How long a process may take to end after it closes a connection. A process with idle priority ends slowly.
const END_OF_CLOSED: Duration = Duration::from_secs(1);

pub(super) fn describe(
    status: std::io::Result<ExitStatus>,
    dir: &WorkerDir,
    limits: &FunctionLimits,
) -> String {
    match status {
        Ok(status) if dir.group().is_some_and(ControlGroup::was_out_of_memory) => format!(
            "{status}: memory is over the limit of {} MiB ({})",
            limits.max_memory_mib,
            limits.describe("max_memory_mib")
        ),
        Ok(status) if is_out_of_memory(status) => format!(
            "{status}: out of memory, most likely ({}; {})",
            limits.describe("max_heap_mib"),
            limits.describe("max_memory_mib")
        ),
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Waits for the end of a process that closed its connections, which happens shortly before an exit. Describes how the
/// process ended. Returns `None` if it still runs.
pub(super) async fn of_closed(
    child: &mut Child,
    dir: &WorkerDir,
    limits: &FunctionLimits,
) -> Option<String> {
    let ended = tokio::time::timeout(END_OF_CLOSED, child.wait()).await;
    ended.ok().map(|status| describe(status, dir, limits))
}

/// Returns whether V8 or Deno's Rust allocator ended the process with a signal that can mean out of memory.
fn is_out_of_memory(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    matches!(
        status.signal(),
        Some(libc::SIGTRAP | libc::SIGABRT | libc::SIGILL)
    )
}

/// Returns the exit status and the stderr of a process that ended before it listened.
pub(super) async fn status_and_stderr(child: Child) -> String {
    match child.wait_with_output().await {
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            format!("{}: {}", output.status, stderr.trim())
        }
        Err(error) => error.to_string(),
    }
}
