//! The text format itself: alphabet, lengths, checksum and the check of a presented value.

use crate::{Kind, ParseTokenError};

/// Base62 in ASCII order.
pub(crate) const ALPHABET: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Number of random characters: 32 × log2(62) is 190 bits.
pub(crate) const BODY_LEN: usize = 32;

/// Characters of the checksum: 32 bits need six base62 digits (62^5 < 2^32 < 62^6).
pub(crate) const CHECKSUM_LEN: usize = 6;

/// Number of characters after the prefix.
pub(crate) const SUFFIX_LEN: usize = BODY_LEN + CHECKSUM_LEN;

/// Characters of the body in a display prefix: enough to tell the tokens of one function apart, while
/// 166 bits stay secret.
pub(crate) const SHOWN_LEN: usize = 4;

/// CRC-32/ISO-HDLC of `text` in base62, most significant digit first, padded with `0`.
///
/// Parameters: the "CRC-32/ISO-HDLC" entry of the [catalogue of parametrised CRC algorithms][1].
///
/// [1]: https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-32-iso-hdlc
pub(crate) fn checksum(text: &[u8]) -> [u8; CHECKSUM_LEN] {
    base62(crc32fast::hash(text))
}

fn base62(mut value: u32) -> [u8; CHECKSUM_LEN] {
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(value % 62) as usize];
        value /= 62;
    }
    digits
}

/// Returns whether all bytes are in the alphabet.
pub(crate) fn is_base62(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_alphanumeric)
}

/// Checks the format of a value without a look-up, the cheapest rule first.
///
/// The checksum is compared as text, not as a number, so that each token has one spelling.
pub(crate) fn check<K: Kind>(value: &[u8]) -> Result<(), ParseTokenError> {
    let prefix = K::PREFIX;
    let suffix = value
        .strip_prefix(prefix.as_bytes())
        .ok_or(ParseTokenError::Prefix { expected: prefix })?;
    let suffix: &[u8; SUFFIX_LEN] = suffix.try_into().map_err(|_| ParseTokenError::Length {
        expected: prefix.len() + SUFFIX_LEN,
        actual: value.len(),
    })?;
    if !is_base62(suffix) {
        return Err(ParseTokenError::Alphabet);
    }
    let (checked, written) = value.split_at(prefix.len() + BODY_LEN);
    if checksum(checked) != written {
        return Err(ParseTokenError::Checksum);
    }
    Ok(())
}

/// Returns the bytes of a token, or of its first characters, as text.
#[expect(
    clippy::expect_used,
    reason = "callers pass bytes of a prefix and of the alphabet, all of them ASCII"
)]
pub(crate) fn as_str(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("a token is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with "check" of the catalogue entry, which is the CRC of `123456789`.
    #[test]
    fn the_checksum_is_crc_32_iso_hdlc() {
        assert_eq!(checksum(b"123456789"), base62(0xCBF4_3926));
    }

    #[test]
    fn base62_is_padded_and_has_the_most_significant_digit_first() {
        assert_eq!(&base62(0), b"000000");
        assert_eq!(&base62(61), b"00000z");
        assert_eq!(&base62(62), b"000010");
        assert_eq!(&base62(u32::MAX), b"4gfFC3");
    }
}
