//! A server of another project as a child process, in a folder of its own.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::eventually;

/// The user `nobody`, for servers that refuse to run as root.
const NOBODY: u32 = 65_534;

pub(crate) struct Daemon {
    process: Child,
    /// Ends the server and its other processes.
    ending: Signal,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A folder that belongs to the user of the server.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    give(folder.path());
    folder
}

/// Makes the server's user the owner of the path.
pub(crate) fn give(path: &Path) {
    if geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// The program, which may be in a folder that is not in `PATH`.
pub(crate) fn program(name: &str, folders: &[&str]) -> PathBuf {
    let found = folders
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: run scripts/setup.sh"))
}

/// A command that runs as an unprivileged user.
pub(crate) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/bin:/bin:/usr/sbin")
        .env("HOME", folder)
        .env("TMPDIR", folder)
        .stdin(Stdio::null());
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Runs a step before the server starts.
pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Daemon {
    /// Starts the server and waits until it accepts connections.
    pub(crate) fn start(command: &mut Command, port: u16, folder: tempfile::TempDir) -> Self {
        let log = std::fs::File::create(folder.path().join("server.log")).unwrap();
        let process = command
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut daemon = Self {
            process,
            // PostgreSQL ends its other processes at this signal, which SIGKILL would leave behind.
            ending: Signal::QUIT,
            port,
            folder,
        };
        daemon.wait();
        daemon
    }

    pub(crate) fn wait(&mut self) {
        let port = self.port;
        eventually("another server", || {
            if let Some(status) = self.process.try_wait().unwrap() {
                let log = std::fs::read_to_string(self.path().join("server.log"));
                panic!("the server has ended: {status}\n{}", log.unwrap());
            }
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
    }

    /// Ends the server by this signal when it is dropped. A server without a handler for SIGQUIT does not end by it if its
    /// parent ignores it, as for a command in the background of a script.
    pub(crate) fn ended_by(mut self, signal: Signal) -> Self {
        self.ending = signal;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the server, and keeps its folder.
    pub(crate) fn stop(mut self, signal: Signal) -> tempfile::TempDir {
        self.end(signal);
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// Sends a signal to the server and its child processes.
    pub(crate) fn signal_all(&self, signal: Signal) {
        let server = self.process.id();
        let parent = format!("PPid:\t{server}\n");
        let ids = std::fs::read_dir("/proc").unwrap().flatten();
        let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let is_child = |id: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status"));
            status.is_ok_and(|status| status.contains(&parent))
        };
        for id in ids.filter(|id| *id == server || is_child(id)) {
            let id = i32::try_from(id).ok().and_then(Pid::from_raw);
            // A child may have ended.
            let _ = kill_process(id.unwrap(), signal);
        }
    }

    fn end(&mut self, signal: Signal) {
        let pid = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        let _ = kill_process(pid.unwrap(), signal);
        let _ = self.process.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end(self.ending);
    }
}
