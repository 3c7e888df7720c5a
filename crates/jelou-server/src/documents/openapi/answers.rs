//! The responses of the gateway and of the worker program. They are the same for every function.

use serde_json::{Map, Value, json};

/// A response of the platform, and its name in `components.responses`.
pub(super) struct PlatformAnswer {
    pub(super) status: &'static str,
    pub(super) name: &'static str,
    pub(super) given_to: GivenTo,
    description: &'static str,
    body: Body,
    header: Option<(&'static str, &'static str)>,
}

/// The requests that may get a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenTo {
    All,
    /// Requests that need a token.
    TokenNeeded,
    /// Requests whose body is read as input.
    WithBody,
}

enum Body {
    /// No body. The connection's HTTP parser sends the response.
    None,
    /// `{"error": text}`.
    Error(&'static str),
    Forbidden,
    BadRequest,
    NotFound,
    UnsupportedMediaType,
}

pub(super) const ANSWERS: [PlatformAnswer; 13] = [
    PlatformAnswer {
        status: "400",
        name: "BadRequest",
        given_to: GivenTo::All,
        description: "The input does not match the schema, or the body is not JSON though it says so.",
        body: Body::BadRequest,
        header: None,
    },
    PlatformAnswer {
        status: "401",
        name: "Unauthorized",
        given_to: GivenTo::TokenNeeded,
        description: "The token is missing or does not open this function.",
        body: Body::Error("Unauthorized"),
        header: Some(("WWW-Authenticate", "The scheme of the token's header.")),
    },
    PlatformAnswer {
        status: "403",
        name: "Forbidden",
        given_to: GivenTo::TokenNeeded,
        description: "The token is valid and does not allow this.",
        body: Body::Forbidden,
        header: None,
    },
    PlatformAnswer {
        status: "404",
        name: "NotFound",
        given_to: GivenTo::All,
        description: "No such route or function.",
        body: Body::NotFound,
        header: None,
    },
    PlatformAnswer {
        status: "405",
        name: "MethodNotAllowed",
        given_to: GivenTo::All,
        description: "The route does not take this method.",
        body: Body::Error("Method not allowed"),
        header: Some(("Allow", "The methods that the route takes.")),
    },
    PlatformAnswer {
        status: "413",
        name: "PayloadTooLarge",
        given_to: GivenTo::All,
        description: "The body is over the limit.",
        body: Body::Error("Payload too large"),
        header: None,
    },
    PlatformAnswer {
        status: "415",
        name: "UnsupportedMediaType",
        given_to: GivenTo::WithBody,
        description: "The body's charset or content encoding is not supported.",
        body: Body::UnsupportedMediaType,
        header: Some((
            "Accept-Encoding",
            "The content encodings that are supported, if that was the cause.",
        )),
    },
    PlatformAnswer {
        status: "429",
        name: "TooManyRequests",
        given_to: GivenTo::TokenNeeded,
        description: "The token is over its rate limit.",
        body: Body::Error("Too many requests"),
        header: Some(("Retry-After", "Seconds to wait.")),
    },
    PlatformAnswer {
        status: "431",
        name: "HeadTooLarge",
        given_to: GivenTo::All,
        description: "The header fields are too many or too large.",
        body: Body::None,
        header: None,
    },
    PlatformAnswer {
        status: "500",
        name: "FunctionError",
        given_to: GivenTo::All,
        description: "The function failed.",
        body: Body::Error("Internal function error"),
        header: None,
    },
    PlatformAnswer {
        status: "503",
        name: "Unavailable",
        given_to: GivenTo::All,
        description: "There is no capacity at the moment.",
        body: Body::Error("Function unavailable"),
        header: Some(("Retry-After", "Seconds to wait.")),
    },
    PlatformAnswer {
        status: "504",
        name: "TimedOut",
        given_to: GivenTo::All,
        description: "The function did not answer in time.",
        body: Body::Error("Function timed out"),
        header: None,
    },
    PlatformAnswer {
        status: "508",
        name: "LoopDetected",
        given_to: GivenTo::All,
        description: "The functions of this call call each other too often.",
        body: Body::Error("Loop detected"),
        header: None,
    },
];

/// `components.responses`.
pub(super) fn responses() -> Value {
    let responses: Map<_, _> = ANSWERS
        .iter()
        .map(|answer| (answer.name.to_owned(), answer.describe()))
        .collect();
    Value::Object(responses)
}

impl PlatformAnswer {
    fn describe(&self) -> Value {
        let mut response = json!({ "description": self.description });
        if let Some(schema) = self.body.schema() {
            response["content"] = json!({ "application/json": { "schema": schema } });
        }
        if let Some((name, description)) = self.header {
            response["headers"] =
                json!({ name: { "description": description, "schema": { "type": "string" } } });
        }
        response
    }
}

impl Body {
    fn schema(&self) -> Option<Value> {
        Some(match self {
            Self::None => return None,
            Self::Error(text) => error(text),
            Self::Forbidden => or_own([error("Forbidden")]),
            Self::BadRequest => or_own([
                with_details("Validation failed"),
                with_details("Invalid JSON"),
                error("Invalid content encoding"),
                error("Invalid X-Jelou-Identity"),
            ]),
            Self::NotFound => or_own([no_such_route(), error("Function not found")]),
            Self::UnsupportedMediaType => or_own([
                error("Unsupported charset"),
                error("Unsupported content encoding"),
            ]),
        })
    }
}

/// Returns a schema that also allows the handler's own response, because handlers use statuses such as 400 and 404 too.
fn or_own<const N: usize>(of_platform: [Value; N]) -> Value {
    let own = json!({ "description": "What the function answers itself." });
    json!({ "anyOf": of_platform.into_iter().chain([own]).collect::<Vec<_>>() })
}

fn error(text: &str) -> Value {
    object(&json!({ "error": { "const": text } }))
}

fn with_details(text: &str) -> Value {
    let detail = object(&json!({
        "path": { "type": "array", "items": { "type": ["string", "integer"] } },
        "message": { "type": "string" },
        "code": { "type": "string" },
    }));
    object(&json!({
        "error": { "const": text },
        "details": { "type": "array", "items": detail, "minItems": 1 },
    }))
}

fn no_such_route() -> Value {
    object(&json!({
        "error": { "const": "Not found" },
        "availableRoutes": { "type": "array", "items": { "type": "string" } },
    }))
}

/// Returns the schema of an object with exactly these properties.
fn object(properties: &Value) -> Value {
    let names: Vec<_> = properties
        .as_object()
        .map(|properties| properties.keys().collect())
        .unwrap_or_default();
    json!({
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": false,
    })
}
