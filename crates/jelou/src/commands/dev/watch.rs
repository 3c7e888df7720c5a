//! Watches the files of a project for changes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ignore::WalkBuilder;
use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
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
    /// The removed and renamed paths of each change.
    changes: mpsc::UnboundedReceiver<Vec<PathBuf>>,
}

impl Watch {
    /// Starts to watch the folder, and the parent folder of `file`, which may be elsewhere.
    pub(super) fn start(root: &Path, file: Option<&Path>) -> notify::Result<Self> {
        let (sender, changes) = mpsc::unbounded_channel();
        // Events have absolute paths.
        let root = std::path::absolute(root).map_err(notify::Error::io)?;
        let base = root.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let gone = match event {
                Ok(event) if event.kind.is_access() => return,
                Ok(event) if event.paths.iter().all(|path| is_skipped(&base, path)) => return,
                Ok(event) if is_removal(event.kind) => event.paths,
                Ok(_) | Err(_) => Vec::new(),
            };
            // Fails only if the receiver was dropped.
            let _ = sender.send(gone);
        })?;
        let mut watch = Self {
            root,
            watcher,
            watched: HashSet::new(),
            changes,
        };
        watch.add_folders();
        if let Some(file) = file {
            let file = std::path::absolute(file).map_err(notify::Error::io)?;
            watch.add(file.parent().unwrap_or(&file));
        }
        Ok(watch)
    }

    /// Waits for a change, and then until the files no longer change.
    pub(super) async fn changed(&mut self) {
        let Some(mut gone) = self.changes.recv().await else {
            // Cannot happen: the watcher, which has the sender, lives as long as `self`.
            return std::future::pending().await;
        };
        while let Ok(Some(more)) = tokio::time::timeout(QUIET, self.changes.recv()).await {
            gone.extend(more);
        }
        // Drops removed folders from the list, and watches new ones. If a removed folder exists again, its old watch
        // has ended.
        self.watched
            .retain(|folder| folder.is_dir() && !gone.iter().any(|path| folder.starts_with(path)));
        self.add_folders();
    }

    fn add_folders(&mut self) {
        let root = self.root.clone();
        let folders = WalkBuilder::new(&self.root)
            .standard_filters(false)
            .filter_entry(move |entry| {
                let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
                is_folder && !is_skipped(&root, entry.path())
            })
            .build();
        for folder in folders.filter_map(Result::ok) {
            self.add(folder.path());
        }
    }

    fn add(&mut self, folder: &Path) {
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

fn is_removal(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
    )
}

/// Whether the path is in a skipped folder. The folders above the project do not count.
fn is_skipped(root: &Path, path: &Path) -> bool {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.components().any(|part| {
        let part = part.as_os_str();
        SKIPPED.iter().any(|skipped| part == *skipped)
    })
}
