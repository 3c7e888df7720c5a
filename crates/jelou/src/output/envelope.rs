//! The JSON envelope of results and errors.

use jelou_core::ErrorCode;
use serde::Serialize;
use serde_json::Value;

/// A suggested next command.
#[derive(Debug, Serialize)]
pub(crate) struct Breadcrumb {
    command: String,
    description: &'static str,
}

impl Breadcrumb {
    pub(crate) fn new(command: impl Into<String>, description: &'static str) -> Self {
        Self {
            command: command.into(),
            description,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Success<'a, T> {
    ok: bool,
    data: &'a T,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    breadcrumbs: &'a [Breadcrumb],
}

impl<'a, T> Success<'a, T> {
    pub(super) fn new(data: &'a T, breadcrumbs: &'a [Breadcrumb]) -> Self {
        Self {
            ok: true,
            data,
            breadcrumbs,
        }
    }
}

/// Adds the servers that have not applied the change. Data that is not an object stays as it is.
pub(super) fn with_pending(data: &impl Serialize, pending: &[String]) -> serde_json::Result<Value> {
    let mut data = serde_json::to_value(data)?;
    if let Value::Object(members) = &mut data {
        members.insert("pending".to_owned(), pending.into());
    }
    Ok(data)
}

#[derive(Serialize)]
pub(super) struct Failure<'a> {
    ok: bool,
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    code: ErrorCode,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retryable: bool,
}

impl<'a> Failure<'a> {
    pub(super) fn new(error: &'a ErrorBody) -> Self {
        Self {
            ok: false,
            error: ErrorJson {
                code: error.code,
                message: std::iter::once(&error.message)
                    .chain(&error.causes)
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(": "),
                hint: error.hint.as_deref(),
                retryable: error.code.is_retryable(),
            },
        }
    }
}

/// The parts of an error that are displayed.
#[derive(Debug)]
pub(crate) struct ErrorBody {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// The causes, from the direct cause to the root cause.
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
    /// The usage line of a usage error. JSON omits it.
    pub(crate) usage: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_members_are_left_out() {
        let success = serde_json::to_string(&Success::new(&[1], &[])).unwrap();
        assert_eq!(success, r#"{"ok":true,"data":[1]}"#);

        let mut error = ErrorBody {
            code: ErrorCode::LastToken,
            message: "no".to_owned(),
            causes: Vec::new(),
            hint: None,
            usage: Some("jelou".to_owned()),
        };
        assert_eq!(
            serde_json::to_string(&Failure::new(&error)).unwrap(),
            r#"{"ok":false,"error":{"code":"LAST_TOKEN","message":"no"}}"#
        );

        error.code = ErrorCode::NetworkError;
        error.causes = vec!["refused".to_owned()];
        error.hint = Some("try".to_owned());
        assert_eq!(
            serde_json::to_string(&Failure::new(&error)).unwrap(),
            r#"{"ok":false,"error":{"code":"NETWORK_ERROR","message":"no: refused","hint":"try","retryable":true}}"#
        );
    }
}
