//! Compares due times with Python's zoneinfo, an independent implementation of time zones: for every minute of a year
//! with `JELOU_SOAK=1`, otherwise for the days around every clock change.

use std::io::Write;
use std::process::{Command, Stdio};

use jelou_cron::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const ZONES: [&str; 7] = [
    "America/Santiago",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Easter",
    "America/New_York",
    "America/Guayaquil",
    "America/Bogota",
];

const EXPRESSIONS: [&str; 12] = [
    "* * * * *",
    "*/7 * * * *",
    "13,43 */2 * * *",
    "0 * * * 0",
    "*/30 0,23 * * *",
    "* 1 1-7 * 3",
    "0 0 * * *",
    "0,30 2 * * *",
    "15,45 0-3 * * 6,7",
    "30 23 * * *",
    "59 22-23 * 4,9 *",
    "0 1 1,15 * 1-5",
];

#[test]
fn due_times_are_those_of_an_independent_implementation() {
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let end: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    for zone in ZONES {
        let spans = if std::env::var_os("JELOU_SOAK").is_some() {
            vec![(begin, end)]
        } else {
            around_changes(zone, begin, end)
        };
        let wanted = oracle(zone, &spans);
        for (expression, wanted) in EXPRESSIONS.iter().zip(wanted) {
            let schedule = Schedule::parse(expression, zone).unwrap();
            let found: Vec<i64> = spans
                .iter()
                .flat_map(|(from, to)| {
                    schedule
                        .upcoming(*from - SignedDuration::from_secs(1))
                        .take_while(|due| due < to)
                        .map(Timestamp::as_second)
                        .collect::<Vec<_>>()
                })
                .collect();
            if found != wanted {
                let differs = found.iter().zip(&wanted).find(|(a, b)| a != b);
                panic!(
                    "{expression} in {zone}: {} due times, the oracle has {}; the first difference is {differs:?}",
                    found.len(),
                    wanted.len()
                );
            }
        }
    }
}

/// Returns the two days before and after each clock change, or four days in a zone without clock changes.
fn around_changes(zone: &str, begin: Timestamp, end: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let side = SignedDuration::from_hours(48);
    let time_zone = TimeZone::get(zone).unwrap();
    let mut changes: Vec<_> = time_zone
        .following(begin)
        .map(|change| change.timestamp())
        .take_while(|change| *change < end)
        .collect();
    if changes.is_empty() {
        changes.push("2026-03-01T00:00:00Z".parse().unwrap());
    }
    changes
        .into_iter()
        .map(|change| (change - side, change + side))
        .collect()
}

fn oracle(zone: &str, spans: &[(Timestamp, Timestamp)]) -> Vec<Vec<i64>> {
    let spans: Vec<String> = spans
        .iter()
        .map(|(from, to)| format!("[{}, {}]", from.as_second(), to.as_second()))
        .collect();
    let request = format!(
        r#"{{"zone": "{zone}", "spans": [{}], "expressions": {EXPRESSIONS:?}}}"#,
        spans.join(", ")
    );
    let mut python = Command::new("python3")
        .args(["-c", include_str!("oracle.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is the oracle of this test");
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(request.as_bytes()).unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    // The output is a list of lists of numbers.
    text.trim()
        .trim_start_matches("[[")
        .trim_end_matches("]]")
        .split("], [")
        .map(|list| {
            list.split(", ")
                .filter(|number| !number.is_empty())
                .map(|number| number.parse().unwrap())
                .collect()
        })
        .collect()
}
