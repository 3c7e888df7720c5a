//! Formats dates in the US style, in the time zone of the machine or of `TZ`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Returns a date such as `4/7/2026, 10:30:00 AM`.
pub(crate) fn local_date(at: Timestamp) -> String {
    date_in(at, TimeZone::system())
}

/// Returns a date such as `4/7/2026, 10:30:00 AM (UTC-05:00)`.
pub(crate) fn zoned_date(at: Timestamp) -> String {
    zoned_date_in(at, TimeZone::system())
}

/// Like [`zoned_date`], but in an IANA time zone. UTC if the time zone database of this machine does not have it.
pub(crate) fn date_in_zone(at: Timestamp, time_zone: &str) -> String {
    zoned_date_in(at, TimeZone::get(time_zone).unwrap_or(TimeZone::UTC))
}

fn zoned_date_in(at: Timestamp, time_zone: TimeZone) -> String {
    let zoned = at.to_zoned_datetime(time_zone);
    zoned
        .strftime("%-m/%-d/%Y, %-I:%M:%S %p (UTC%:z)")
        .to_string()
}

fn date_in(at: Timestamp, time_zone: TimeZone) -> String {
    at.to_zoned_datetime(time_zone)
        .strftime("%-m/%-d/%Y, %-I:%M:%S %p")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(at: &str, time_zone: &str) -> String {
        date_in(at.parse().unwrap(), TimeZone::get(time_zone).unwrap())
    }

    #[test]
    fn twelve_hours_without_leading_zeros() {
        assert_eq!(date("2026-04-07T10:30:00Z", "UTC"), "4/7/2026, 10:30:00 AM");
        assert_eq!(date("2026-04-01T14:00:00Z", "UTC"), "4/1/2026, 2:00:00 PM");
        assert_eq!(
            date("2026-12-31T00:05:09.999Z", "UTC"),
            "12/31/2026, 12:05:09 AM"
        );
        assert_eq!(
            date("2026-12-31T12:00:00Z", "UTC"),
            "12/31/2026, 12:00:00 PM"
        );
    }

    #[test]
    fn the_time_zone_counts() {
        assert_eq!(
            date("2026-04-07T02:00:00Z", "America/Guayaquil"),
            "4/6/2026, 9:00:00 PM"
        );
        let time_zone = TimeZone::get("America/Guayaquil").unwrap();
        let at = "2026-04-07T02:00:00Z".parse().unwrap();
        assert_eq!(
            zoned_date_in(at, time_zone),
            "4/6/2026, 9:00:00 PM (UTC-05:00)"
        );
    }
}
