//! The quota of a runtime token: calls per calendar day or month.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::text_schema;
use crate::text::written_as_text;

/// Maximum number of calls per period.
pub const MAX_QUOTA_CALLS: u32 = 1_000_000_000;

/// The number of calls that a token may make in a calendar day or month: `10000/day`, or
/// `10000/month@America/Guayaquil`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quota {
    calls: NonZeroU32,
    calendar: Calendar,
}

/// The periods of a quota: days or months in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    period: QuotaPeriod,
    zone: TimeZone,
}

/// The period of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaPeriod {
    Day,
    Month,
}

/// The text is not a quota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseQuotaError {
    #[error(
        "`{0}` is not a quota; write calls and a period: `10000/day`, `200000/month` or, with a time zone, \
         `10000/day@America/Guayaquil`"
    )]
    Malformed(String),
    #[error(
        "a quota has from 1 to {MAX_QUOTA_CALLS} calls per period, not {0}; without one, any number is allowed"
    )]
    OutOfRange(String),
    #[error("`{0}` is not a time zone of the IANA database, such as `America/Guayaquil` or `UTC`")]
    UnknownZone(String),
}

impl Quota {
    /// Returns the number of calls per period.
    pub fn calls(&self) -> NonZeroU32 {
        self.calls
    }

    /// Returns the calendar of the periods.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }
}

impl Calendar {
    /// Returns the start and the end of the period that contains `at`, in milliseconds since the Unix epoch. The end is
    /// the start of the next period.
    pub fn period_of(&self, at: Timestamp) -> (i64, i64) {
        let today = self.zone.to_datetime(at).date();
        let (first, next) = match self.period {
            QuotaPeriod::Day => (today, today.checked_add(1.day())),
            QuotaPeriod::Month => {
                let first = today.first_of_month();
                (first, first.checked_add(1.month()))
            }
        };
        let start = |date: Date| self.start_of(date).unwrap_or(at).as_millisecond();
        // The last possible period has no next period.
        (start(first), next.map_or(i64::MAX, start))
    }

    /// Returns the first moment of a date. This is not midnight if the clock skips midnight.
    fn start_of(&self, date: Date) -> Option<Timestamp> {
        let midnight = date.to_datetime(Time::midnight());
        self.zone.to_timestamp(midnight).ok()
    }
}

impl FromStr for Quota {
    type Err = ParseQuotaError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ParseQuotaError::Malformed(text.escape_debug().to_string());
        let (limit, zone) = match text.split_once('@') {
            Some((limit, zone)) => (limit, Some(zone)),
            None => (text, None),
        };
        let (calls, period) = limit.split_once('/').ok_or_else(malformed)?;
        let period = match period {
            "day" => QuotaPeriod::Day,
            "month" => QuotaPeriod::Month,
            _ => return Err(malformed()),
        };
        if calls.is_empty() || !calls.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(malformed());
        }
        let calls = calls
            .parse()
            .ok()
            .filter(|calls: &NonZeroU32| calls.get() <= MAX_QUOTA_CALLS)
            .ok_or_else(|| ParseQuotaError::OutOfRange(calls.to_owned()))?;
        let zone = match zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name)
                .map_err(|_| ParseQuotaError::UnknownZone(name.escape_debug().to_string()))?,
        };
        Ok(Self {
            calls,
            calendar: Calendar { period, zone },
        })
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.calendar.period {
            QuotaPeriod::Day => "day",
            QuotaPeriod::Month => "month",
        };
        write!(f, "{}/{period}", self.calls)?;
        match self.calendar.zone.iana_name() {
            Some("UTC") | None => Ok(()),
            Some(zone) => write!(f, "@{zone}"),
        }
    }
}

written_as_text!(Quota);

impl PartialSchema for Quota {
    fn schema() -> RefOr<Schema> {
        text_schema(
            "How many calls a token may make in a calendar `day` or `month`: from 1 to 1000000000. The days are those of \
             the time zone after `@`, or of UTC.",
            "^[0-9]+/(day|month)(@.+)?$",
            "10000/day@America/Guayaquil",
        )
    }
}

impl ToSchema for Quota {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_a_period_and_a_zone() {
        for (text, written) in [
            ("1/day", "1/day"),
            ("1000000000/month", "1000000000/month"),
            ("5/day@UTC", "5/day"),
            ("5/day@America/Guayaquil", "5/day@America/Guayaquil"),
            ("5/month@europe/madrid", "5/month@Europe/Madrid"),
        ] {
            let quota: Quota = text.parse().unwrap();
            assert_eq!(quota.to_string(), written, "{text}");
            assert_eq!(written.parse::<Quota>(), Ok(quota), "{text}");
        }
    }

    #[test]
    fn each_error_names_its_rule() {
        for text in [
            "", "10", "10/d", "10/week", "-1/day", "+1/day", "/day", "1.5/day", "1/day ",
        ] {
            let error = text.parse::<Quota>().unwrap_err();
            assert_eq!(error, ParseQuotaError::Malformed(text.to_owned()));
        }
        for (text, calls) in [("0/day", "0"), ("1000000001/month", "1000000001")] {
            let error = text.parse::<Quota>().unwrap_err();
            assert_eq!(error, ParseQuotaError::OutOfRange(calls.to_owned()));
        }
        for zone in ["", "Mars/Olympus", "UTC@UTC"] {
            let error = format!("1/day@{zone}").parse::<Quota>().unwrap_err();
            assert_eq!(error, ParseQuotaError::UnknownZone(zone.to_owned()));
        }
    }

    #[test]
    fn periods_follow_the_calendar() {
        let period = |quota: &str, at: &str| {
            let quota: Quota = quota.parse().unwrap();
            let (start, end) = quota.calendar().period_of(at.parse().unwrap());
            let time = |ms| Timestamp::from_millisecond(ms).unwrap().to_string();
            (time(start), time(end))
        };
        let expect = |start: &str, end: &str| (start.to_owned(), end.to_owned());
        assert_eq!(
            period("1/day", "2026-03-29T23:59:59.999Z"),
            expect("2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z")
        );
        // Guayaquil has UTC-5.
        assert_eq!(
            period("1/day@America/Guayaquil", "2026-03-29T04:59:59Z"),
            expect("2026-03-28T05:00:00Z", "2026-03-29T05:00:00Z")
        );
        // The day on which the clocks of Madrid go forward has 23 hours.
        assert_eq!(
            period("1/day@Europe/Madrid", "2026-03-29T10:00:00Z"),
            expect("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")
        );
        // In Santiago, the clock skips midnight of this day.
        assert_eq!(
            period("1/day@America/Santiago", "2026-09-06T12:00:00Z"),
            expect("2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z")
        );
        assert_eq!(
            period("1/month@America/Guayaquil", "2026-02-28T12:00:00Z"),
            expect("2026-02-01T05:00:00Z", "2026-03-01T05:00:00Z")
        );
    }
}
