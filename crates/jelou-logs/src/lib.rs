//! The records of functions: what they write, how they are called, and what the platform does with them.
//!
//! Each function has one stream of records, ordered by a sequence number that never repeats. The parts of the server
//! [`send`](Logs::send) entries into a bounded queue, which never waits. One thread masks secrets, and writes. Readers
//! read the files and never hold it up: a slow reader falls behind, and nothing is kept for it in memory.
//!
//! The modules, from top to bottom:
//!
//! - `logs`: the queue, and the thread that writes
//! - `read`, `stats`: pages of records that match a query, and sums of calls
//! - `stream`: the records of one function
//! - `storage`: files of compressed blocks with a small index, and a tail of lines
//! - `filter`: the filter language
//! - `entry`, `redact`, `sampling`: from what the server sends to a record without secrets, if it is kept
//! - `record`, `words`: the form of a record

mod entry;
mod filter;
mod logs;
mod read;
mod record;
mod redact;
mod sampling;
mod settings;
mod stats;
mod storage;
mod stream;
mod words;

pub use entry::{CallEntry, Entry, EventEntry, What};
pub use filter::{Filter, FilterError};
pub use jelou_core::log_rules::{Level, ParseLevelError};
pub use logs::{LogCounts, LogWriter, Logs, Observer, Watch};
pub use read::{Found, Page, Query, TokenNames};
pub use record::{Call, CallTrace, Content, Event, Kind, Line, Protocol, Record};
pub use redact::{MASKED, MIN_SECRET_BYTES};
pub use settings::LogSettings;
pub use stats::{GroupBy, ParseGroupByError};
