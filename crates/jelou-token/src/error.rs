//! Errors of parsing a token.

/// Why a text is not a token of the expected kind.
///
/// Never contains any part of the text: an almost valid value is most likely a real token with a
/// typing error, and errors are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTokenError {
    /// The text does not start with the prefix of the expected kind.
    #[error("the token does not start with `{expected}`")]
    Prefix {
        /// The prefix of the expected kind.
        expected: &'static str,
    },

    /// The prefix is right, but the length is wrong.
    #[error("the token is {actual} bytes long, not {expected}")]
    Length {
        /// The length of every token of the expected kind, in bytes.
        expected: usize,
        /// The length of the text, in bytes.
        actual: usize,
    },

    /// A character after the prefix is not one of `0-9A-Za-z`.
    #[error("the token has a character other than 0-9, A-Z and a-z after its prefix")]
    Alphabet,

    /// The last six characters are not the checksum of the rest.
    #[error("the token's checksum is wrong: a character was mistyped or lost")]
    Checksum,
}
