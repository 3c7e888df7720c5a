//! Tests which expressions are refused, and the messages.

use jelou_cron::Schedule;

fn problem(expression: &str) -> String {
    Schedule::parse(expression, "UTC")
        .expect_err(expression)
        .to_string()
}

#[test]
fn errors_name_the_mistake() {
    for (expression, wanted) in [
        (
            "*/70 * * * *",
            "minute `*/70`: the step 70 is not between 1 and 59, the size of the range",
        ),
        (
            "*/0 * * * *",
            "minute `*/0`: the step 0 is not between 1 and 59",
        ),
        ("60 * * * *", "minute `60`: 60 is not between 0 and 59"),
        ("0 24 * * *", "hour `24`: 24 is not between 0 and 23"),
        (
            "0 0 32 * *",
            "day of month `32`: 32 is not between 1 and 31",
        ),
        ("0 0 0 * *", "day of month `0`: 0 is not between 1 and 31"),
        ("0 0 * 13 *", "month `13`: 13 is not between 1 and 12"),
        ("0 0 * * 8", "day of week `8`: 8 is not between 0 and 7"),
        (
            "0 0 * * mon#6",
            "day of week `MON#6`: 6 after `#` is not between 1 and 5",
        ),
        ("5/15 * * * *", "a step needs a range: `5-59/15`"),
        (
            "30-10 * * * *",
            "the range begins with 30 and ends with 10; write two ranges with a comma",
        ),
        ("1,,2 * * * *", "there is nothing between two commas"),
        ("a * * * *", "`A` is not a number of this field"),
        ("-1 * * * *", "`` is not a number of this field"),
        ("0 0 ? * *", "day of month `?`: write `*`"),
        ("0 0 * * +1", "`+1` is not a number of this field"),
        (
            "0 0 30 2 *",
            "no date matches it, such as 30 February, so it would never run",
        ),
        ("0 0 31 4,6 *", "no date matches it"),
        (
            "* * *",
            "it has 3 fields; it needs five: minute, hour, day of month, month, day of week",
        ),
        (
            "0 * * * * *",
            "it has 6 fields; it needs five: minute, hour, day of month, month, day of week (there are no seconds)",
        ),
        ("daily", "it has 1 field; it needs five"),
        ("", "it has 0 fields"),
        ("@daily", "`@daily` is a short form; write its five fields"),
    ] {
        let problem = problem(expression);
        assert!(problem.contains(wanted), "{expression}: {problem}");
    }
    for zone in ["Mars/Base", "", "+05:00", "America"] {
        let error = Schedule::parse("0 0 * * *", zone).unwrap_err();
        assert!(error.to_string().contains("use an IANA name"), "{error}");
    }
}

#[test]
fn usual_expressions_are_accepted() {
    for expression in [
        "* * * * *",
        " 0  9 * * * ",
        "0,30 2 * * *",
        "*/59 0-23/23 * * *",
        "5-59/5 8-18 1,15 JAN-MAR mon-fri",
        "0 0 L * *",
        "0 0 LW * *",
        "0 0 15W * *",
        "0 0 * * FRI#2",
        "0 0 * * 5L",
        "0 0 * * FRI-SUN",
        "0 0 * * 5-7",
        "0 0 29 2 *",
        // There is no 30 February, but the expression also runs on Mondays.
        "0 0 30 2 1",
    ] {
        assert!(Schedule::parse(expression, "UTC").is_ok(), "{expression}");
    }
}

#[test]
fn a_refusal_is_quick() {
    let begin = std::time::Instant::now();
    let _ = problem("* * 30 2 *");
    assert!(begin.elapsed().as_secs() < 2, "{:?}", begin.elapsed());
}
