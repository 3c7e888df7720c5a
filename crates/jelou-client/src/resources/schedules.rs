//! Operations on schedules of a function and on their runs.

use jelou_core::api::{List, Run, RunPage, RunState, ScheduleInfo, StartRun, UpdateSchedule};
use jelou_core::{RunId, Slug};

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

/// The API's name for all schedules of a function.
const ALL: &str = "*";

impl Client {
    /// Returns the operations on a function's schedules.
    pub fn schedules(&self, slug: &Slug) -> Schedules<'_> {
        Schedules {
            client: self,
            slug: slug.clone(),
        }
    }
}

/// The operations on a function's schedules.
#[derive(Debug)]
pub struct Schedules<'a> {
    client: &'a Client,
    slug: Slug,
}

/// Selects runs. Default: the newest runs of all schedules.
#[derive(Debug, Clone, Default)]
pub struct RunsQuery {
    pub schedule: Option<String>,
    pub state: Option<RunState>,
    /// Maximum number of runs. The server has a default and a limit.
    pub limit: Option<u32>,
    /// Only runs older than this one.
    pub before: Option<RunId>,
}

impl Schedules<'_> {
    /// Lists the schedules of the live deployment, each with `next` due times.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self, next: u32) -> Result<Vec<ScheduleInfo>, ClientError> {
        let list: List<ScheduleInfo> = self.client.get(&self.collection().query("next", next))?;
        Ok(list.items)
    }

    /// Pauses or resumes a schedule, or all schedules of the function if `schedule` is `None`.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn set_paused(
        &self,
        schedule: Option<&str>,
        paused: bool,
    ) -> Result<Vec<ScheduleInfo>, ClientError> {
        let path = self.collection().segment(schedule.unwrap_or(ALL));
        let update = UpdateSchedule {
            paused: Some(paused),
        };
        let list: List<ScheduleInfo> = self.client.patch(&path, &update)?;
        Ok(list.items)
    }

    /// Starts a run now. `at` is the due time that the function gets.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn start_run(&self, schedule: &str, at: Option<String>) -> Result<Run, ClientError> {
        let path = self.collection().segment(schedule).segment("runs");
        self.client.post(&path, &StartRun { at })
    }

    /// Returns a page of runs, newest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn runs(&self, query: &RunsQuery) -> Result<RunPage, ClientError> {
        let mut path = self.runs_collection();
        if let Some(schedule) = &query.schedule {
            path = path.query("schedule", schedule);
        }
        if let Some(state) = query.state {
            path = path.query("state", state);
        }
        if let Some(limit) = query.limit {
            path = path.query("limit", limit);
        }
        if let Some(before) = &query.before {
            path = path.query("before", before);
        }
        self.client.get(&path)
    }

    /// Returns one run.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn run(&self, id: &RunId) -> Result<Run, ClientError> {
        self.client
            .get(&self.runs_collection().segment(id.as_str()))
    }

    fn collection(&self) -> Path {
        function(&self.slug).segment("schedules")
    }

    fn runs_collection(&self) -> Path {
        function(&self.slug).segment("runs")
    }
}
