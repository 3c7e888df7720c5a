//! The unpacked files of an artifact: the bundle and the assets, as a worker reads them.
//!
//! The files are written once, and every worker of the artifact gets hard links to them in its own folder. The
//! permissions of a worker name only this folder, because they are fixed before the worker's function is known.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use super::archive::AssetFiles;
use super::cache::{ArtifactCache, ArtifactError};
use super::compiled::CompiledBundle;

/// The file name of the bundle. An upload has no hidden files, so an asset cannot have this name.
const MODULE: &str = ".bundle.js";

/// Substrings that the engine searches for in a bundle. Each belongs to a feature. If the bundle contains the
/// substring, the worker prepares this feature before the import.
const WORDS: [&str; 6] = [
    "node:worker_threads",
    "node:http",
    "\"http\"",
    "\"https\"",
    "listen(",
    "serve(",
];

/// Minimum bytes of a bundle for which a code cache saves more time than it takes to pass the cache to a worker.
const WORTH_COMPILING: u64 = 64 * 1024;

/// The files of one artifact. Dropping it removes the files. Links in the folders of workers remain.
#[derive(Debug)]
pub(crate) struct Unpacked {
    folder: tempfile::TempDir,
    /// Paths of the files, relative to the folder `files` in `folder`.
    files: Vec<PathBuf>,
    bundle_bytes: u64,
    imports_node: bool,
    /// Whether a task compiles the bundle or has tried to.
    compiling: AtomicBool,
    /// The [`WORDS`] that the bundle contains.
    words: Vec<&'static str>,
}

impl Unpacked {
    /// Writes the files into a new folder in `parent`.
    pub(crate) fn write(parent: &Path, code: &str, assets: &AssetFiles) -> std::io::Result<Self> {
        fs_err::create_dir_all(parent)?;
        let folder = tempfile::tempdir_in(parent)?;
        let module = (MODULE, code.as_bytes());
        let assets = assets
            .iter()
            .map(|(path, content)| (path.as_str(), &content[..]));
        let files_dir = files_dir(&folder);
        let mut files = Vec::new();
        for (path, content) in assets.chain([module]) {
            let file = files_dir.join(path);
            if let Some(parent) = file.parent() {
                fs_err::create_dir_all(parent)?;
            }
            fs_err::write(&file, content)?;
            // The user of every process that gets a link must be able to read the file.
            fs_err::set_permissions(&file, Permissions::from_mode(0o444))?;
            files.push(PathBuf::from(path));
        }
        let words = WORDS
            .into_iter()
            .filter(|word| code.contains(word))
            .collect();
        Ok(Self {
            folder,
            files,
            bundle_bytes: code.len() as u64,
            imports_node: code.contains("node:"),
            compiling: AtomicBool::new(false),
            words,
        })
    }

    /// Returns the path of the bundle in a `folder` with links to the files.
    pub(crate) fn module_in(folder: &Path) -> PathBuf {
        folder.join(MODULE)
    }

    pub(crate) fn words(&self) -> &[&'static str] {
        &self.words
    }

    /// Returns whether the bundle probably imports modules of Node. A large bundle counts as well, because it may
    /// import them without `node:`.
    pub(crate) fn imports_node(&self) -> bool {
        self.imports_node || self.bundle_bytes >= WORTH_COMPILING
    }

    pub(crate) fn bundle_bytes(&self) -> u64 {
        self.bundle_bytes
    }

    /// Returns whether the caller should compile the bundle: it is large, and no other task compiles it or has tried
    /// to.
    pub(crate) fn begin_compiling(&self) -> bool {
        self.bundle_bytes >= WORTH_COMPILING
            && !self.compiled_file().exists()
            && !self.compiling.swap(true, Ordering::Relaxed)
    }

    /// Returns Deno's analysis and V8 code cache of the bundle, if it was compiled. Reads from disk each time, because
    /// the data can be several megabytes.
    pub(crate) fn compiled(&self) -> Option<CompiledBundle> {
        CompiledBundle::from_bytes(&fs_err::read(self.compiled_file()).ok()?)
    }

    /// Stores Deno's analysis and V8 code cache of the bundle, for later workers.
    pub(crate) fn keep_compiled(&self, compiled: &CompiledBundle) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(self.folder.path())?;
        file.write_all(&compiled.to_bytes()?)?;
        file.persist(self.compiled_file())?;
        Ok(())
    }

    fn compiled_file(&self) -> PathBuf {
        self.folder.path().join("compiled")
    }

    /// Links the files into an empty folder of the same file system.
    pub(crate) fn link_into(&self, folder: &Path) -> std::io::Result<()> {
        for path in &self.files {
            if let Some(parent) = path.parent() {
                create_folders(folder, parent)?;
            }
            let (from, to) = (files_dir(&self.folder).join(path), folder.join(path));
            // Not every file system has hard links, and some limit their number.
            if fs_err::hard_link(&from, &to).is_err() {
                fs_err::copy(&from, &to)?;
            }
        }
        Ok(())
    }
}

fn files_dir(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("files")
}

/// Creates the folders of `path` below `folder`, readable for every user.
fn create_folders(folder: &Path, path: &Path) -> std::io::Result<()> {
    let mut created = folder.to_path_buf();
    for segment in path {
        created.push(segment);
        if !created.is_dir() {
            fs_err::create_dir(&created)?;
            fs_err::set_permissions(&created, Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// The unpacked artifacts of one server.
#[derive(Debug)]
pub(crate) struct UnpackedArtifacts {
    artifacts: ArtifactCache,
    folder: PathBuf,
    known: Mutex<HashMap<String, Weak<Unpacked>>>,
    /// The permit to compile a bundle, one at a time.
    pub(crate) compiling: Semaphore,
}

impl UnpackedArtifacts {
    /// Creates an empty list. Artifacts are unpacked into `folder`.
    pub(crate) fn new(artifacts: ArtifactCache, folder: PathBuf) -> Self {
        Self {
            artifacts,
            folder,
            known: Mutex::default(),
            compiling: Semaphore::new(1),
        }
    }

    /// Returns the files of an artifact, and unpacks them if needed. The files exist until all copies of the result are
    /// dropped.
    pub(crate) async fn of(self: &Arc<Self>, hash: &str) -> Result<Arc<Unpacked>, ArtifactError> {
        if let Some(unpacked) = self.known(hash) {
            return Ok(unpacked);
        }
        let (own, hash) = (Arc::clone(self), hash.to_owned());
        // Reading, verifying and writing megabytes would block a thread of the runtime.
        let unpacking = tokio::task::spawn_blocking(move || own.unpack(hash));
        unpacking
            .await
            .map_err(|error| ArtifactError::Io(std::io::Error::other(error)))?
    }

    /// Returns the files of an artifact, if they are already unpacked.
    pub(crate) fn known(&self, hash: &str) -> Option<Arc<Unpacked>> {
        self.lock().get(hash).and_then(Weak::upgrade)
    }

    fn unpack(&self, hash: String) -> Result<Arc<Unpacked>, ArtifactError> {
        let (code, assets) = (self.artifacts.code(&hash)?, self.artifacts.assets(&hash)?);
        let unpacked = Arc::new(Unpacked::write(&self.folder, &code, &assets)?);
        if let Some(compiled) = self.artifacts.compiled(&hash) {
            unpacked.keep_compiled(&compiled)?;
        }
        let mut known = self.lock();
        known.retain(|_, other| other.strong_count() > 0);
        known.insert(hash, Arc::downgrade(&unpacked));
        Ok(unpacked)
    }

    /// Stores Deno's analysis and V8 code cache of an artifact's bundle, also for later unpacking.
    pub(crate) fn put_compiled(
        &self,
        hash: &str,
        unpacked: &Unpacked,
        compiled: &CompiledBundle,
    ) -> Result<(), ArtifactError> {
        unpacked.keep_compiled(compiled)?;
        self.artifacts.put_compiled(hash, compiled)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Weak<Unpacked>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::Bundle;

    fn bundle() -> Bundle {
        Bundle {
            code: "import \"node:worker_threads\"".to_owned(),
            source_map: "{}".to_owned(),
            assets: AssetFiles::from([
                (
                    "templates/es/a.html".to_owned(),
                    bytes::Bytes::from_static(b"<p>"),
                ),
                (
                    "index.js".to_owned(),
                    bytes::Bytes::from_static(b"alert(1)"),
                ),
            ]),
            compiled: None,
        }
    }

    #[tokio::test]
    async fn the_workers_of_an_artifact_share_its_files() {
        let root = tempfile::tempdir().unwrap();
        let artifacts = ArtifactCache::open(root.path().join("artifacts")).unwrap();
        artifacts.put("a1", &bundle()).unwrap();
        let folder = root.path().join("unpacked");
        let all = Arc::new(UnpackedArtifacts::new(artifacts, folder.clone()));
        let unpacked = all.of("a1").await.unwrap();
        assert!(Arc::ptr_eq(&unpacked, &all.of("a1").await.unwrap()));
        assert_eq!(unpacked.words(), ["node:worker_threads"]);
        let missing = all.of("b2").await;
        assert!(matches!(missing, Err(ArtifactError::Missing(_))));

        let function = root.path().join("function");
        fs_err::create_dir(&function).unwrap();
        unpacked.link_into(&function).unwrap();
        drop(unpacked);
        assert_eq!(fs_err::read_dir(&folder).unwrap().count(), 0);
        for (path, content) in [
            (MODULE, "import \"node:worker_threads\""),
            ("templates/es/a.html", "<p>"),
            ("index.js", "alert(1)"),
        ] {
            let file = function.join(path);
            assert_eq!(fs_err::read_to_string(&file).unwrap(), content);
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o444);
        }
    }
}
