//! The local copy of the state on the disk of this server, from which it starts when the database is away.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jelou_store::{LocalCopyError, Position, Snapshot, Vault, open_local_copy};
use jiff::Timestamp;

use crate::control::Control;
use crate::data_dir::DataDir;
use crate::registry::RuntimeTokens;

/// The shortest pause between two copies.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause after a copy, relative to the duration of the copy, because each copy reads the whole state from the
/// database.
const PAUSE_FACTOR: u32 = 20;
/// How often the server writes that the copy is still current.
const SEEN_PERIOD: Duration = Duration::from_secs(10);

/// The two files of a local copy.
#[derive(Debug, Clone)]
pub(crate) struct LocalCopy {
    /// The program and the database: a copy is read only by the program that has written it, for the same database.
    origin: String,
    state: PathBuf,
    seen: PathBuf,
}

/// Why there is no local copy to start from.
#[derive(Debug, thiserror::Error)]
pub enum ReadCopyError {
    #[error("there is no local copy `{path}`")]
    Missing { path: PathBuf },
    #[error("cannot read the local copy `{path}`")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the local copy `{path}` cannot be used")]
    Unusable {
        path: PathBuf,
        #[source]
        source: LocalCopyError,
    },
}

impl LocalCopy {
    /// `database`: host, port and database.
    pub(crate) fn of(data: &DataDir, database: &str) -> Self {
        Self {
            origin: format!("{} of {database}", env!("CARGO_PKG_VERSION")),
            state: data.path().join("state.copy"),
            seen: data.path().join("state.seen"),
        }
    }

    /// Deletes the files.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for path in [&self.state, &self.seen] {
            match fs_err::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the state, and the time at which it was last known to equal the database.
    pub(crate) fn read(
        &self,
        vault: &Vault,
    ) -> Result<(Snapshot<RuntimeTokens>, Timestamp), ReadCopyError> {
        let path = || self.state.clone();
        let io = |source| ReadCopyError::Io {
            path: path(),
            source,
        };
        let state = match std::fs::read(&self.state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ReadCopyError::Missing { path: path() });
            }
            read => read.map_err(io)?,
        };
        // Missing if the server was killed after its first copy.
        let seen = std::fs::read(&self.seen).ok();
        open_local_copy(vault, &self.origin, &state, seen.as_deref()).map_err(|source| {
            ReadCopyError::Unusable {
                path: path(),
                source,
            }
        })
    }

    /// Updates the copy after changes. Never returns.
    pub(crate) async fn keep(self, control: Arc<Control>) {
        let mut keeper = Keeper {
            copy: self,
            control,
            written: None,
            noted: None,
            fails: false,
        };
        let mut pause = PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            let began = Instant::now();
            let kept = keeper.keep().await;
            if let Err(error) = &kept
                && !keeper.fails
            {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "cannot keep a local copy of the state"
                );
            }
            keeper.fails = kept.is_err();
            pause = PAUSE.max(PAUSE_FACTOR * began.elapsed());
        }
    }
}

struct Keeper {
    copy: LocalCopy,
    control: Arc<Control>,
    /// The position of the state on the disk.
    written: Option<Position>,
    /// When the server last wrote that the copy is current.
    noted: Option<Instant>,
    /// Whether the last attempt failed.
    fails: bool,
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Copy(#[from] LocalCopyError),
    #[error("cannot write it")]
    Write(#[from] io::Error),
}

impl Keeper {
    async fn keep(&mut self) -> Result<(), KeepError> {
        // While the database is away, the copy stays as it is.
        let Some((position, at)) = self.control.confirmed_position().await else {
            return Ok(());
        };
        if self.written.as_ref() != Some(&position) {
            let sealed = self.control.store.seal_state(&self.copy.origin).await?;
            write(&self.copy.state, sealed.bytes).await?;
            self.written = Some(sealed.position);
        } else if self.noted.is_none_or(|at| at.elapsed() >= SEEN_PERIOD) {
            let sealed = self.control.store.seal_seen(position, at)?;
            write(&self.copy.seen, sealed).await?;
            self.noted = Some(Instant::now());
        }
        Ok(())
    }
}

/// Replaces the file, so that a crash leaves either the old or the new content.
async fn write(path: &Path, content: Vec<u8>) -> io::Result<()> {
    let path = path.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new()
            .prefix(".copy-")
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        file.write_all(&content)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    });
    written.await.map_err(io::Error::other)?
}
