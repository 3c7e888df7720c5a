//! Durations of tokens, as commands parse them: lifetimes and grace periods.

use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Seconds until a token expires, written as `90d`, `24h` or `1w 2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry(u64);

/// The text is not a positive duration with a fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseExpiryError {
    #[error("write a number and a unit: `30m`, `24h`, `90d` or `12w`")]
    Malformed,
    #[error("months and years have no fixed length; write days instead, such as `90d`")]
    NoFixedLength,
    #[error("it must be a second or more")]
    NotInFuture,
}

impl Expiry {
    /// The lifetime in seconds, from the creation of the token.
    pub fn as_seconds(self) -> u64 {
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

/// The grace period of an old value in seconds, written as [`Expiry`] or as `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace(u64);

impl Grace {
    /// The grace period in seconds.
    pub fn as_seconds(self) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_grace_period_may_be_0() {
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
