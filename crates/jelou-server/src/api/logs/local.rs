//! Reads pages of the records of this server.

use std::io;
use std::sync::Arc;

use jelou_core::FunctionId;
use jelou_logs::{CallSums, GroupBy, Page, Query, TokenNames, Watch};
use tokio::sync::Semaphore;

use crate::api::app::App;
use crate::api::problem::ApiError;
use crate::control::ControlError;

/// Maximum bytes of records in one page.
pub(super) const PAGE_BYTES: usize = 256 * 1024;
/// Limits how many pages are read at the same time for all clients.
static READERS: Semaphore = Semaphore::const_new(4);

/// Which records a page has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Read {
    /// This number of the last records.
    Last(usize),
    /// The first records after this sequence number.
    After(u64),
}

/// Reads records of this server for one request.
pub(super) struct Reading {
    pub(super) control: App,
    pub(super) function: FunctionId,
    query: Arc<Query>,
    names: Arc<TokenNames>,
    pub(super) watch: Watch,
}

impl Reading {
    pub(super) async fn new(
        control: App,
        function: FunctionId,
        query: Query,
    ) -> Result<Self, ApiError> {
        let names = token_names(&control, &function).await?;
        let (logs, id) = (control.logs.clone(), function.clone());
        let watch = blocking(move || logs.watch(&id))
            .await
            .map_err(|error| unreadable(&error))?;
        Ok(Self {
            control,
            function,
            query: Arc::new(query),
            names: Arc::new(names),
            watch,
        })
    }

    pub(super) async fn statistics(self, by: Vec<GroupBy>) -> Result<CallSums, ApiError> {
        let Self {
            control,
            function,
            query,
            names,
            ..
        } = self;
        let logs = control.logs.clone();
        let sums = blocking(move || logs.statistics(&function, &query, &names, &by)).await;
        sums.map_err(|error| unreadable(&error))
    }

    /// Reads a page. If it contains calls of an unknown (new) token, reloads the names of tokens and reads the page
    /// again.
    pub(super) async fn read(&mut self, read: Read) -> io::Result<Page> {
        let page = self.read_once(read).await?;
        if !page.has_unknown_token {
            return Ok(page);
        }
        match token_names(&self.control, &self.function).await {
            Ok(names) if names.len() != self.names.len() => {
                self.names = Arc::new(names);
                self.read_once(read).await
            }
            _ => Ok(page),
        }
    }

    async fn read_once(&self, read: Read) -> io::Result<Page> {
        let logs = self.control.logs.clone();
        let function = self.function.clone();
        let query = Arc::clone(&self.query);
        let names = Arc::clone(&self.names);
        blocking(move || match read {
            Read::Last(count) => logs.last(&function, &query, &names, count),
            Read::After(cursor) => logs.page(&function, &query, &names, cursor, PAGE_BYTES),
        })
        .await
    }
}

async fn token_names(control: &App, function: &FunctionId) -> Result<TokenNames, ApiError> {
    let names = control.store.token_names(function).await;
    let names = names.map_err(ControlError::from)?.into_iter();
    Ok(names.map(|(id, name)| (id, name.to_string())).collect())
}

/// Runs a read on a thread for blocking work.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // The semaphore is never closed.
    let _turn = READERS.acquire().await;
    tokio::task::spawn_blocking(read)
        .await
        .map_err(io::Error::other)?
}

pub(super) fn unreadable(error: &io::Error) -> ApiError {
    tracing::warn!(%error, "cannot read the log of a function");
    ApiError::unreadable_log()
}
