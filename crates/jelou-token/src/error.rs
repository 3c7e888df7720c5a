//! Why a text is not a token.

/// Why a text is not a token of the wanted kind.
///
/// Never holds any part of the text: an almost right value is most likely a real token with a
/// typing error, and errors end up in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTokenError {
    /// It starts with something else.
    #[error("the token does not start with `{expected}`")]
    Prefix {
        /// The prefix of the wanted kind.
        expected: &'static str,
    },

    /// The prefix is right and the length is not.
    #[error("the token is {actual} bytes long, not {expected}")]
    Length {
        /// The length of every token of the wanted kind, in bytes.
        expected: usize,
        /// The length of the text, in bytes.
        actual: usize,
    },

    /// There is something other than `0-9A-Za-z` after the prefix.
    #[error("the token has a character other than 0-9, A-Z and a-z after its prefix")]
    Alphabet,

    /// The last six characters do not fit the ones before them.
    #[error("the token's checksum is wrong: a character was mistyped or lost")]
    Checksum,
}
