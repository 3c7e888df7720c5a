//! Maps SQLite's result codes (<https://www.sqlite.org/rescode.html>) to what the caller can do.

use sqlx::error::DatabaseError;

/// The meaning of a SQLite error for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Another connection holds the lock.
    Busy,
    Unavailable,
    DiskFull,
    Corrupt,
    Other,
}

pub(super) fn condition(error: &dyn DatabaseError) -> Condition {
    match primary_code(error) {
        // BUSY
        Some(5) => Condition::Busy,
        // LOCKED, READONLY, IOERR, CANTOPEN, PROTOCOL
        Some(6 | 8 | 10 | 14 | 15) => Condition::Unavailable,
        // FULL
        Some(13) => Condition::DiskFull,
        // CORRUPT, NOTADB
        Some(11 | 26) => Condition::Corrupt,
        _ => Condition::Other,
    }
}

/// Returns the low byte of the extended result code.
fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    let extended: i32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}
