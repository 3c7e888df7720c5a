//! Tests restarts, crashes and damaged files.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use jelou_logs::{EntryContent, LogSettings};

use crate::support::{Log, call, filler};

/// Returns a line of several hundred bytes, so that blocks and segments fill up.
fn text(number: usize) -> String {
    format!("line {number} {}", filler(number, 60))
}

fn numbers(log: &Log) -> Vec<usize> {
    log.everything()
        .iter()
        .filter_map(|found| {
            let (_, rest) = found.json.split_once("[\"line ")?;
            rest.split(' ').next()?.parse().ok()
        })
        .collect()
}

#[test]
fn records_survive_a_restart_in_order() {
    let mut log = Log::new(LogSettings::default());
    for number in 0..2000 {
        log.line(&text(number));
        if number % 10 == 0 {
            log.send(EntryContent::Call(Box::new(call(200))));
        }
    }
    log.settle();
    let before = log.everything();
    assert_eq!(before.len(), 2200);
    log.restart();
    log.line(&text(2000));
    log.settle();
    let after = log.everything();
    assert!(after.is_sorted_by(|a, b| a.seq < b.seq));
    assert_eq!(after.len(), 2201);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.json, after.json);
    }
    assert_eq!(numbers(&log), (0..=2000).collect::<Vec<_>>());
}

/// Imitates what a crash leaves: an incomplete line at the end of the tail, an incomplete block at the end of the
/// segment, and a tail with lines that are also in a block.
#[test]
fn incomplete_ends_are_repaired() {
    repairs_a_segment_that_ends_with(|block| &block[..100]);
    repairs_a_segment_that_ends_with(|block| &block[..1000]);
}

/// Appends the start of a block to the segment. Appends to the tail an incomplete line, and lines that are already in
/// the segment.
fn repairs_a_segment_that_ends_with(torn_block: impl Fn(&[u8]) -> &[u8]) {
    let mut log = Log::new(LogSettings::default());
    let first: Vec<_> = (0..40).collect();
    for number in &first {
        log.line(&text(*number));
    }
    log.settle();
    let tail = log.folder().join("lines.ndjson");
    // A line can be read a moment before it is in the file.
    let old_tail = (0..1000)
        .find_map(|_| {
            std::thread::sleep(Duration::from_millis(2));
            let tail = std::fs::read_to_string(&tail).ok()?;
            (tail.lines().count() > first.len()).then_some(tail)
        })
        .unwrap();
    for number in 40..300 {
        log.line(&text(number));
    }
    log.settle();
    log.stop();
    let current = std::fs::read_to_string(&tail).unwrap();
    let torn = [&old_tail, &current, "{\"seq\":9999,\"time\":\"2026-"].concat();
    std::fs::write(&tail, torn).unwrap();
    let segment = std::fs::read_dir(log.folder())
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "blocks")
        })
        .unwrap();
    let whole = std::fs::read(&segment).unwrap();
    let mut file = OpenOptions::new().append(true).open(&segment).unwrap();
    file.write_all(torn_block(&whole)).unwrap();
    drop(file);

    log.start();
    assert_eq!(numbers(&log), (0..300).collect::<Vec<_>>());
    for number in 300..600 {
        log.line(&text(number));
    }
    log.settle();
    log.restart();
    let all = log.everything();
    assert!(all.is_sorted_by(|a, b| a.seq < b.seq));
    assert_eq!(numbers(&log), (0..600).collect::<Vec<_>>());
}

/// Without an index, the headers of a complete segment are read from the segment.
#[test]
fn a_missing_index_loses_no_record() {
    let settings = LogSettings {
        max_bytes: 16 * 1024 * 1024,
        ..LogSettings::default()
    };
    let mut log = Log::new(settings);
    for number in 0..8000 {
        log.line(&text(number));
    }
    log.settle();
    log.stop();
    let mut indexes = 0;
    for file in std::fs::read_dir(log.folder()).unwrap() {
        let path = file.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "index")
        {
            std::fs::write(path, b"damaged").unwrap();
            indexes += 1;
        }
    }
    assert!(indexes > 0);
    log.start();
    assert_eq!(numbers(&log), (0..8000).collect::<Vec<_>>());
}
