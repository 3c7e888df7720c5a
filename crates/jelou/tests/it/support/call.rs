//! Sends a request to a server unchanged: no redirects, no errors for statuses, and the given host name.

use std::time::Duration;

use ureq::Agent;
use ureq::http::Request;

/// The longest time that an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) struct Call {
    agent: Agent,
    method: &'static str,
    url: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn new(address: &str, host: &str) -> Self {
        Self::over(agent(), address, host)
    }

    /// Uses the connections of this agent.
    pub(super) fn over(agent: Agent, address: &str, host: &str) -> Self {
        Self {
            agent,
            method: "POST",
            url: format!("http://{address}"),
            path: "/".to_owned(),
            headers: vec![
                ("host".to_owned(), host.to_owned()),
                ("content-type".to_owned(), "application/json".to_owned()),
            ],
            body: b"{}".to_vec(),
        }
    }

    pub(crate) fn get(mut self, path: &str) -> Self {
        self.method = "GET";
        self.body.clear();
        self.path(path)
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// Sets path and query.
    pub(crate) fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("x-jelou-token", token)
    }

    pub(crate) fn body(self, body: &str) -> Self {
        self.body_bytes(body.as_bytes())
    }

    pub(crate) fn body_bytes(mut self, body: &[u8]) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub(crate) fn send(&self) -> Reply {
        self.try_send()
            .unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.url))
    }

    pub(crate) fn try_send(&self) -> Result<Reply, ureq::Error> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(format!("{}{}", self.url, self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = if self.body.is_empty() {
            self.agent.run(request.body(())?)?
        } else {
            self.agent.run(request.body(self.body.as_slice())?)?
        };
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        Ok(Reply {
            status: response.status().as_u16(),
            headers,
            body: response.body_mut().read_to_string()?,
        })
    }
}

impl Reply {
    pub(crate) fn header(&self, wanted: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(name, _)| name == wanted);
        header.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// An agent that keeps connections open, like most clients. Each server has a separate agent: a later server may get
/// the port of an earlier one, but its old connections are dead.
pub(super) fn agent() -> Agent {
    Agent::config_builder()
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .build()
        .new_agent()
}
