//! A smoke call: a new deployment must answer it as expected before it goes live.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A smoke call and its expected status. Its text form is `METHOD PATH [BODY] STATUS`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SmokeCall {
    /// Upper case.
    pub method: String,
    /// Path and query, starting with `/`.
    pub path: String,
    /// Sent as JSON if it is valid JSON, otherwise as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The expected status.
    pub status: u16,
}

/// The text is not a smoke call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write METHOD PATH [BODY] STATUS, such as `POST / {{\"a\":1}} 200`")]
pub struct ParseSmokeCallError(&'static str);

impl SmokeCall {
    /// Checks a call that was read from JSON.
    ///
    /// # Errors
    /// If the method, the path or the status is invalid.
    pub fn check(&self) -> Result<(), ParseSmokeCallError> {
        let is_method = |c: char| c.is_ascii_uppercase();
        if self.method.is_empty() || !self.method.chars().all(is_method) {
            return Err(ParseSmokeCallError("the method is not in upper case"));
        }
        if !self.path.starts_with('/')
            || self
                .path
                .contains(|c: char| c.is_ascii_control() || c == ' ')
        {
            return Err(ParseSmokeCallError("the path does not start with `/`"));
        }
        if !(200..=599).contains(&self.status) {
            return Err(ParseSmokeCallError("the status is not 200 to 599"));
        }
        Ok(())
    }
}

impl FromStr for SmokeCall {
    type Err = ParseSmokeCallError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (method, rest) = text
            .split_once(char::is_whitespace)
            .ok_or(ParseSmokeCallError("there is only one word"))?;
        let (rest, status) = rest
            .trim()
            .rsplit_once(char::is_whitespace)
            .ok_or(ParseSmokeCallError("the status is missing"))?;
        let status = status
            .parse()
            .map_err(|_| ParseSmokeCallError("the last word is not a status"))?;
        let (path, body) = match rest.trim().split_once(char::is_whitespace) {
            Some((path, body)) => (path, Some(body.trim().to_owned())),
            None => (rest.trim(), None),
        };
        let call = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            body,
            status,
        };
        call.check()?;
        Ok(call)
    }
}

impl fmt::Display for SmokeCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if let Some(body) = &self.body {
            write!(f, " {body}")?;
        }
        write!(f, " {}", self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_optional_and_may_have_spaces() {
        for text in [
            "GET /health 200",
            "POST / {\"a\": 1, \"b\": [2]} 201",
            "PUT /x?y=1 text 204",
        ] {
            let call: SmokeCall = text.parse().unwrap();
            assert_eq!(call.to_string(), text);
        }
        let call: SmokeCall = "  POST   /a   {\"a\": 1}   200 ".parse().unwrap();
        assert_eq!(call.body.as_deref(), Some("{\"a\": 1}"));
    }

    #[test]
    fn the_error_names_the_missing_part() {
        for (text, reason) in [
            ("GET", "only one word"),
            ("GET /", "status is missing"),
            ("GET / {}", "last word"),
            ("get / 200", "upper case"),
            ("GET x 200", "start with `/`"),
            ("GET / 99", "200 to 599"),
        ] {
            let error = text.parse::<SmokeCall>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
