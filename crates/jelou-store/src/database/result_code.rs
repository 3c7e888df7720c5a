//! Maps the codes of the database engines to what the caller can do: SQLite's result codes
//! (<https://www.sqlite.org/rescode.html>) and PostgreSQL's conditions
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// The meaning of an error of the database for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Another connection holds the lock.
    Busy,
    Unavailable,
    DiskFull,
    Corrupt,
    /// A text contains a character that the database cannot store.
    Text,
    /// The statement ran in another session than the statement before.
    OtherSession,
    Other,
}

pub(super) fn condition(error: &dyn DatabaseError) -> Condition {
    match error.try_downcast_ref::<PgDatabaseError>() {
        Some(refusal) => postgres(refusal.code()),
        None => sqlite(error),
    }
}

fn sqlite(error: &dyn DatabaseError) -> Condition {
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

fn postgres(code: &str) -> Condition {
    match code {
        // lock_not_available, serialization_failure, deadlock_detected
        "55P03" | "40001" | "40P01" => Condition::Busy,
        // disk_full
        "53100" => Condition::DiskFull,
        // data_corrupted, index_corrupted
        "XX001" | "XX002" => Condition::Corrupt,
        // character_not_in_repertoire, untranslatable_character
        "22021" | "22P05" => Condition::Text,
        // duplicate_prepared_statement, invalid_sql_statement_name
        "42P05" | "26000" => Condition::OtherSession,
        // idle_in_transaction_session_timeout, read_only_sql_transaction (a standby), io_error
        "25P03" | "25006" | "58030" => Condition::Unavailable,
        // Connection exceptions, insufficient resources, operator intervention (such as a shutdown).
        _ if ["08", "53", "57"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            Condition::Unavailable
        }
        _ => Condition::Other,
    }
}
