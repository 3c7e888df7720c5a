//! Reads tables in which some rows may be unreadable, for instance because a newer version has written them.
//!
//! One such row must neither stop a server that follows the changes of others, nor hide the other rows of a list. So the
//! row is skipped and reported. A skipped token or trust policy gives no access.

use sqlx::any::AnyRow;

use crate::database::DatabaseError;
use crate::database::row::Columns as _;
use crate::error::StoreError;

/// Rows that can be read, and why the others cannot.
#[derive(Debug)]
pub struct Readable<T> {
    pub rows: Vec<T>,
    /// Each names the table, the column and the row.
    pub unreadable: Vec<DatabaseError>,
}

impl<T> Default for Readable<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}

impl<T> Readable<T> {
    /// Converts the rows.
    #[must_use]
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Readable<U> {
        Readable {
            rows: self.rows.into_iter().map(convert).collect(),
            unreadable: self.unreadable,
        }
    }

    /// Returns the rows, if all of them can be read.
    ///
    /// # Errors
    /// [`StoreError::Database`] with the first row that cannot be read.
    pub fn all(self) -> Result<Vec<T>, StoreError> {
        match self.unreadable.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(self.rows),
        }
    }
}

/// Reads the rows of a table with the key column `key`.
pub(crate) fn readable<T>(
    rows: &[AnyRow],
    (table, key): (&str, &str),
    read: impl Fn(&AnyRow) -> Result<T, StoreError>,
) -> Result<Readable<T>, StoreError> {
    let mut found = Readable {
        rows: Vec::with_capacity(rows.len()),
        unreadable: Vec::new(),
    };
    for row in rows {
        match read(row) {
            Ok(read) => found.rows.push(read),
            Err(error) => {
                let name = row.text(key).unwrap_or_else(|_| "?".to_owned());
                found.unreadable.push(placed(error, table, &name)?);
            }
        }
    }
    Ok(found)
}

/// Adds the table and the row to an error about a value. Returns other errors as they are.
pub(crate) fn placed(
    error: StoreError,
    table: &str,
    row: &str,
) -> Result<DatabaseError, StoreError> {
    match error {
        StoreError::Database(DatabaseError::Corrupt { place, reason }) => Ok(
            DatabaseError::corrupt(&format!("{table}.{place} of {row}"), reason),
        ),
        other => Err(other),
    }
}
