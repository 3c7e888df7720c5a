//! Tests the rule for clock changes in several zones.

use jelou_cron::Schedule;
use jiff::Timestamp;

/// Returns the due times between two instants, as `day hour:minute offset` in the zone.
fn runs(expression: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let schedule = Schedule::parse(expression, zone).unwrap();
    let from: Timestamp = from.parse().unwrap();
    let to: Timestamp = to.parse().unwrap();
    schedule
        .upcoming(from)
        .take_while(|due| *due <= to)
        .map(|due| {
            let zoned = due.to_zoned_datetime(schedule.zone().clone());
            zoned.strftime("%-d %H:%M %:z").to_string()
        })
        .collect()
}

#[test]
fn santiago_skips_midnight_in_spring() {
    let runs = |expression| {
        runs(
            expression,
            "America/Santiago",
            "2026-09-05T12:00:00Z",
            "2026-09-07T12:00:00Z",
        )
    };
    // The clock goes from 24:00 on the 5th to 01:00 on the 6th.
    assert_eq!(runs("0 0 * * *"), ["6 01:00 -03:00", "7 00:00 -03:00"]);
    assert_eq!(runs("15,45 0 6 9 *"), ["6 01:00 -03:00"]);
    assert_eq!(
        runs("30 23,0,1 * * *"),
        [
            "5 23:30 -04:00",
            "6 01:00 -03:00",
            "6 01:30 -03:00",
            "6 23:30 -03:00",
            "7 00:30 -03:00",
            "7 01:30 -03:00"
        ]
    );
    assert_eq!(runs("*/30 0 6 * *"), [""; 0]);
}

#[test]
fn santiago_repeats_the_last_hour_in_autumn() {
    let runs = |expression| {
        runs(
            expression,
            "America/Santiago",
            "2026-04-04T12:00:00Z",
            "2026-04-05T12:00:00Z",
        )
    };
    assert_eq!(runs("30 23 * * *"), ["4 23:30 -03:00"]);
    assert_eq!(runs("0 0 * * *"), ["5 00:00 -04:00"]);
    assert_eq!(
        runs("*/30 23 * * *"),
        [
            "4 23:00 -03:00",
            "4 23:30 -03:00",
            "4 23:00 -04:00",
            "4 23:30 -04:00"
        ]
    );
}

#[test]
fn havana_changes_at_midnight_and_at_one() {
    let spring = |expression| {
        runs(
            expression,
            "America/Havana",
            "2026-03-07T12:00:00Z",
            "2026-03-08T12:00:00Z",
        )
    };
    assert_eq!(spring("0 0 * * *"), ["8 01:00 -04:00"]);
    // Both times are in the gap, so they run once, together.
    assert_eq!(spring("0,30 0 * * *"), ["8 01:00 -04:00"]);
    let autumn = |expression| {
        runs(
            expression,
            "America/Havana",
            "2026-10-31T12:00:00Z",
            "2026-11-01T12:00:00Z",
        )
    };
    assert_eq!(autumn("30 0 * * *"), ["1 00:30 -04:00"]);
    assert_eq!(
        autumn("30 */23 * * *"),
        ["31 23:30 -04:00", "1 00:30 -04:00", "1 00:30 -05:00"]
    );
}

#[test]
fn lord_howe_changes_by_half_an_hour() {
    let spring = |expression| {
        runs(
            expression,
            "Australia/Lord_Howe",
            "2026-10-03T12:00:00Z",
            "2026-10-03T18:00:00Z",
        )
    };
    assert_eq!(spring("15 2 * * *"), ["4 02:30 +11:00"]);
    assert_eq!(
        spring("15,45 2 * * *"),
        ["4 02:30 +11:00", "4 02:45 +11:00"]
    );
    assert_eq!(spring("*/15 2 * * *"), ["4 02:30 +11:00", "4 02:45 +11:00"]);
    let autumn = |expression| {
        runs(
            expression,
            "Australia/Lord_Howe",
            "2026-04-04T12:00:00Z",
            "2026-04-04T18:00:00Z",
        )
    };
    assert_eq!(autumn("45 1 * * *"), ["5 01:45 +11:00"]);
    assert_eq!(
        autumn("*/30 1 * * *"),
        ["5 01:00 +11:00", "5 01:30 +11:00", "5 01:30 +10:30"]
    );
}

#[test]
fn easter_island_new_york_and_zones_without_changes() {
    assert_eq!(
        runs(
            "30 22 * * *",
            "Pacific/Easter",
            "2026-09-05T12:00:00Z",
            "2026-09-06T12:00:00Z"
        ),
        ["5 23:00 -05:00"]
    );
    let spring = |expression| {
        runs(
            expression,
            "America/New_York",
            "2026-03-08T00:00:00Z",
            "2026-03-09T03:00:00Z",
        )
    };
    assert_eq!(spring("0,30 2 * * *"), ["8 03:00 -04:00"]);
    assert_eq!(spring("0 2,3 * * *"), ["8 03:00 -04:00"]);
    assert_eq!(spring("*/30 2 * * *"), [""; 0]);
    let autumn = |expression| {
        runs(
            expression,
            "America/New_York",
            "2026-11-01T00:00:00Z",
            "2026-11-01T12:00:00Z",
        )
    };
    assert_eq!(autumn("0,30 1 * * *"), ["1 01:00 -04:00", "1 01:30 -04:00"]);
    assert_eq!(autumn("0 1-2 * * *"), ["1 01:00 -04:00", "1 02:00 -05:00"]);
    for zone in ["America/Guayaquil", "America/Bogota"] {
        assert_eq!(
            runs(
                "0 8 * * 1-5",
                zone,
                "2026-11-27T00:00:00Z",
                "2026-11-30T23:00:00Z"
            ),
            ["27 08:00 -05:00", "30 08:00 -05:00"]
        );
    }
}

#[test]
fn days_of_month_and_week_are_alternatives() {
    assert_eq!(
        runs(
            "0 0 13 * 5",
            "UTC",
            "2026-11-01T00:00:00Z",
            "2026-11-20T12:00:00Z"
        ),
        ["6 00:00 +00:00", "13 00:00 +00:00", "20 00:00 +00:00"]
    );
    assert_eq!(
        runs(
            "0 0 L 12 *",
            "UTC",
            "2026-12-01T00:00:00Z",
            "2027-01-01T00:00:00Z"
        ),
        ["31 00:00 +00:00"]
    );
}
