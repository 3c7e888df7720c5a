//! The output and exit code of a run, in a form for snapshots.

use std::fmt;

pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) streams: Streams,
}

pub(crate) enum Streams {
    Separate {
        stdout: String,
        stderr: String,
    },
    /// Both streams together, as in a terminal.
    Screen(String),
}

impl Outcome {
    pub(crate) fn stdout(&self) -> &str {
        match &self.streams {
            Streams::Separate { stdout, .. } => stdout,
            Streams::Screen(screen) => screen,
        }
    }

    /// The one JSON object on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.stdout()).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit code: {}", self.code)?;
        match &self.streams {
            Streams::Separate { stdout, stderr } => {
                write!(
                    f,
                    "----- stdout -----\n{stdout}----- stderr -----\n{stderr}"
                )
            }
            Streams::Screen(screen) => write!(f, "----- screen -----\n{screen}"),
        }
    }
}

/// Values that differ in each run. The paths of the sandbox are replaced earlier.
const FILTERS: [(&str, &str); 3] = [
    (
        r"\b(func|dep|tok|pat)_[0-9a-hjkmnp-tv-z]{26}\b",
        "${1}_[ULID]",
    ),
    (r"127\.0\.0\.1:(\d{5}|[0-35-9]\d{3})\b", "127.0.0.1:[PORT]"),
    (r"jelou \d+\.\d+\.\d+", "jelou [VERSION]"),
];

/// Other values that differ in each run with a real server.
const LIVE_FILTERS: [(&str, &str); 9] = [
    (
        r"the deployment of (just now|\d+ \w+ ago)",
        "the deployment of [AGE]",
    ),
    // On a slow machine, a command prints progress.
    (r"(?m)^▸ (Waiting for|Building) .*\n", ""),
    (r"\bjfn_rt_[0-9A-Za-z]{38}\b", "jfn_rt_[VALUE]"),
    (r"\bjfn_rt_[0-9A-Za-z]{4}\b", "jfn_rt_[4]"),
    (
        r"\b\d{1,2}/\d{1,2}/\d{4}, \d{1,2}:\d{2}:\d{2} [AP]M\b *",
        "[DATE] ",
    ),
    (r"\[DATE\] \n", "[DATE]\n"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
    // The column is as wide as its dates.
    ("Last Used +Created", "Last Used  Created"),
    (r"\blocalhost:\d+", "localhost:[PORT]"),
];

/// Compares the outcome of a run against a real server with the snapshot `$name`. Without a name, uses the test's name.
macro_rules! assert_live_outcome {
    ($name:expr, $outcome:expr) => {{
        let outcome = $outcome.to_string();
        $crate::support::live_settings().bind(|| insta::assert_snapshot!($name, outcome));
    }};
    ($outcome:expr) => {{
        let outcome = $outcome.to_string();
        $crate::support::live_settings().bind(|| insta::assert_snapshot!(outcome));
    }};
}

/// Compares an outcome with the snapshot of the test's name.
macro_rules! assert_outcome {
    ($outcome:expr) => {{
        let outcome = $outcome.to_string();
        $crate::support::settings().bind(|| insta::assert_snapshot!(outcome));
    }};
}

pub(crate) use {assert_live_outcome, assert_outcome};

pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in FILTERS {
        settings.add_filter(pattern, replacement);
    }
    settings
}

pub(crate) fn live_settings() -> insta::Settings {
    let mut settings = settings();
    for (pattern, replacement) in LIVE_FILTERS {
        settings.add_filter(pattern, replacement);
    }
    settings
}
