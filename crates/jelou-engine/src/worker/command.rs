//! The folder and the command line of a worker's process.

use std::fs::{File, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::pin::pin;

use rustix::fs::{FileType, Mode, OFlags};
use tokio::net::UnixListener;
use tokio::process::Command;

use super::code_cache::CodeCache;
use super::permissions;
use crate::engine::Shared;
use jelou_sandbox::{
    Confinement, ControlGroup, CpuShare, FileRights, Identity, Launch, LentUser, ProcessUser,
    Purpose,
};

/// V8's settings besides the size of its heap:
///
/// - 1 MiB for each half of the young generation: to collect one of the usual 16 MiB stops every call for some
///   milliseconds on a machine whose cores are all at work; small ones are collected more often, in a fraction of that.
/// - No threads that help to collect it: whoever has to wait for them waits until each has had its turn on a core.
/// - `gc()`, for the rehearsal; the worker takes it away before any user code runs.
const V8_FLAGS: &str = "--max-semi-space-size=1,--no-parallel-scavenge,--expose-gc";
/// Threads that may use a worker and have a pipe for its answers; the others get them on their sockets.
const MAX_ANSWER_PIPES: usize = 8;

/// The private folder of one worker, and its control group; they go with the worker.
#[derive(Debug)]
pub(crate) struct WorkerDir {
    path: PathBuf,
    /// After the folder in time: its files are gone before somebody else gets the id.
    user: Option<LentUser>,
    group: Option<ControlGroup>,
}

impl WorkerDir {
    /// Creates the folder. With a user id of its own the process can enter the folder and write to its home, and no
    /// other process can do either.
    pub(crate) fn create(
        path: PathBuf,
        user: Option<LentUser>,
        group: Option<ControlGroup>,
    ) -> std::io::Result<Self> {
        let dir = Self { path, user, group };
        for folder in [&dir.path, &dir.home(), &dir.egress_dir()] {
            std::fs::DirBuilder::new().mode(0o700).create(folder)?;
        }
        if let Some(user) = dir.user() {
            for folder in [&dir.path, &dir.egress_dir()] {
                user.admit(folder)?;
                fs_err::set_permissions(folder, Permissions::from_mode(0o710))?;
            }
            user.own(&dir.home())?;
        }
        Ok(dir)
    }

    /// With what has been compiled already. Who copies it has the folder: when nobody waits any more, it is removed after the
    /// last file and not beside it.
    pub(crate) async fn filled(self, compiled: CodeCache) -> std::io::Result<Self> {
        // Some megabytes, which a thread of the runtime does not wait for.
        let filling = tokio::task::spawn_blocking(move || {
            compiled.provide(&self.deno_dir(), self.user())?;
            Ok(self)
        });
        filling.await.map_err(std::io::Error::other)?
    }

    /// Takes the connections that the process makes to the functions domain.
    pub(crate) fn listen_egress(&self) -> std::io::Result<UnixListener> {
        let listener = UnixListener::bind(self.egress_socket())?;
        if let Some(user) = self.user() {
            user.admit(&self.egress_socket())?;
            fs_err::set_permissions(self.egress_socket(), Permissions::from_mode(0o660))?;
        }
        Ok(listener)
    }

    pub(crate) fn group(&self) -> Option<&ControlGroup> {
        self.group.as_ref()
    }

    /// Where the process has a control group.
    pub(crate) fn give(&self, share: CpuShare) {
        if let Some(Err(error)) = self.group.as_ref().map(|group| group.give(share)) {
            tracing::debug!(%error, "cannot weigh a control group");
        }
    }

    /// A process that has only what others leave would wait for ever on a machine that is always busy. So it does not
    /// for long, and not while a call waits for a process.
    pub(crate) async fn soon<T>(&self, shared: &Shared, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let patience = shared.limits.startup_timeout() / 8;
        let enough = tokio::time::timeout(patience, shared.pool.missed());
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = enough => self.give(CpuShare::Own),
        }
        work.await
    }

    pub(crate) fn user(&self) -> Option<ProcessUser> {
        self.user.as_ref().map(LentUser::user)
    }

    /// The part that the process may write to while it starts.
    fn home(&self) -> PathBuf {
        self.path.join("w")
    }

    /// Deno's own folder of this process.
    pub(crate) fn deno_dir(&self) -> PathBuf {
        self.home().join("deno")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home().join("sock")
    }

    /// Where the process answers whether its event loop runs.
    pub(crate) fn pulse_socket(&self) -> PathBuf {
        self.home().join("pulse")
    }

    /// Where the process takes calls as frames.
    pub(crate) fn calls_socket(&self) -> PathBuf {
        self.home().join("calls")
    }

    /// Pipes for the answers of calls, made by the server and open at its end before the process starts.
    pub(crate) fn make_answer_pipes(&self) -> std::io::Result<Vec<File>> {
        let mut pipes = Vec::new();
        for path in self.answer_pipes() {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                &path,
                FileType::Fifo,
                Mode::RUSR | Mode::WUSR,
                0,
            )?;
            if let Some(user) = self.user() {
                user.own(&path)?;
            }
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            pipes.push(rustix::fs::open(&path, flags, Mode::empty())?.into());
        }
        Ok(pipes)
    }

    fn answer_pipes(&self) -> impl Iterator<Item = PathBuf> {
        let home = self.home();
        (0..jelou_sandbox::cores().clamp(1, MAX_ANSWER_PIPES))
            .map(move |number| home.join(format!("answers{number}")))
    }

    /// A folder of its own, so that the process cannot put another socket in the place of its egress socket.
    fn egress_dir(&self) -> PathBuf {
        self.path.join("e")
    }

    pub(crate) fn egress_socket(&self) -> PathBuf {
        self.egress_dir().join("sock")
    }
}

impl Drop for WorkerDir {
    fn drop(&mut self) {
        if let Err(error) = fs_err::remove_dir_all(&self.path) {
            tracing::warn!(%error, "cannot remove a worker's folder");
        }
    }
}

pub(crate) fn worker(
    shared: &Shared,
    dir: &WorkerDir,
    purpose: Purpose,
    max_data_bytes: Option<u64>,
) -> std::io::Result<Command> {
    let home = dir.home();
    let deno = &shared.deno.binary;
    let assets = &shared.assets;
    let mut launch = Launch::new(deno, &home);
    launch
        .arg("run")
        .args([
            "--no-config",
            "--no-lock",
            "--no-prompt",
            "--no-remote",
            "--no-npm",
        ])
        .args(["--cached-only", "--quiet", "--unstable-no-legacy-abort"])
        .arg("--import-map")
        .arg(assets.import_map())
        .arg(format!(
            "--v8-flags=--max-old-space-size={},{V8_FLAGS}",
            shared.limits.max_heap_mib
        ))
        .args(if shared.sandbox.uses_permissions() {
            permissions::flags(
                purpose,
                &home,
                &[dir.socket(), dir.pulse_socket(), dir.calls_socket()],
                &dir.egress_socket(),
                &shared.denied_addresses,
            )
        } else {
            permissions::everything()
        })
        .arg(assets.worker())
        .arg(dir.socket())
        .arg(dir.pulse_socket())
        .arg(dir.calls_socket())
        .args(dir.answer_pipes())
        .env("DENO_DIR", dir.deno_dir())
        .env("DENO_NO_UPDATE_CHECK", "1")
        .env("DENO_TLS_CA_STORE", "mozilla,system")
        .env("NO_COLOR", "1")
        .env("TZ", "UTC");
    let rights = FileRights {
        read: vec![assets.dir().to_path_buf()],
        execute: vec![deno.clone()],
        write: vec![home],
    };
    let mut confinement = Confinement::new(
        &shared.sandbox,
        purpose,
        dir.user().map(|user| Identity { user, group: None }),
        &rights,
        max_data_bytes,
    )?;
    if let Some(group) = dir.group() {
        confinement = confinement.join(group)?;
    }
    launch.command(confinement)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_folder_goes_when_its_writer_is_done() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("worker");
        let compiled = CodeCache::take(root.path(), root.path().join("compiled")).unwrap();
        // One thread, which has something else to do at first.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (go_on, told) = std::sync::mpsc::channel::<()>();
            let other = tokio::task::spawn_blocking(move || told.recv());
            let dir = WorkerDir::create(path.clone(), None, None).unwrap();
            let given_up = tokio::time::timeout(Duration::ZERO, dir.filled(compiled)).await;
            assert!(given_up.is_err());
            assert!(path.exists());
            go_on.send(()).unwrap();
            other.await.unwrap().unwrap();
            tokio::task::spawn_blocking(|| {}).await.unwrap();
            assert!(!path.exists());
        });
    }
}
