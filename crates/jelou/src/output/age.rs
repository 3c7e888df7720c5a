//! Formats the age of something in its largest unit: `3 days ago`.

use jiff::Timestamp;

/// Returns `just now`, `5 minutes ago`, `3 days ago`.
pub(crate) fn age(at: Timestamp) -> String {
    age_of(Timestamp::now().duration_since(at).as_secs())
}

fn age_of(seconds: i64) -> String {
    const UNITS: [(i64, &str); 5] = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
    ];
    // A negative age becomes `just now`, because the server's clock may be ahead of this machine's.
    for (unit, name) in UNITS {
        let count = seconds / unit;
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            return format!("{count} {name}{plural} ago");
        }
    }
    "just now".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_counts() {
        for (seconds, text) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3 * 86_400 + 7_200, "3 days ago"),
            (45 * 86_400, "1 month ago"),
            (800 * 86_400, "2 years ago"),
        ] {
            assert_eq!(age_of(seconds), text);
        }
    }
}
