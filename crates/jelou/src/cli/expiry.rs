//! End times of tokens on the command line.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A time in the future: RFC 3339 with an offset, or a date and time of the local time zone. A date without a time
/// means the start of the day.
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
}
