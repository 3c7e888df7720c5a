//! Tests queries, pages, followers and statistics.

use jelou_logs::{CallSums, EntryContent, GroupBy, LogSettings, MAX_LAST_BYTES, Query, TokenNames};
use uuid::Uuid;

use crate::support::{Log, call};

fn line(request: Uuid, number: usize) -> String {
    format!(
        r#"{{"requestId":"{request}","function":"f","company":null,"timestamp":"x","level":"INFO","args":["Buscando cliente",{{"orden":{number}}}]}}"#
    )
}

#[test]
fn a_request_is_found_with_its_lines_and_its_call() {
    let log = Log::new(LogSettings::default());
    let mut wanted = Vec::new();
    for number in 0..5000 {
        let mut entry = call(if number == 4321 { 500 } else { 200 });
        let request = entry.request_id;
        log.line(&line(request, number));
        entry.duration_us = number as u64;
        log.send(EntryContent::Call(Box::new(entry)));
        if number % 1000 == 321 {
            wanted.push((number, request));
        }
    }
    log.settle();
    for (number, request) in wanted {
        let query = Query {
            request: Some(request.to_string()),
            ..Query::default()
        };
        let found = log.last(&query, 10);
        assert_eq!(found.len(), 2, "{number}");
        assert!(
            found[0].json.contains(&format!("{{\"orden\":{number}}}")),
            "{}",
            found[0].json
        );
        assert!(found[1].json.contains("\"status\":"), "{}", found[1].json);
        // The id is searched as a field, as a word, and as an exact text.
        for filter in [
            format!("request:{request}"),
            request.to_string(),
            format!("\"{request}\""),
        ] {
            let query = Query {
                filter: filter.parse().unwrap(),
                ..Query::default()
            };
            assert_eq!(log.last(&query, 10).len(), 2, "{filter}");
        }
    }
    let query = Query {
        filter: "status:5xx".parse().unwrap(),
        ..Query::default()
    };
    assert_eq!(log.all(&query, &TokenNames::new(), 10_000).len(), 1);
    let sums = log.logs().statistics(
        &log.function,
        &Query::default(),
        &TokenNames::new(),
        &[GroupBy::Status],
    );
    let sums = sums.unwrap();
    let groups = sums.clone().groups();
    assert_eq!((groups[0].calls, groups[0].errors), (4999, 0));
    assert_eq!((groups[1].calls, groups[1].by[0].as_str()), (1, "500"));
    assert!((groups[0].p50_ms - 2.5).abs() < 0.1, "{groups:?}");

    // Another server has the same calls.
    let sent = serde_json::to_string(&sums).unwrap();
    let mut all: CallSums = serde_json::from_str(&sent).unwrap();
    all.add(sums);
    let all = all.groups();
    for (all, one) in all.iter().zip(&groups) {
        assert_eq!((all.calls, all.errors), (2 * one.calls, 2 * one.errors));
        assert_eq!(
            (&all.by, all.max_ms, all.p95_ms),
            (&one.by, one.max_ms, one.p95_ms)
        );
    }
    assert_eq!(all.len(), groups.len());
}

#[test]
fn last_returns_the_end_of_all_records() {
    let log = Log::new(LogSettings::default());
    for number in 0..3000 {
        log.line(&line(Uuid::new_v4(), number));
        if number % 7 == 0 {
            log.send(EntryContent::Call(Box::new(call(200))));
        }
    }
    log.settle();
    let all = log.all(&Query::default(), &TokenNames::new(), 50_000);
    for count in [1, 20, 2500] {
        let last: Vec<_> = log
            .last(&Query::default(), count)
            .iter()
            .map(|found| found.seq)
            .collect();
        let expected: Vec<_> = all[all.len() - count..]
            .iter()
            .map(|found| found.seq)
            .collect();
        assert_eq!(last, expected);
    }
}

/// A page of the last records has a limit. The page says so, and the earlier records can be read by their time.
#[test]
fn last_says_that_records_were_left_out() {
    let log = Log::new(LogSettings::default());
    let text = "x".repeat(16_000);
    for _ in 0..12 {
        for _ in 0..100 {
            log.line(&text);
        }
        log.settle();
    }
    let query = Query {
        filter: "xxx*".parse().unwrap(),
        ..Query::default()
    };
    let names = TokenNames::new();
    let last = |count: usize| {
        log.logs()
            .last(&log.function, &query, &names, count)
            .unwrap()
    };
    let cut = last(10_000);
    assert!(cut.is_cut);
    let bytes: usize = cut.records.iter().map(|found| found.json.len()).sum();
    assert!(
        (MAX_LAST_BYTES..MAX_LAST_BYTES + 20_000).contains(&bytes),
        "{bytes}"
    );
    let all = log.all(&query, &names, 1 << 20);
    assert_eq!(all.len(), 1200);
    let earlier = Query {
        until: Some(cut.records[0].record.time),
        ..query.clone()
    };
    let earlier = log
        .logs()
        .last(&log.function, &earlier, &names, 10_000)
        .unwrap();
    assert!(!earlier.is_cut);
    assert!(earlier.records.len() + cut.records.len() <= all.len());
    // Pages with as many records as were requested, or with all, are complete.
    let count = cut.records.len();
    assert!(!last(count).is_cut);
    let newest = Query {
        since: Some(cut.records[0].record.time),
        ..query.clone()
    };
    let kept = log.all(&newest, &names, 1 << 20).len();
    if kept == count {
        assert!(
            !log.logs()
                .last(&log.function, &newest, &names, 10_000)
                .unwrap()
                .is_cut
        );
    }
}

#[tokio::test]
async fn a_follower_sees_every_record_once() {
    let log = Log::new(LogSettings::default());
    let mut watch = log.logs().watch(&log.function).unwrap();
    let (logs, function) = (log.logs().clone(), log.function.clone());
    let follower = tokio::spawn(async move {
        let (mut seen, mut cursor) = (Vec::new(), 0);
        while seen.len() < 20_000 {
            assert!(watch.wait_beyond(cursor).await);
            let page = logs.page(
                &function,
                &Query::default(),
                &TokenNames::new(),
                cursor,
                30_000,
            );
            let page = page.unwrap();
            cursor = page.cursor;
            seen.extend(page.records.iter().map(|found| found.seq));
        }
        seen
    });
    for number in 0..20_000 {
        log.line(&line(Uuid::new_v4(), number));
        if number % 1000 == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
    }
    let seen = follower.await.unwrap();
    assert_eq!(seen, (1..=20_000).collect::<Vec<_>>());
}

#[test]
fn dropped_lines_are_counted() {
    let log = Log::new(LogSettings::default());
    let text = "x".repeat(16_000);
    for _ in 0..5000 {
        log.line(&text);
    }
    let markers = log.settle();
    let all = log.everything();
    let kept = all
        .iter()
        .filter(|found| found.json.contains("xxx"))
        .count();
    let dropped: usize = all
        .iter()
        .filter_map(|found| {
            let (_, rest) = found.json.split_once("\"message\":\"")?;
            let (count, rest) = rest.split_once(' ')?;
            rest.starts_with("records dropped")
                .then(|| count.parse::<usize>().unwrap())
        })
        .sum();
    assert!(dropped > 0);
    let read = log.all(&Query::default(), &TokenNames::new(), 1 << 20);
    let read_markers = read
        .iter()
        .filter(|found| found.json.contains("test.settled"))
        .count();
    assert_eq!(kept + dropped, 5000 + markers - read_markers);
}
