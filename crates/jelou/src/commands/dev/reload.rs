//! Loads one project again after each change of its files, and checks its types when nothing changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// After a load, the time without a change until the types are checked. The check must not slow the next load.
const UNCHANGED: Duration = Duration::from_millis(700);

/// What the developer gets to know of a function.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The position of the function.
    pub(super) function: usize,
    pub(super) of: Step,
}

#[derive(Debug)]
pub(super) enum Step {
    Load {
        result: Result<Reloaded, ReloadError>,
        began: Instant,
    },
    /// A check of types that fails, or the first one after it that does not.
    Types(Result<(), ReloadError>),
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
    // Why the project could not be read, if that was shown last.
    let mut unreadable: Option<String> = None;
    let mut has_wrong_types = false;
    let mut loading = Box::pin(load(&function, &source, None, began));
    let mut is_loading = true;
    let mut checking = Box::pin(check(&function, None));
    let mut is_checking = false;
    loop {
        let of = tokio::select! {
            loaded = &mut loading, if is_loading => {
                is_loading = false;
                let Some(Loaded { result, project, began }) = loaded else {
                    continue;
                };
                let reason = match (&result, &project) {
                    (Err(error), None) => Some(error.message.clone()),
                    _ => None,
                };
                if result.is_ok() {
                    checking.set(check(&function, project.clone()));
                    is_checking = true;
                }
                known = project;
                if reason.is_some() && reason == unreadable {
                    continue;
                }
                unreadable = reason;
                Step::Load { result, began }
            }
            checked = &mut checking, if is_checking => {
                is_checking = false;
                let was_wrong = std::mem::replace(&mut has_wrong_types, checked.is_err());
                if !has_wrong_types && !was_wrong {
                    continue;
                }
                Step::Types(checked)
            }
            change = changes.recv() => {
                let Some(change) = change else { return };
                let known = known.clone().filter(|_| change == Change::Saved);
                unreadable = unreadable.filter(|_| change == Change::Saved);
                // An unfinished build is of older files. It is dropped.
                loading.set(load(&function, &source, known, Instant::now()));
                is_loading = true;
                continue;
            }
        };
        let outcome = Outcome {
            function: position,
            of,
        };
        if outcomes.send(outcome).is_err() {
            return;
        }
    }
}

/// Checks types after a while.
async fn check(
    function: &DevelopedFunction,
    project: Option<Arc<Project>>,
) -> Result<(), ReloadError> {
    let Some(project) = project else {
        return Ok(());
    };
    tokio::time::sleep(UNCHANGED).await;
    function.check_types(&project).await
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
