//! Why a backup cannot be made, read or restored.

use std::io;

use crate::database::DatabaseError;

/// Why a backup cannot be made, read or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("cannot write the backup")]
    Write(#[source] io::Error),
    #[error("cannot read the backup")]
    Read(#[source] io::Error),
    #[error("this is not a backup of jelou")]
    NotABackup,
    /// A line of the backup has an unknown form.
    #[error("line {line} of the backup cannot be read: {reason}")]
    Line { line: u64, reason: String },
    #[error("the backup ends too early: its last line is missing")]
    Incomplete,
    #[error("the backup is damaged: its content does not match its SHA-256 digest")]
    Damaged,
    /// The schema of the backup differs from the schema of this program.
    #[error(
        "the backup has schema {backup}, made by jelou {version}, and this program has schema {program}"
    )]
    OtherSchema {
        backup: i64,
        version: String,
        program: i64,
    },
    /// The schema of the database differs from the schema of this program.
    #[error("the database has schema {database}, and this program has schema {program}")]
    OtherDatabase { database: i64, program: i64 },
    #[error("the row {row} of the table `{table}` cannot be stored")]
    Row {
        table: &'static str,
        /// The primary key of the row.
        row: String,
        #[source]
        source: DatabaseError,
    },
    #[error("the database has no tables of jelou: no server has started with it")]
    NoTables,
    #[error("the database is not empty: its table `{0}` has rows")]
    NotEmpty(&'static str),
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
