//! The Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write as _};

use jelou_core::histogram::{BOUNDS_US, Durations};

/// The content type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The range of exposed histogram bounds, in microseconds. Of these bounds, only round ones are exposed.
const SHOWN_US: std::ops::RangeInclusive<u64> = 500..=100_000_000;

#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    pub(super) fn counter(&mut self, name: &str, help: &str) {
        self.family(name, "counter", help);
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str) {
        self.family(name, "gauge", help);
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str) {
        self.family(name, "histogram", help);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Writes a sample. `labels` is a text that [`label`] returns, several of them joined by commas, or empty.
    pub(super) fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }

    pub(super) fn durations(&mut self, name: &str, labels: &str, durations: &Durations) {
        let bucket = format!("{name}_bucket");
        let mut below = 0;
        for (bound, count) in BOUNDS_US.into_iter().zip(durations.counts) {
            below += count;
            if SHOWN_US.contains(&bound) && is_round(bound) {
                let le = label("le", &seconds(bound));
                self.sample(&bucket, &joined(labels, &le), below);
            }
        }
        let count = durations.count();
        self.sample(&bucket, &joined(labels, r#"le="+Inf""#), count);
        self.sample(&format!("{name}_sum"), labels, seconds(durations.sum_us));
        self.sample(&format!("{name}_count"), labels, count);
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// Returns a label with its value escaped.
pub(super) fn label(name: &str, value: &str) -> String {
    let value = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

pub(super) fn joined(one: &str, other: &str) -> String {
    match (one, other) {
        ("", only) | (only, "") => only.to_owned(),
        (one, other) => format!("{one},{other}"),
    }
}

/// Whether the first digits of the bound are 1, 2.5 or 5.
fn is_round(bound: u64) -> bool {
    let digits = bound.to_string();
    matches!(digits.trim_end_matches('0'), "1" | "25" | "5")
}

fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jelou_core::Histogram;

    use super::*;

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds() {
        let histogram = Histogram::default();
        for micros in [1, 900, 900, 2_500_000, 1_000_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let mut text = Exposition::default();
        text.histogram("h_seconds", "How\nlong.");
        text.durations("h_seconds", &label("f", "a\"b\\"), &histogram.read());
        let text = text.into_text();
        assert!(text.starts_with("# HELP h_seconds How\\nlong.\n# TYPE h_seconds histogram\n"));
        for line in [
            r#"h_seconds_bucket{f="a\"b\\",le="0.0005"} 1"#,
            r#"h_seconds_bucket{f="a\"b\\",le="0.001"} 3"#,
            r#"h_seconds_bucket{f="a\"b\\",le="2.5"} 4"#,
            r#"h_seconds_bucket{f="a\"b\\",le="100"} 4"#,
            r#"h_seconds_bucket{f="a\"b\\",le="+Inf"} 5"#,
            r#"h_seconds_sum{f="a\"b\\"} 1002.501801"#,
            r#"h_seconds_count{f="a\"b\\"} 5"#,
        ] {
            assert!(text.lines().any(|known| known == line), "{line} in {text}");
        }
        assert_eq!(text.lines().count(), 2 + 17 + 3, "{text}");
    }
}
