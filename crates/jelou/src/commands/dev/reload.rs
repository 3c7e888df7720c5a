//! Reloads one project after each change of its files, and checks its types after a pause.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jelou_server::{DevelopedFunction, Project, ReloadError, Reloaded};
use tokio::sync::mpsc;

use super::source::Source;
use crate::exit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A file may have changed.
    Saved,
    /// The developer requested a reload.
    Asked,
}

/// The pause between a successful load and the type check. Another successful load restarts the pause, so that the
/// check rarely slows down loads.
const UNCHANGED: Duration = Duration::from_millis(700);

/// An event of a function that the developer should see.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The index of the function.
    pub(super) function: usize,
    pub(super) of: Step,
}

#[derive(Debug)]
pub(super) enum Step {
    Load {
        result: Result<Reloaded, ReloadError>,
        began: Instant,
    },
    /// A failed type check, or the first successful one after a failed one.
    Types(Result<(), ReloadError>),
}

/// Loads the project now and after each change, until the receiver of `outcomes` is dropped.
pub(super) async fn follow(
    position: usize,
    function: Arc<DevelopedFunction>,
    source: Source,
    mut changes: mpsc::UnboundedReceiver<Change>,
    outcomes: mpsc::UnboundedSender<Outcome>,
    began: Instant,
) {
    let mut known: Option<Arc<Project>> = None;
    // The last reported reason why the project could not be read. `None` if the last report was a different one.
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
                // An unfinished build uses older files. It is dropped here.
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

/// Checks types after the pause [`UNCHANGED`].
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
    /// The loaded project, or `None` if it could not be read.
    project: Option<Arc<Project>>,
    began: Instant,
}

/// Reads the project and loads it. Returns `None` if the project equals `known`.
async fn load(
    function: &DevelopedFunction,
    source: &Source,
    known: Option<Arc<Project>>,
    began: Instant,
) -> Option<Loaded> {
    let read = tokio::task::block_in_place(|| {
        let project = source.read()?;
        source.write_types(&project);
        anyhow::Ok(project)
    });
    let (result, project) = match read {
        Ok(project) if known.as_deref() == Some(&project) => return None,
        Ok(project) => (function.reload(&project).await, Some(Arc::new(project))),
        Err(error) => (
            Err(function.refuse(format!("{error:#}"), exit::hint_of(&error))),
            None,
        ),
    };
    Some(Loaded {
        result,
        project,
        began,
    })
}
