//! Fuzz targets for limits of tokens, durations and log filters.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use jelou_core::policy::{Cidr, ParseCidrError, Quota, Rate};
use jelou_core::{Expiry, Grace};
use jelou_logs::Filter;

/// Checks networks. The networks that an error suggests must be valid.
///
/// # Panics
/// If a rule is broken.
pub fn cidr(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match text.parse::<Cidr>() {
        Err(ParseCidrError::HostBits {
            network, address, ..
        }) => {
            for suggestion in [network.to_string(), address.to_string()] {
                let parsed = suggestion.parse::<Cidr>();
                assert!(parsed.is_ok(), "{suggestion}: {parsed:?}");
            }
        }
        _ => written_as_read::<Cidr>(text),
    }
}

/// Checks rates.
///
/// # Panics
/// If a rule is broken.
pub fn rate(data: &[u8]) {
    text(data).into_iter().for_each(written_as_read::<Rate>);
}

/// Checks quotas.
///
/// # Panics
/// If a rule is broken.
pub fn quota(data: &[u8]) {
    text(data).into_iter().for_each(written_as_read::<Quota>);
}

/// Checks lifetimes and grace periods. Every valid lifetime must be a valid grace period.
///
/// # Panics
/// If a rule is broken.
pub fn duration(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let expiry = text.parse::<Expiry>().map(Expiry::as_seconds);
    let grace = text.parse::<Grace>().map(Grace::as_seconds);
    match expiry {
        Ok(seconds) => {
            assert!(seconds > 0);
            assert_eq!(grace, Ok(seconds));
        }
        Err(error) => assert!(grace == Ok(0) || grace == Err(error)),
    }
}

/// Checks log filters: no input makes the parser panic or overflow its stack.
///
/// # Panics
/// If a rule is broken.
pub fn filter(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Err(error) = text.parse::<Filter>() {
        assert!(!error.to_string().is_empty());
    }
}

fn text(data: &[u8]) -> Option<&str> {
    str::from_utf8(data).ok()
}

/// Checks that the displayed form of a valid text parses to an equal value.
fn written_as_read<T>(text: &str)
where
    T: FromStr + Display + PartialEq + Debug,
{
    if let Ok(read) = text.parse::<T>() {
        let again = read.to_string().parse::<T>().ok();
        assert_eq!(again.as_ref(), Some(&read));
    }
}
