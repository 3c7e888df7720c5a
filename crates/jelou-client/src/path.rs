//! Paths of the API. Each segment is percent-encoded, so that a value cannot change which resource is addressed.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All characters except the unreserved characters (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Debug)]
pub(crate) struct Path(String);

impl Path {
    /// Creates the path of a collection.
    pub(crate) fn new(collection: &'static str) -> Self {
        Self(format!("/v1/{collection}"))
    }

    pub(crate) fn segment(mut self, segment: &str) -> Self {
        self.0.push('/');
        match segment {
            // URL parsers resolve dot segments, even if they are percent-encoded. `%00` is not a valid name of any
            // resource.
            "." | ".." => self.0.push_str("%00"),
            segment => self.0.extend(utf8_percent_encode(segment, ENCODED)),
        }
        self
    }

    pub(crate) fn query(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(key);
        self.0.push('=');
        self.0
            .extend(utf8_percent_encode(&value.to_string(), ENCODED));
        self
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one_segment() {
        let path = Path::new("functions")
            .segment("a/../b?c#d e%ñ")
            .segment("..")
            .query("force", true)
            .query("before", 7);
        assert_eq!(
            path.to_string(),
            "/v1/functions/a%2F..%2Fb%3Fc%23d%20e%25%C3%B1/%00?force=true&before=7"
        );
    }
}
