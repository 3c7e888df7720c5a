//! The file of a backup: stdin, stdout, or a file that appears only when it is complete.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::exit::Failure;

const STREAM: &str = "-";

/// Opens the input of a command.
pub(crate) struct Input;

impl Input {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
        if path == Path::new(STREAM) {
            return Ok(Box::new(io::stdin()));
        }
        Ok(Box::new(BufReader::new(fs_err::File::open(path)?)))
    }
}

/// Where a backup is written to.
pub(super) enum Target<'a> {
    Stdout,
    File {
        path: &'a Path,
        force: bool,
        /// Next to the final file, with mode 0600.
        unfinished: BufWriter<NamedTempFile>,
    },
}

impl<'a> Target<'a> {
    pub(super) fn create(path: &'a Path, force: bool) -> anyhow::Result<Self> {
        if path == Path::new(STREAM) {
            return Ok(Self::Stdout);
        }
        if !force && path.symlink_metadata().is_ok() {
            return Err(exists(path).into());
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let unfinished = NamedTempFile::new_in(folder)
            .with_context(|| format!("cannot write to `{}`", folder.display()))?;
        Ok(Self::File {
            path,
            force,
            unfinished: BufWriter::new(unfinished),
        })
    }

    /// Makes a complete file appear under its name, and returns its size in bytes. Returns `None` for stdout.
    pub(super) fn finish(self) -> anyhow::Result<Option<u64>> {
        let Self::File {
            path,
            force,
            unfinished,
        } = self
        else {
            return Ok(None);
        };
        let file = unfinished
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        let bytes = file.as_file().metadata()?.len();
        if force {
            file.persist(path).map_err(|error| error.error)?;
        } else {
            file.persist_noclobber(path)
                .map_err(|error| match error.error.kind() {
                    io::ErrorKind::AlreadyExists => anyhow::Error::from(exists(path)),
                    _ => error.error.into(),
                })?;
        }
        Ok(Some(bytes))
    }
}

impl Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout => io::stdout().write(bytes),
            Self::File { unfinished, .. } => unfinished.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().flush(),
            Self::File { unfinished, .. } => unfinished.flush(),
        }
    }
}

fn exists(path: &Path) -> Failure {
    Failure::conflict(format!("`{}` exists", path.display()))
        .hint("choose another name, or replace it with `--force`")
}
