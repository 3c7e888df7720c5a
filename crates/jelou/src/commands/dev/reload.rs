//! Loads one project again after each change of its files.

use std::sync::Arc;
use std::time::Instant;

use jelou_server::{DevelopedFunction, Project, ReloadError, Reloaded};
use tokio::sync::mpsc;

use super::source::Source;

/// Why to load again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A file may have changed.
    Saved,
    /// The developer asks for it.
    Asked,
}

/// How a load ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The position of the function.
    pub(super) function: usize,
    pub(super) result: Result<Reloaded, ReloadError>,
    pub(super) began: Instant,
}

/// Loads the project now, and after each change, until nobody wants to know.
pub(super) async fn follow(
    position: usize,
    function: Arc<DevelopedFunction>,
    source: Source,
    mut changes: mpsc::UnboundedReceiver<Change>,
    outcomes: mpsc::UnboundedSender<Outcome>,
    began: Instant,
) {
    let mut known: Option<Arc<Project>> = None;
    let mut loading = Box::pin(load(&function, &source, None, began));
    let mut is_loading = true;
    loop {
        tokio::select! {
            loaded = &mut loading, if is_loading => {
                is_loading = false;
                let Some(Loaded { result, project, began }) = loaded else {
                    continue;
                };
                known = project;
                let outcome = Outcome { function: position, result, began };
                if outcomes.send(outcome).is_err() {
                    return;
                }
            }
            change = changes.recv() => {
                let Some(change) = change else { return };
                let known = known.clone().filter(|_| change == Change::Saved);
                // An unfinished build is of older files. It is dropped.
                loading.set(load(&function, &source, known, Instant::now()));
                is_loading = true;
            }
        }
    }
}

struct Loaded {
    result: Result<Reloaded, ReloadError>,
    /// What was loaded; `None` if it could not be read.
    project: Option<Arc<Project>>,
    began: Instant,
}

/// Reads the project and loads it. `None` if it is the one that is known already.
async fn load(
    function: &DevelopedFunction,
    source: &Source,
    known: Option<Arc<Project>>,
    began: Instant,
) -> Option<Loaded> {
    let read = tokio::task::block_in_place(|| source.read());
    let (result, project) = match read {
        Ok(project) if known.as_deref() == Some(&project) => return None,
        Ok(project) => (function.reload(&project).await, Some(Arc::new(project))),
        Err(error) => (Err(function.refuse(&format!("{error:#}"))), None),
    };
    Some(Loaded {
        result,
        project,
        began,
    })
}
