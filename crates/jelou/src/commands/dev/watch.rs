//! Watches the files of a project for changes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ignore::WalkBuilder;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// The files must be unchanged for this long before a change is reported, because editors write a file in several
/// steps, and programs write several files.
const QUIET: Duration = Duration::from_millis(15);
/// Folders with many files that do not belong to the project.
const SKIPPED: [&str; 3] = ["node_modules", ".git", ".jelou"];

/// Watches the folders of a project, not its files: an editor that saves by renaming replaces the file.
#[derive(Debug)]
pub(super) struct Watch {
    root: PathBuf,
    watcher: RecommendedWatcher,
    watched: HashSet<PathBuf>,
    changes: mpsc::UnboundedReceiver<()>,
}

impl Watch {
    /// Starts to watch the folder, and the parent folder of `file`, which may be elsewhere.
    pub(super) fn start(root: &Path, file: Option<&Path>) -> notify::Result<Self> {
        let (sender, changes) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let is_change = event.map_or(true, |event| {
                !event.kind.is_access() && !event.paths.iter().all(|path| is_skipped(path))
            });
            if is_change {
                // Fails only if the receiver was dropped.
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

    /// Waits for a change, and then until the files no longer change.
    pub(super) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // Does not happen: the watcher, which has the sender, lives as long as `self`.
            std::future::pending::<()>().await;
        }
        while let Ok(Some(())) = tokio::time::timeout(QUIET, self.changes.recv()).await {}
        // Forgets removed folders, so that they are watched again when they return, and watches new ones.
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
            // The folder may have been removed meanwhile. Then the watch of its parent reports a change.
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
