//! Tells when files of the project change.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ignore::WalkBuilder;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// After a change, the time without another one. Editors write a file in several steps, and programs write several files.
const QUIET: Duration = Duration::from_millis(15);
/// Folders that hold no files of the project, and many files.
const SKIPPED: [&str; 3] = ["node_modules", ".git", ".jelou"];

/// Watches the folders of a project: an editor that saves by renaming replaces the file, so files themselves are not
/// watched.
#[derive(Debug)]
pub(super) struct Watch {
    root: PathBuf,
    watcher: RecommendedWatcher,
    watched: HashSet<PathBuf>,
    changes: mpsc::UnboundedReceiver<()>,
}

impl Watch {
    /// Watches the folder and, outside of it, the folder of another file.
    pub(super) fn start(root: &Path, file: Option<&Path>) -> notify::Result<Self> {
        let (sender, changes) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let is_change = event.map_or(true, |event| {
                !event.kind.is_access() && !event.paths.iter().all(|path| is_skipped(path))
            });
            if is_change {
                // Fails only when nobody watches any more.
                let _ = sender.send(());
            }
        })?;
        let mut watch = Self {
            root: root.to_path_buf(),
            watcher,
            watched: HashSet::new(),
            changes,
        };
        watch.add_folders();
        if let Some(folder) = file.and_then(Path::parent) {
            watch.add(folder);
        }
        Ok(watch)
    }

    /// Waits for a change, and until the files are quiet again.
    pub(super) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // The watcher lives as long as this value.
            std::future::pending::<()>().await;
        }
        while let Ok(Some(())) = tokio::time::timeout(QUIET, self.changes.recv()).await {}
        // Folders that are new, and folders that were replaced.
        self.watched.retain(|folder| folder.is_dir());
        self.add_folders();
    }

    fn add_folders(&mut self) {
        let folders = WalkBuilder::new(&self.root)
            .standard_filters(false)
            .filter_entry(|entry| {
                entry.file_type().is_some_and(|kind| kind.is_dir()) && !is_skipped(entry.path())
            })
            .build();
        for folder in folders.filter_map(Result::ok) {
            self.add(folder.path());
        }
    }

    fn add(&mut self, folder: &Path) {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        if self.watched.contains(folder) {
            return;
        }
        match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched.insert(folder.to_path_buf());
            }
            // It may be gone already; a change of its parent is noticed.
            Err(error) => tracing::debug!(%error, folder = %folder.display(), "cannot watch"),
        }
    }
}

fn is_skipped(path: &Path) -> bool {
    path.components().any(|part| {
        let part = part.as_os_str();
        SKIPPED.iter().any(|skipped| part == *skipped)
    })
}
