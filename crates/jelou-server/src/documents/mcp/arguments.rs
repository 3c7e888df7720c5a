//! Turns the arguments of a tool call into the HTTP request of the tool.

use jelou_core::manifest::Tool;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::input_schema::{self, WRAPPED, Wrapping};

/// The characters to percent-encode in a path segment: all except the unreserved characters (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Describes how the arguments of a tool become a request.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// The segments of the route: literals, and parameters with a leading colon.
    segments: Vec<String>,
    /// Route parameters that are not properties of the tool's input.
    added: Vec<String>,
    wrapping: Wrapping,
}

/// A request without its headers.
#[derive(Debug, PartialEq)]
pub(crate) struct Input {
    pub(crate) path: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// Why the path cannot be built. Each variant contains the parameter's name.
#[derive(Debug, PartialEq)]
pub(crate) enum ParameterError {
    Missing(String),
    /// The value is `.` or `..`. A URL parser would resolve it, even if it is percent-encoded.
    DotSegment(String),
}

impl Arguments {
    /// Returns the arguments and the schema for clients, with the route's parameters added.
    pub(crate) fn of(tool: &Tool) -> (Self, Value) {
        let (mut schema, wrapping) = input_schema::of(tool);
        let segments: Vec<String> = tool
            .path
            .split('/')
            .filter(|segment| !matches!(*segment, "" | "*"))
            .map(str::to_owned)
            .collect();
        let mut added = Vec::new();
        for name in segments
            .iter()
            .filter_map(|segment| segment.strip_prefix(':'))
        {
            if schema
                .get("properties")
                .and_then(|all| all.get(name))
                .is_some()
            {
                continue;
            }
            added.push(name.to_owned());
            let properties = schema.entry("properties").or_insert_with(|| json!({}));
            properties[name] = json!({ "type": "string" });
            let required = schema.entry("required").or_insert_with(|| json!([]));
            if let Value::Array(required) = required {
                required.push(json!(name));
            }
        }
        let arguments = Self {
            segments,
            added,
            wrapping,
        };
        (arguments, Value::Object(schema))
    }

    /// Returns the name of the argument that contains the input. `None` if the arguments themselves are the input.
    pub(crate) fn wrapper(&self) -> Option<&'static str> {
        (self.wrapping == Wrapping::Input).then_some(WRAPPED)
    }

    pub(crate) fn input(&self, mut arguments: Map<String, Value>) -> Result<Input, ParameterError> {
        let mut path = String::new();
        let mut params = Vec::new();
        for segment in &self.segments {
            path.push('/');
            let Some(name) = segment.strip_prefix(':') else {
                path.push_str(segment);
                continue;
            };
            let value = match arguments.get(name) {
                Some(Value::String(value)) if !value.is_empty() => value.clone(),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                _ => return Err(ParameterError::Missing(name.to_owned())),
            };
            if matches!(value.as_str(), "." | "..") {
                return Err(ParameterError::DotSegment(name.to_owned()));
            }
            path.extend(utf8_percent_encode(&value, SEGMENT));
            params.push((name.to_owned(), value));
        }
        if path.is_empty() {
            path.push('/');
        }
        for name in &self.added {
            arguments.remove(name);
        }
        let body = match self.wrapping {
            Wrapping::None => Value::Object(arguments),
            Wrapping::Input => match arguments.remove(WRAPPED) {
                Some(input) => input,
                None if arguments.is_empty() => {
                    return Err(ParameterError::Missing(WRAPPED.to_owned()));
                }
                // Models may also send the fields of the input without the argument that wraps them.
                None => Value::Object(arguments),
            },
        };
        Ok(Input { path, params, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(path: &str, schema: Value) -> (Arguments, Value) {
        let mut tool = crate::documents::openapi::tests::tool("t", path, &["POST"]);
        tool.input_schema = Some(schema);
        Arguments::of(&tool)
    }

    fn input(arguments: &Arguments, given: Value) -> Result<Input, ParameterError> {
        let Value::Object(given) = given else {
            panic!("arguments are an object");
        };
        arguments.input(given)
    }

    #[test]
    fn parameters_of_the_route_are_arguments() {
        let schema = json!({ "type": "object", "properties": { "id": { "type": "number" } } });
        let (arguments, shown) = arguments("/orders/:id/:tab/*", schema);
        assert_eq!(shown["properties"]["id"], json!({ "type": "number" }));
        assert_eq!(shown["properties"]["tab"], json!({ "type": "string" }));
        assert_eq!(shown["required"], json!(["tab"]));
        let found = input(&arguments, json!({ "id": 7, "tab": "a b/é", "x": 1 })).unwrap();
        assert_eq!(found.path, "/orders/7/a%20b%2F%C3%A9");
        let param = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found.params, [param("id", "7"), param("tab", "a b/é")]);
        assert_eq!(found.body, json!({ "id": 7, "x": 1 }));
        let missing = input(&arguments, json!({ "id": 7 })).unwrap_err();
        assert_eq!(missing, ParameterError::Missing("tab".to_owned()));
        for dots in [".", ".."] {
            let refused = input(&arguments, json!({ "id": 7, "tab": dots })).unwrap_err();
            assert_eq!(refused, ParameterError::DotSegment("tab".to_owned()));
        }
        // Encoding turns the percent sign into `%25`, so the value is not a dot segment.
        let found = input(&arguments, json!({ "id": "...", "tab": ".%2e" })).unwrap();
        assert_eq!(found.path, "/orders/.../.%252e");
    }

    #[test]
    fn an_input_that_is_no_object_is_required() {
        let (arguments, shown) = arguments("/", json!({ "type": "string" }));
        assert_eq!(shown["required"], json!(["input"]));
        let missing = input(&arguments, json!({})).unwrap_err();
        assert_eq!(missing, ParameterError::Missing("input".to_owned()));
        assert_eq!(
            input(&arguments, json!({ "input": null })).unwrap().body,
            Value::Null
        );
        let unwrapped = input(&arguments, json!({ "a": 1 })).unwrap();
        assert_eq!(unwrapped.body, json!({ "a": 1 }));
    }

    #[test]
    fn any_path_is_the_root() {
        let (arguments, _) = arguments("*", json!({ "type": "string" }));
        let found = input(&arguments, json!({ "input": "x" })).unwrap();
        assert_eq!((found.path.as_str(), found.body), ("/", json!("x")));
    }
}
