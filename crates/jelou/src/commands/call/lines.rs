//! The log lines of one call.

use std::thread::sleep;
use std::time::{Duration, Instant};

use jelou_client::{Client, LogsQuery};
use jelou_core::Slug;
use serde_json::Value;

/// Maximum wait for the record of the call, which follows its lines. If the log does not contain the record, it never
/// arrives.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(20);

/// Reads the log lines of a request. Returns none if they cannot be read: the answer of the call is more important, and
/// an access token may not allow to read the log.
pub(super) fn of(client: &Client, slug: &Slug, request_id: &str) -> Vec<Value> {
    let query = LogsQuery {
        request: Some(request_id.to_owned()),
        ..LogsQuery::default()
    };
    let began = Instant::now();
    loop {
        let Ok(lines) = client.logs(slug).read(&query) else {
            return Vec::new();
        };
        let lines = lines.map_while(Result::ok);
        let mut records: Vec<Value> = lines
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect();
        let before = records.len();
        records.retain(|record| record["kind"] != "call");
        if records.len() < before || began.elapsed() > PATIENCE {
            return records;
        }
        sleep(PAUSE);
    }
}
