//! The private folder of one worker: its home, its sockets and pipes, and the files of its function.

use std::fs::{File, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;

use jelou_sandbox::{ControlGroup, CpuShare, LentUser, ProcessUser, cores};
use rustix::fs::{FileType, Mode, OFlags};
use tokio::net::UnixListener;

use super::code_cache::CodeCache;

/// Maximum number of answer pipes of a worker. A thread of the server that gets no pipe reads the answers from the
/// socket.
const MAX_ANSWER_PIPES: usize = 8;

/// A worker's private folder and its control group. Dropping it removes both.
#[derive(Debug)]
pub(super) struct WorkerDir {
    path: PathBuf,
    /// The user id. It is returned after the folder is removed, so that no other process gets the id while files still
    /// belong to it.
    user: Option<LentUser>,
    group: Option<ControlGroup>,
}

impl WorkerDir {
    /// Creates the folder. If the process has its own user id, no other process can enter the folder.
    pub(super) fn create(
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
        // The server remains the owner of this folder, so a process that runs under a user id of its own can only read
        // it.
        std::fs::DirBuilder::new().create(dir.function())?;
        fs_err::set_permissions(dir.function(), Permissions::from_mode(0o755))?;
        Ok(dir)
    }

    /// Copies the code cache into the folder. The task that copies owns the folder, so that a cancelled start removes
    /// the folder only after the last file is written.
    pub(super) async fn with_code_cache(self, cache: CodeCache) -> std::io::Result<Self> {
        // The cache is several megabytes, so copying it would block a thread of the runtime.
        let filling = tokio::task::spawn_blocking(move || {
            cache.provide(&self.deno_dir(), self.user())?;
            Ok(self)
        });
        filling.await.map_err(std::io::Error::other)?
    }

    /// Opens the egress socket, which listens for connections from the process.
    pub(super) fn listen_egress(&self) -> std::io::Result<UnixListener> {
        let listener = UnixListener::bind(self.egress_socket())?;
        if let Some(user) = self.user() {
            user.admit(&self.egress_socket())?;
            fs_err::set_permissions(self.egress_socket(), Permissions::from_mode(0o660))?;
        }
        Ok(listener)
    }

    pub(super) fn group(&self) -> Option<&ControlGroup> {
        self.group.as_ref()
    }

    /// Sets the processor share of the process. Does nothing without a control group.
    pub(super) fn set_share(&self, share: CpuShare) {
        if let Some(Err(error)) = self.group.as_ref().map(|group| group.set_share(share)) {
            tracing::debug!(%error, "cannot set the CPU weight of a control group");
        }
    }

    pub(super) fn user(&self) -> Option<ProcessUser> {
        self.user.as_ref().map(LentUser::user)
    }

    /// Returns the file that the worker creates when it waits for a debugger.
    pub(super) fn waiting_file(&self) -> PathBuf {
        self.home().join("waiting")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.path.join("w")
    }

    /// Returns the working directory, with the bundle and its assets. The process can always read it.
    pub(super) fn function(&self) -> PathBuf {
        self.path.join("function")
    }

    /// Returns the `DENO_DIR` of the process.
    pub(super) fn deno_dir(&self) -> PathBuf {
        self.home().join("deno")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.home().join("sock")
    }

    /// Returns the path of the heartbeat's socket.
    pub(super) fn heartbeat_socket(&self) -> PathBuf {
        self.home().join("heartbeat")
    }

    /// Returns the path of the call channel's socket.
    pub(super) fn calls_socket(&self) -> PathBuf {
        self.home().join("calls")
    }

    /// Creates the answer pipes of the call channel, and opens the server's ends. Must be called before the process
    /// starts.
    pub(super) fn make_answer_pipes(&self) -> std::io::Result<Vec<File>> {
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

    pub(super) fn answer_pipes(&self) -> impl Iterator<Item = PathBuf> {
        let home = self.home();
        (0..cores().clamp(1, MAX_ANSWER_PIPES))
            .map(move |number| home.join(format!("answers{number}")))
    }

    /// Returns the folder of the egress socket. It is outside of the home, so that the process cannot replace the
    /// socket.
    fn egress_dir(&self) -> PathBuf {
        self.path.join("e")
    }

    pub(super) fn egress_socket(&self) -> PathBuf {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_folder_is_removed_when_its_writer_is_done() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("worker");
        let cache = CodeCache::take(root.path(), root.path().join("cache")).unwrap();
        // One thread, which is busy at first.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (go_on, told) = std::sync::mpsc::channel::<()>();
            let other = tokio::task::spawn_blocking(move || told.recv());
            let dir = WorkerDir::create(path.clone(), None, None).unwrap();
            let given_up = tokio::time::timeout(Duration::ZERO, dir.with_code_cache(cache)).await;
            assert!(given_up.is_err());
            assert!(path.exists());
            go_on.send(()).unwrap();
            other.await.unwrap().unwrap();
            tokio::task::spawn_blocking(|| {}).await.unwrap();
            assert!(!path.exists());
        });
    }
}
