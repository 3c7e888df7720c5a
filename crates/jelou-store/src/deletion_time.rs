//! The time before which rows must have expired, so that they can be deleted.
//!
//! The clock of one server may be wrong. A server whose clock is ahead must not delete what the others still need: the
//! record of a used identity token, a key that signs, a preview that is served. Nor may it start runs early.

use jiff::{SignedDuration, Timestamp};

use crate::database::{Connection, DatabaseError};
use crate::error::StoreError;
use crate::store::Store;

/// Maximum time by which the clock of another server may be behind. Rows are deleted only this long after their expiry.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

impl Store {
    /// Returns a time that has passed on every server of the database. If no other server uses the database, this is
    /// this server's time.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn deletion_time(&self) -> Result<Timestamp, StoreError> {
        let mut connection = self.database.snapshot().await?;
        self.deletion_time_in(&mut connection).await
    }

    /// Like [`Self::deletion_time`], in a transaction.
    pub(crate) async fn deletion_time_in(
        &self,
        connection: &mut Connection,
    ) -> Result<Timestamp, StoreError> {
        let agreed = self.agreed_time_in(connection).await?;
        Ok(if self.is_shared() {
            agreed - MARGIN
        } else {
            agreed
        })
    }

    /// Returns the latest time, in milliseconds, that another server of the database may have now.
    pub(crate) async fn latest_time(&self, connection: &mut Connection) -> Result<i64, StoreError> {
        if !self.is_shared() {
            return Ok(i64::MAX);
        }
        let stored_ms = self.now_of(connection).await?;
        Ok(stored_ms.saturating_add(i64::try_from(MARGIN.as_millis()).unwrap_or(0)))
    }

    /// Returns the earlier one of the times of this server and of the database. If no other server uses the database,
    /// this is this server's time.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn agreed_time(&self) -> Result<Timestamp, StoreError> {
        if !self.is_shared() {
            return Ok(self.clock.now());
        }
        let mut connection = self.database.snapshot().await?;
        self.agreed_time_in(&mut connection).await
    }

    /// Like [`Self::agreed_time`], in a transaction.
    pub(crate) async fn agreed_time_in(
        &self,
        connection: &mut Connection,
    ) -> Result<Timestamp, StoreError> {
        let own = self.clock.now();
        if !self.is_shared() {
            return Ok(own);
        }
        let stored = Timestamp::from_millisecond(self.now_of(connection).await?)
            .map_err(|error| DatabaseError::corrupt("now", error))?;
        Ok(own.min(stored))
    }
}
