//! The facts that the gateway adds to a call, and their wire format, which `sdk/src/worker/call_facts.ts` parses.

use http::header::{HeaderName, HeaderValue, InvalidHeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use uuid::Uuid;

/// The header with the facts of a call over HTTP.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-jelou-call");
/// The bytes that are percent-encoded, because they would end a field.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Facts of a call. The first two fields are not sent to the worker: the engine stores them, and looks them up by the
/// request id that the worker sends.
#[derive(Debug, Clone, Copy)]
pub struct CallFacts<'a> {
    /// Number of hops before this call.
    pub hops: u32,
    /// The scope of `ctx.memory`.
    pub memory_scope: &'a str,
    pub request_id: Uuid,
    /// The tool's key in the manifest (`Tool::key`).
    pub tool: &'a str,
    /// Scheme and authority of the function's URL.
    pub url: &'a str,
    /// Decoded values of the path parameters.
    pub params: &'a [(String, String)],
    /// The identity of the user behind the caller, as a JSON object.
    pub identity: Option<&'a str>,
    /// What started the call, as a JSON object; `None` for a caller.
    pub trigger: Option<&'a str>,
    /// The `traceparent` of the call (W3C Trace Context); `None` if the call is not traced.
    pub traceparent: Option<&'a str>,
}

impl CallFacts<'_> {
    /// Appends one line without a line end: the fields of [`CallFacts`] from `request_id` on, percent-encoded and
    /// separated by spaces. A missing field is empty; missing trailing fields (`trigger`, `traceparent`) are omitted.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut id = Uuid::encode_buffer();
        let id = self.request_id.hyphenated().encode_lower(&mut id);
        out.extend_from_slice(id.as_bytes());
        field(out, self.tool);
        field(out, self.url);
        if self.params.is_empty() {
            field(out, "");
        } else {
            let params = self.params.iter();
            let params: serde_json::Map<_, _> = params
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect();
            field(out, &serde_json::Value::Object(params).to_string());
        }
        field(out, self.identity.unwrap_or_default());
        if self.trigger.is_some() || self.traceparent.is_some() {
            field(out, self.trigger.unwrap_or_default());
        }
        if let Some(traceparent) = self.traceparent {
            field(out, traceparent);
        }
    }

    /// Returns the same line as the value of [`HEADER`]. The line is printable ASCII, so the conversion does not fail
    /// in practice.
    pub(crate) fn header_value(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut line = Vec::new();
        self.write(&mut line);
        HeaderValue::from_bytes(&line)
    }
}

fn field(out: &mut Vec<u8>, value: &str) {
    out.push(b' ');
    for part in utf8_percent_encode(value, ENCODED) {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
impl CallFacts<'static> {
    pub(crate) const PLAIN: Self = Self {
        hops: 0,
        memory_scope: "",
        request_id: Uuid::nil(),
        tool: "default",
        url: "https://f.example.com",
        params: &[],
        identity: None,
        trigger: None,
        traceparent: None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_facts_are_empty_fields() {
        let value = CallFacts::PLAIN.header_value().unwrap();
        let id = Uuid::nil();
        assert_eq!(value, format!("{id} default https://f.example.com  "));
    }

    #[test]
    fn no_value_can_end_its_field() {
        let params = [("a b".to_owned(), "\n%20\u{f1}\"".to_owned())];
        let facts = CallFacts {
            tool: "una herramienta",
            params: &params,
            identity: Some("{\"user\": 1}"),
            trigger: Some("{\"type\":\"cron\",\"cron\":\"* *\"}"),
            traceparent: Some("00-1-2-01"),
            ..CallFacts::PLAIN
        };
        let value = facts.header_value().unwrap();
        let text = value.to_str().unwrap();
        let fields: Vec<_> = text.split(' ').collect();
        assert_eq!(
            fields[1..],
            [
                "una%20herramienta",
                "https://f.example.com",
                "{\"a%20b\":\"\\n%2520%C3%B1\\\"\"}",
                "{\"user\":%201}",
                "{\"type\":\"cron\",\"cron\":\"*%20*\"}",
                "00-1-2-01",
            ]
        );
    }
}
