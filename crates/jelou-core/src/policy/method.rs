//! The HTTP methods that a runtime token may use.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{PolicyListError, set};
use crate::text::written_as_text;

/// An HTTP method that a function can accept.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

/// The text is not a known method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown method `{0}`; the methods are GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS")]
pub struct ParseMethodError(String);

impl HttpMethod {
    const ALL: [Self; 7] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
    ];

    /// Returns the name in upper case, as in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl FromStr for HttpMethod {
    type Err = ParseMethodError;

    /// Parses a method. Case does not matter.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| ParseMethodError(text.escape_debug().to_string()))
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

written_as_text!(HttpMethod);

/// The methods that a token may use. At least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "Vec<HttpMethod>", into = "Vec<HttpMethod>")]
#[schema(value_type = Vec<HttpMethod>, min_items = 1)]
pub struct HttpMethods(BTreeSet<HttpMethod>);

impl HttpMethods {
    /// Returns the methods in order.
    pub fn iter(&self) -> impl Iterator<Item = &HttpMethod> {
        self.0.iter()
    }

    /// Whether the token may send requests with this method. GET includes HEAD (RFC 9110, section 9.3.2).
    pub fn allow(&self, method: &str) -> bool {
        self.0.iter().any(|allowed| allowed.as_str() == method)
            || (method == "HEAD" && self.0.contains(&HttpMethod::Get))
    }
}

impl TryFrom<Vec<HttpMethod>> for HttpMethods {
    type Error = PolicyListError;

    fn try_from(methods: Vec<HttpMethod>) -> Result<Self, Self::Error> {
        set("methods", HttpMethod::ALL.len(), methods).map(Self)
    }
}

impl From<HttpMethods> for Vec<HttpMethod> {
    fn from(methods: HttpMethods) -> Self {
        methods.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_written_in_upper_case() {
        let methods: HttpMethods = serde_json::from_str(r#"["post","GET","Post"]"#).unwrap();
        assert_eq!(
            serde_json::to_string(&methods).unwrap(),
            r#"["GET","POST"]"#
        );
        assert!(serde_json::from_str::<HttpMethods>("[]").is_err());
        assert!("TRACE".parse::<HttpMethod>().is_err());
    }

    #[test]
    fn get_includes_head() {
        let allow = |methods: &str, method| {
            let methods: HttpMethods = serde_json::from_str(methods).unwrap();
            methods.allow(method)
        };
        assert!(allow(r#"["GET"]"#, "HEAD") && allow(r#"["HEAD"]"#, "HEAD"));
        assert!(!allow(r#"["HEAD"]"#, "GET") && !allow(r#"["GET"]"#, "POST"));
    }
}
