//! The error of a refused schedule.

/// Why a schedule is refused. The texts are for the author of the function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error(
        "it has {count} field{}; it needs five: minute, hour, day of month, month, day of week{}",
        if *.count == 1 { "" } else { "s" },
        match .count { 6 => " (there are no seconds)", 7 => " (there are no seconds and no years)", _ => "" }
    )]
    FieldCount { count: usize },
    #[error("`{0}` is a short form; write its five fields, such as `0 0 * * *` for every day")]
    Nickname(String),
    #[error("{field} `{text}`: {reason}")]
    Field {
        field: &'static str,
        text: String,
        reason: String,
    },
    #[error("no date matches it, such as 30 February, so it would never run")]
    Never,
    #[error("unknown time zone `{0}`; use an IANA name such as `America/Guayaquil`")]
    Zone(String),
    /// croner refused a pattern that had passed the checks of this crate.
    #[error("it cannot be read: {0}")]
    Pattern(String),
}
