//! The rate limit of a runtime token.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::text_schema;
use crate::text::written_as_text;

/// Maximum number of calls per period.
pub const MAX_RATE_CALLS: u32 = 1_000_000;

/// The number of calls that a token may make in a period: `100/m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    calls: NonZeroU32,
    period: RatePeriod,
}

/// The period of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatePeriod {
    Second,
    Minute,
    Hour,
    Day,
}

/// The text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseRateError {
    #[error(
        "`{0}` is not a rate; write calls and a period: `10/s`, `100/m`, `1000/h` or `10000/d`"
    )]
    Malformed(String),
    #[error(
        "a rate has from 1 to {MAX_RATE_CALLS} calls per period, not {0}; without one, any number is allowed"
    )]
    OutOfRange(String),
}

impl Rate {
    /// Returns the number of calls per period.
    pub fn calls(self) -> NonZeroU32 {
        self.calls
    }

    /// Returns the length of the period.
    pub fn period(self) -> Duration {
        match self.period {
            RatePeriod::Second => Duration::from_secs(1),
            RatePeriod::Minute => Duration::from_mins(1),
            RatePeriod::Hour => Duration::from_hours(1),
            RatePeriod::Day => Duration::from_hours(24),
        }
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ParseRateError::Malformed(text.to_owned());
        let (calls, period) = text.split_once('/').ok_or_else(malformed)?;
        let period = match period {
            "s" => RatePeriod::Second,
            "m" => RatePeriod::Minute,
            "h" => RatePeriod::Hour,
            "d" => RatePeriod::Day,
            _ => return Err(malformed()),
        };
        if calls.is_empty() || !calls.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed());
        }
        calls
            .parse()
            .ok()
            .filter(|calls: &NonZeroU32| calls.get() <= MAX_RATE_CALLS)
            .map(|calls| Self { calls, period })
            .ok_or_else(|| ParseRateError::OutOfRange(calls.to_owned()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.period {
            RatePeriod::Second => 's',
            RatePeriod::Minute => 'm',
            RatePeriod::Hour => 'h',
            RatePeriod::Day => 'd',
        };
        write!(f, "{}/{period}", self.calls)
    }
}

written_as_text!(Rate);

impl PartialSchema for Rate {
    fn schema() -> RefOr<Schema> {
        text_schema(
            "How many calls a token may make in a second (`s`), minute, hour or day: from 1 to 1000000.",
            "^[0-9]+/[smhd]$",
            "100/m",
        )
    }
}

impl ToSchema for Rate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_a_period() {
        for (text, seconds) in [
            ("1/s", 1),
            ("100/m", 60),
            ("5/h", 3_600),
            ("1000000/d", 86_400),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.period(), Duration::from_secs(seconds), "{text}");
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn each_error_names_its_rule() {
        for text in [
            "", "100", "100/", "/m", "100/min", "+5/m", "-5/m", "1.5/s", "5 /m", "5/M",
        ] {
            let error = text.parse::<Rate>().unwrap_err();
            assert_eq!(error, ParseRateError::Malformed(text.to_owned()));
        }
        for (text, calls) in [
            ("0/m", "0"),
            ("1000001/s", "1000001"),
            ("99999999999/s", "99999999999"),
        ] {
            let error = text.parse::<Rate>().unwrap_err();
            assert_eq!(error, ParseRateError::OutOfRange(calls.to_owned()));
        }
    }
}
