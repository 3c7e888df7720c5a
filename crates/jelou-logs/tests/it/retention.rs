//! Tests the limits of age and size, and the removal of a function's records.

use std::time::Duration;

use jelou_core::Clock;
use jelou_logs::{EntryContent, LogSettings, Query, TokenNames};

use crate::support::{Log, call, filler};

fn line(number: usize) -> String {
    format!("line {number} {}", filler(number, 60))
}

#[test]
fn size_is_limited_and_calls_do_not_displace_lines() {
    let settings = LogSettings {
        max_bytes: 2 * 1024 * 1024,
        max_call_bytes: 256 * 1024,
        ..LogSettings::default()
    };
    let mut log = Log::new(settings);
    for number in 0..1000 {
        log.line(&line(number));
    }
    log.settle();
    for _ in 0..2 {
        for _ in 0..20_000 {
            log.send(EntryContent::Call(Box::new(call(200))));
        }
        log.settle();
    }
    // The restart ends the writer, which then syncs. A sync applies the retention.
    log.restart();
    let all = log.everything();
    let lines = all.iter().filter(|found| found.json.contains("[\"line "));
    assert_eq!(lines.count(), 1000);
    let calls = all
        .iter()
        .filter(|found| found.json.contains("durationMs"))
        .count();
    assert!(calls > 500 && calls < 30_000, "{calls} calls");

    for number in 0..20_000 {
        log.line(&line(number));
        if number % 5000 == 0 {
            log.settle();
        }
    }
    log.settle();
    log.restart();
    let bytes = log.bytes();
    assert!(bytes < 3 * 1024 * 1024, "{bytes}");
    let all = log.everything();
    assert!(all.last().unwrap().json.contains("line 19999 "));
    // Calls from before the removed lines remain. The notice is on the page of its place, once.
    let (mut notices, mut cursor) = (Vec::new(), 5);
    loop {
        let (query, names) = (Query::default(), TokenNames::new());
        let page = log.logs().page(&log.function, &query, &names, cursor, 1000);
        let page = page.unwrap();
        if let Some((removed, _)) = page.removed {
            assert!(cursor < removed && removed <= page.cursor, "{removed}");
            notices.push(removed);
        }
        cursor = page.cursor;
        if page.is_last {
            break;
        }
    }
    let first = all.first().unwrap().seq;
    let [removed] = notices[..] else {
        panic!("{notices:?}");
    };
    assert!(
        first < removed && removed < all.last().unwrap().seq,
        "{first} {removed}"
    );

    // The last records lack nothing if there are enough of them.
    let since = Query {
        since: Some(jiff::Timestamp::UNIX_EPOCH),
        ..Query::default()
    };
    let names = TokenNames::new();
    let last = |count| {
        log.logs()
            .last(&log.function, &since, &names, count)
            .unwrap()
    };
    assert_eq!(last(100).removed, None);
    assert_eq!(last(1 << 20).removed.unwrap().0, removed);
}

#[test]
fn old_records_are_removed_and_their_numbers_are_not_used_again() {
    let day = 24 * 60 * 60 * 1000;
    let now = Clock::system().now_ms();
    let settings = LogSettings {
        max_age: Duration::from_hours(48),
        ..LogSettings::default()
    };
    let mut log = Log::new(settings);
    for number in 0..1000 {
        log.send_at(now - 5 * day, EntryContent::Output(line(number)));
    }
    // `settle` is not called: its newer record would stop the removal of the tail.
    log.restart();
    let all = log.everything();
    assert!(all.is_empty(), "{} records are left", all.len());
    log.line("new");
    log.settle();
    let all = log.everything();
    assert_eq!(all.len(), 1);
    assert!(all[0].seq > 1000, "{}", all[0].json);
    log.restart();
    assert_eq!(log.everything()[0].seq, all[0].seq);
    let query = Query {
        since: Some(jiff::Timestamp::from_millisecond(now - 6 * day).unwrap()),
        ..Query::default()
    };
    let page = log
        .logs()
        .last(&log.function, &query, &TokenNames::new(), 10);
    let (seq, time) = page.unwrap().removed.unwrap();
    assert!(seq < all[0].seq);
    assert_eq!(time.as_millisecond(), now - 5 * day);
}

#[test]
fn the_records_of_a_deleted_function_are_removed() {
    let log = Log::new(LogSettings::default());
    log.line("x");
    log.settle();
    assert!(log.folder().exists());
    log.logs().remove(&log.function);
    assert!(!log.folder().exists());
}
