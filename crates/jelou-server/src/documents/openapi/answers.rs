//! The responses of the gateway and the worker, which every function shares.

use serde_json::{Map, Value, json};

/// A response that every function may give: status, component name and description.
pub(super) struct PlatformAnswer {
    pub(super) status: &'static str,
    pub(super) name: &'static str,
    /// Whether only requests that need a token can get it.
    pub(super) of_token: bool,
    description: &'static str,
    body: Body,
    header: Option<(&'static str, &'static str)>,
}

enum Body {
    /// `{"error": text}`.
    Error(&'static str),
    Forbidden,
    BadRequest,
    NotFound,
}

pub(super) const ANSWERS: [PlatformAnswer; 10] = [
    PlatformAnswer {
        status: "400",
        name: "BadRequest",
        of_token: false,
        description: "The input does not match the schema, or the body is not JSON though it says so.",
        body: Body::BadRequest,
        header: None,
    },
    PlatformAnswer {
        status: "401",
        name: "Unauthorized",
        of_token: true,
        description: "The token is missing or does not open this function.",
        body: Body::Error("Unauthorized"),
        header: Some(("WWW-Authenticate", "The scheme of the token's header.")),
    },
    PlatformAnswer {
        status: "403",
        name: "Forbidden",
        of_token: true,
        description: "The token is valid and does not allow this.",
        body: Body::Forbidden,
        header: None,
    },
    PlatformAnswer {
        status: "404",
        name: "NotFound",
        of_token: false,
        description: "No such route or function.",
        body: Body::NotFound,
        header: None,
    },
    PlatformAnswer {
        status: "405",
        name: "MethodNotAllowed",
        of_token: false,
        description: "The route does not take this method.",
        body: Body::Error("Method not allowed"),
        header: Some(("Allow", "The methods that the route takes.")),
    },
    PlatformAnswer {
        status: "413",
        name: "PayloadTooLarge",
        of_token: false,
        description: "The body is over the limit.",
        body: Body::Error("Payload too large"),
        header: None,
    },
    PlatformAnswer {
        status: "429",
        name: "TooManyRequests",
        of_token: true,
        description: "The token is over its rate limit.",
        body: Body::Error("Too many requests"),
        header: Some(("Retry-After", "Seconds to wait.")),
    },
    PlatformAnswer {
        status: "500",
        name: "FunctionError",
        of_token: false,
        description: "The function failed.",
        body: Body::Error("Internal function error"),
        header: None,
    },
    PlatformAnswer {
        status: "503",
        name: "Unavailable",
        of_token: false,
        description: "There is no capacity at the moment.",
        body: Body::Error("Function unavailable"),
        header: Some(("Retry-After", "Seconds to wait.")),
    },
    PlatformAnswer {
        status: "504",
        name: "TimedOut",
        of_token: false,
        description: "The function did not answer in time.",
        body: Body::Error("Function timed out"),
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
        let mut response = json!({
            "description": self.description,
            "content": { "application/json": { "schema": self.body.schema() } },
        });
        if let Some((name, description)) = self.header {
            response["headers"] =
                json!({ name: { "description": description, "schema": { "type": "string" } } });
        }
        response
    }
}

impl Body {
    fn schema(&self) -> Value {
        match self {
            Self::Error(text) => error(text),
            Self::Forbidden => or_own([error("Forbidden")]),
            Self::BadRequest => or_own([validation_failed(), error("Invalid JSON")]),
            Self::NotFound => or_own([no_such_route(), error("Function not found")]),
        }
    }
}

/// Also allows the handler's own response, for statuses that handlers use too, such as 400 and 404.
fn or_own<const N: usize>(of_platform: [Value; N]) -> Value {
    let own = json!({ "description": "What the function answers itself." });
    json!({ "anyOf": of_platform.into_iter().chain([own]).collect::<Vec<_>>() })
}

fn error(text: &str) -> Value {
    object(&json!({ "error": { "const": text } }))
}

fn validation_failed() -> Value {
    let detail = object(&json!({
        "path": { "type": "array", "items": { "type": ["string", "integer"] } },
        "message": { "type": "string" },
        "code": { "type": "string" },
    }));
    object(&json!({
        "error": { "const": "Validation failed" },
        "details": { "type": "array", "items": detail, "minItems": 1 },
    }))
}

fn no_such_route() -> Value {
    object(&json!({
        "error": { "const": "Not found" },
        "availableRoutes": { "type": "array", "items": { "type": "string" } },
    }))
}

/// An object with exactly these properties.
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
