//! Sends one request unchanged: no redirects, no errors for statuses, and the given host.

use std::sync::OnceLock;
use std::time::Duration;

use http::Request;
use serde_json::Value;
use ureq::Agent;

/// The longest time that an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The largest response body that a test reads.
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Clone)]
pub(crate) struct Call {
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn new(address: &str, host: &str, path: &str) -> Self {
        Self {
            method: "GET",
            url: format!("http://{address}{path}"),
            headers: vec![("host".to_owned(), host.to_owned())],
            body: None,
        }
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("x-jelou-token", token)
    }

    /// Makes the request a POST with this body. The content type is set like any other header.
    pub(crate) fn body(mut self, body: impl Into<String>) -> Self {
        self.method = "POST";
        self.body = Some(body.into());
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn send(&self) -> Reply {
        let mut request = Request::builder().method(self.method).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = match &self.body {
            Some(body) => agent().run(request.body(body.as_str()).unwrap()),
            None => agent().run(request.body(()).unwrap()),
        }
        .unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.url));
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response
                .body_mut()
                .with_config()
                .limit(MAX_BODY_BYTES)
                .read_to_string()
                .unwrap(),
        }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let all = self.headers.get_all(name).iter();
        all.map(|value| value.to_str().unwrap()).collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// An agent that keeps connections open, like most clients.
fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .build()
            .new_agent()
    })
}
