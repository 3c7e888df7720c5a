//! The records of functions: what functions write, how they are called, and what the platform does with them.
//!
//! Each function has one stream of records, ordered by a sequence number that never repeats. The parts of the server
//! [`send`](Logs::send) entries to a bounded queue, without waiting. One thread takes the entries, masks secrets, and
//! writes the records. Readers read the files, so a slow reader neither delays the writer nor occupies memory.
//!
//! The modules, from top to bottom:
//!
//! - `logs`: the queue, and the thread that writes
//! - `read`, `stats`: pages of records that match a query, and statistics of calls
//! - `stream`: the records of one function
//! - `storage`: files of compressed blocks with a small index, and a file of lines that are in no block yet
//! - `filter`: the filter language
//! - `entry`, `redact`, `sampling`: entries of the server, the masking of secrets, and which records are kept
//! - `record`, `words`: the format of a record, and the words of a text

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

pub use entry::{CallEntry, Entry, EntryContent, EventEntry};
pub use filter::{Filter, FilterError};
pub use jelou_core::log_rules::{Level, ParseLevelError};
pub use logs::{LogCounts, LogWriter, Logs, Observer, Watch};
pub use read::{Found, MAX_LAST_BYTES, Page, Query, TokenNames};
pub use record::{Call, CallTrace, Content, Event, Kind, Line, Protocol, Record};
pub use redact::{MASKED, MIN_SECRET_BYTES};
pub use settings::LogSettings;
pub use stats::{CallSums, GroupBy, ParseGroupByError};
