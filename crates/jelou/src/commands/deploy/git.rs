//! Reads the provenance of a folder with the `git` command. Without git, or outside a repository, it is empty, which is
//! not an error.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use jelou_core::Provenance;

/// Timeout of each command, so that a repository on a slow disk does not delay a deploy.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn of(folder: &Path) -> Provenance {
    let Some(commit) = git(folder, &["log", "-1", "--format=%H%x00%an%x00%s"]) else {
        return Provenance::default();
    };
    let mut parts = commit.split('\0').map(str::to_owned);
    Provenance {
        commit: parts.next(),
        author: parts.next(),
        subject: parts.next(),
        // Fails if HEAD is detached.
        branch: git(folder, &["symbolic-ref", "--short", "--quiet", "HEAD"]),
        dirty: git(folder, &["status", "--porcelain", "--", "."]).map(|files| !files.is_empty()),
        repository: git(folder, &["config", "--get", "remote.origin.url"]),
        ci_url: None,
    }
}

/// Returns the output of a git command, without white space at its ends. `None` if the command fails.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    for name in jelou_core::private_variables() {
        command.env_remove(name);
    }
    let mut child = command
        .arg("-C")
        .arg(folder)
        // Disables features for which a repository's configuration can name a program to run.
        .args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "log.showSignature=false",
        ])
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdout = child.stdout.take()?;
    let (send, received) = mpsc::channel();
    std::thread::spawn(move || {
        let mut output = Vec::new();
        let read = stdout.read_to_end(&mut output);
        // Fails after the timeout, because the receiver was dropped.
        let _ = send.send(read.map(|_| output));
    });
    let output = received.recv_timeout(PATIENCE);
    if output.is_err() {
        // Fails if the process has ended meanwhile.
        let _ = child.kill();
    }
    let status = child.wait().ok()?;
    let output = output.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output);
    status.success().then(|| text.trim().to_owned())
}
