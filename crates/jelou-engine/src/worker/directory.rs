//! The private folder of one worker: its home, its sockets and its pipes.

use std::fs::{File, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;

use jelou_sandbox::{ControlGroup, CpuShare, LentUser, ProcessUser, cores};
use rustix::fs::{FileType, Mode, OFlags};
use tokio::net::UnixListener;

use super::code_cache::CodeCache;

/// Threads with a pipe of their own for a worker's answers; the other threads get them on their sockets.
const MAX_ANSWER_PIPES: usize = 8;

/// The private folder of one worker and its control group. Dropping it removes both.
#[derive(Debug)]
pub(super) struct WorkerDir {
    path: PathBuf,
    /// Dropped after the folder is removed, so that no other process gets the id while files have it.
    user: Option<LentUser>,
    group: Option<ControlGroup>,
}

impl WorkerDir {
    /// Creates the folder. With a user id of its own, the process can enter the folder and write to its home, and no
    /// other process can.
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
        Ok(dir)
    }

    /// Copies the code cache into the folder. The copying task owns the folder, so that a cancelled start removes it after
    /// the last file and not while files are written.
    pub(super) async fn with_code_cache(self, cache: CodeCache) -> std::io::Result<Self> {
        // Some megabytes: too slow for a thread of the runtime.
        let filling = tokio::task::spawn_blocking(move || {
            cache.provide(&self.deno_dir(), self.user())?;
            Ok(self)
        });
        filling.await.map_err(std::io::Error::other)?
    }

    /// Listens for the connections that the process opens to the functions domain.
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

    /// Does nothing without a control group.
    pub(super) fn set_share(&self, share: CpuShare) {
        if let Some(Err(error)) = self.group.as_ref().map(|group| group.set_share(share)) {
            tracing::debug!(%error, "cannot weigh a control group");
        }
    }

    pub(super) fn user(&self) -> Option<ProcessUser> {
        self.user.as_ref().map(LentUser::user)
    }

    /// The process may write here while it starts.
    pub(super) fn home(&self) -> PathBuf {
        self.path.join("w")
    }

    /// `DENO_DIR` of the process.
    pub(super) fn deno_dir(&self) -> PathBuf {
        self.home().join("deno")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.home().join("sock")
    }

    /// Socket of the heartbeat.
    pub(super) fn heartbeat_socket(&self) -> PathBuf {
        self.home().join("heartbeat")
    }

    /// Socket of the call channel.
    pub(super) fn calls_socket(&self) -> PathBuf {
        self.home().join("calls")
    }

    /// Creates the pipes for the call channel's answers, and opens the server's end before the process starts.
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

    /// Separate from the home, so that the process cannot replace its egress socket.
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
