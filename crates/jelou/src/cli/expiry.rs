//! Lifetimes and end times of tokens on the command line.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// Seconds until a token expires, written as `90d`, `24h` or `1w 2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseExpiryError {
    #[error("write a number and a unit: `30m`, `24h`, `90d` or `12w`")]
    Malformed,
    #[error("months and years have no fixed length; write days instead, such as `90d`")]
    NoFixedLength,
    #[error("it must be a second or more")]
    NotInFuture,
}

impl Expiry {
    pub(crate) fn as_seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Expiry {
    type Err = ParseExpiryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span: Span = text.parse().map_err(|_| ParseExpiryError::Malformed)?;
        if span.get_years() != 0 || span.get_months() != 0 {
            return Err(ParseExpiryError::NoFixedLength);
        }
        let duration: SignedDuration = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| ParseExpiryError::Malformed)?;
        match u64::try_from(duration.as_secs()) {
            Ok(seconds) if seconds > 0 => Ok(Self(seconds)),
            _ => Err(ParseExpiryError::NotInFuture),
        }
    }
}

/// Seconds for which an old value works: as [`Expiry`], or `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grace(u64);

impl Grace {
    pub(crate) fn as_seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Grace {
    type Err = ParseExpiryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "0" | "0s" | "0m" | "0h" | "0d") {
            return Ok(Self(0));
        }
        text.parse().map(|Expiry(seconds)| Self(seconds))
    }
}

/// A time in the future: RFC 3339 with an offset, or a date and time of the local time zone. A date without a time is
/// its first moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndTime(Timestamp);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseEndTimeError {
    #[error("write a date, such as `2027-01-31`, or a time, such as `2027-01-31T18:00:00-05:00`")]
    Malformed,
    #[error("{0} is in the past")]
    Past(Timestamp),
}

impl EndTime {
    pub(crate) fn as_timestamp(self) -> Timestamp {
        self.0
    }
}

impl FromStr for EndTime {
    type Err = ParseEndTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let local = || {
            let time: DateTime = text.parse().ok()?;
            TimeZone::system().to_timestamp(time).ok()
        };
        let at = text
            .parse()
            .ok()
            .or_else(local)
            .ok_or(ParseEndTimeError::Malformed)?;
        if at <= Timestamp::now() {
            return Err(ParseEndTimeError::Past(at));
        }
        Ok(Self(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_date_or_a_time() {
        let end = |text: &str| text.parse::<EndTime>().map(EndTime::as_timestamp);
        let time: Timestamp = "2999-01-31T23:00:00Z".parse().unwrap();
        assert_eq!(end("2999-01-31T18:00:00-05:00"), Ok(time));
        assert_eq!(end("2999-01-31T23:00:00Z"), Ok(time));
        let midnight: DateTime = "2999-01-31T00:00:00".parse().unwrap();
        let local = TimeZone::system().to_timestamp(midnight).unwrap();
        for text in ["2999-01-31", "2999-01-31 00:00", "2999-01-31T00:00:00"] {
            assert_eq!(end(text), Ok(local), "{text}");
        }
        assert!(matches!(end("2001-01-31"), Err(ParseEndTimeError::Past(_))));
        for text in ["", "soon", "31/01/2999", "2999-02-30"] {
            assert_eq!(end(text), Err(ParseEndTimeError::Malformed), "{text}");
        }
    }

    #[test]
    fn units_of_a_fixed_length() {
        for (text, seconds) in [
            ("90d", 7_776_000),
            ("24h", 86_400),
            ("30m", 1_800),
            ("1w 2d", 777_600),
            ("45s", 45),
        ] {
            assert_eq!(text.parse(), Ok(Expiry(seconds)), "{text}");
        }
    }

    #[test]
    fn a_grace_period_may_be_empty() {
        for (text, seconds) in [("0", 0), ("0s", 0), ("24h", 86_400)] {
            assert_eq!(text.parse(), Ok(Grace(seconds)), "{text}");
        }
        assert_eq!("-1d".parse::<Grace>(), Err(ParseExpiryError::NotInFuture));
    }

    #[test]
    fn each_error_names_its_rule() {
        for (text, error) in [
            ("", ParseExpiryError::Malformed),
            ("90", ParseExpiryError::Malformed),
            ("soon", ParseExpiryError::Malformed),
            ("1y", ParseExpiryError::NoFixedLength),
            ("3mo", ParseExpiryError::NoFixedLength),
            ("0d", ParseExpiryError::NotInFuture),
            ("-1d", ParseExpiryError::NotInFuture),
        ] {
            assert_eq!(text.parse::<Expiry>(), Err(error), "{text}");
        }
    }
}
