//! Sends requests with the access token and timeouts, and converts error responses to errors.

use std::sync::Arc;
use std::time::Duration;

use jelou_core::api::Problem;
use jelou_token::AccessToken;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use ureq::http::{Method, Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::observer::Watch;
use crate::path::Path;
use crate::{ApiUrl, ClientError, Effect, Observer};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a complete request. The slowest request is a deploy that downloads packages.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);
/// Maximum bytes of a response body.
const MAX_ANSWER: u64 = 32 * 1024 * 1024;

/// The header that names the servers which have not applied a change.
const PENDING: &str = "jelou-pending";
/// The header that names the servers whose data is missing in the response.
const MISSING: &str = "jelou-missing";

/// The header that names the rows of the database that the response lacks.
const UNREADABLE: &str = "jelou-unreadable";

/// A client of one server with one access token.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    api: ApiUrl,
    token: Option<AccessToken>,
    observer: Option<Arc<dyn Observer>>,
    /// Whether deploys wait for all servers of the database.
    waits: bool,
}

impl Client {
    /// Creates a client without connecting. Without a token, only [`Client::health`] succeeds.
    pub fn new(api: ApiUrl, token: Option<AccessToken>) -> Self {
        let mut config = Agent::config_builder()
            .user_agent(concat!("jelou/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(REQUEST_TIMEOUT))
            // A redirect could send the token to another host. The API has no redirects.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .tls_config(
                TlsConfig::builder()
                    .root_certs(RootCerts::PlatformVerifier)
                    .build(),
            );
        if api.is_loopback() {
            // Through a proxy, a loopback address would mean the proxy's machine.
            config = config.proxy(None);
        }
        Self {
            agent: config.build().new_agent(),
            api,
            token,
            observer: None,
            waits: false,
        }
    }

    /// Reports every later request to `observer`.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// `waits`: the server answers a deploy only when all servers of its database serve it, or after 2 seconds.
    #[must_use]
    pub fn waiting(mut self, waits: bool) -> Self {
        self.waits = waits;
        self
    }

    pub fn api(&self) -> &ApiUrl {
        &self.api
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &Path) -> Result<T, ClientError> {
        self.read(self.send(Method::GET, Effect::Read, path, None)?)
    }

    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &Path,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.post_with(Effect::Change, path, body)
    }

    /// Like [`Self::post`], for a request that changes nothing if it is a dry run.
    pub(crate) fn post_unless_dry<T: DeserializeOwned>(
        &self,
        dry_run: bool,
        path: &Path,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let effect = if dry_run {
            Effect::Read
        } else {
            Effect::Change
        };
        self.post_with(effect, path, body)
    }

    fn post_with<T: DeserializeOwned>(
        &self,
        effect: Effect,
        path: &Path,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = self.encode(body)?;
        self.read(self.send(Method::POST, effect, path, Some(body))?)
    }

    /// Sends a form without the access token. Errors have the shape of OAuth 2.0.
    pub(crate) fn post_form<T: DeserializeOwned>(
        &self,
        path: &Path,
        form: Vec<(&str, &str)>,
    ) -> Result<T, ClientError> {
        let mut answer = self
            .agent
            .post(format!("{}{path}", self.api))
            .send_form(form)
            .map_err(|error| self.network(error))?;
        if answer.status().is_success() {
            return self.read(answer);
        }
        let refused = has_type(&answer, "application/json")
            .then(|| read_body(&mut answer).ok())
            .flatten()
            .and_then(|body| serde_json::from_slice::<OAuthError>(&body).ok());
        Err(match refused {
            Some(refused) => ClientError::Exchange(refused.error_description),
            None => self.refusal(answer),
        })
    }

    pub(crate) fn patch<T: DeserializeOwned>(
        &self,
        path: &Path,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = self.encode(body)?;
        self.read(self.send(Method::PATCH, Effect::Change, path, Some(body))?)
    }

    pub(crate) fn delete(&self, path: &Path) -> Result<(), ClientError> {
        self.send(Method::DELETE, Effect::Change, path, None)
            .map(drop)
    }

    pub(crate) fn delete_and_read<T: DeserializeOwned>(
        &self,
        path: &Path,
    ) -> Result<T, ClientError> {
        let answer = self.send(Method::DELETE, Effect::Change, path, None)?;
        self.read(answer)
    }

    fn encode(&self, body: &impl Serialize) -> Result<Vec<u8>, ClientError> {
        serde_json::to_vec(body).map_err(|error| self.unreadable(&error))
    }

    /// Sends a request. A status other than 2xx is an error.
    fn send(
        &self,
        method: Method,
        effect: Effect,
        path: &Path,
        body: Option<Vec<u8>>,
    ) -> Result<Response<Body>, ClientError> {
        let mut watch = self
            .observer
            .as_ref()
            .map(|observer| Watch::start(observer, effect));
        let network = |source| ClientError::Network {
            url: self.api.to_string(),
            source: Box::new(source),
        };
        let request = self.request(method, path, "application/json")?;
        let answer = match body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body)
                .map_err(ureq::Error::Http)
                .and_then(|request| self.agent.run(request)),
            None => request
                .body(())
                .map_err(ureq::Error::Http)
                .and_then(|request| self.agent.run(request)),
        }
        .map_err(network)?;
        if let Some(watch) = &mut watch {
            watch.answered(answer.status());
        }
        if answer.status().is_success() {
            let named = |header: &str| answer.headers().get(header)?.to_str().ok();
            if let Some(observer) = &self.observer {
                if let Some(servers) = named(PENDING) {
                    observer.pending(servers);
                }
                if let Some(servers) = named(MISSING) {
                    observer.missing(servers);
                }
                if let Some(rows) = named(UNREADABLE) {
                    observer.unreadable(rows);
                }
            }
            Ok(answer)
        } else {
            Err(self.refusal(answer))
        }
    }

    fn request(
        &self,
        method: Method,
        path: &Path,
        accept: &str,
    ) -> Result<ureq::http::request::Builder, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.api))
            .header(ACCEPT, accept);
        if let Some(token) = &self.token {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .map_err(|error| self.network(ureq::Error::Http(error.into())))?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        if self.waits {
            // RFC 7240
            request = request.header("prefer", "wait=2");
        }
        Ok(request)
    }

    /// Opens a stream. The body of the response has no timeout.
    pub(crate) fn open(
        &self,
        path: &Path,
        accept: &str,
        last_event_id: Option<&str>,
    ) -> Result<Response<Body>, ClientError> {
        let mut request = self.request(Method::GET, path, accept)?;
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let answer = request
            .body(())
            .map_err(ureq::Error::Http)
            .and_then(|request| {
                let request = self.agent.configure_request(request);
                let request = request
                    .timeout_global(None)
                    .timeout_recv_response(Some(REQUEST_TIMEOUT));
                self.agent.run(request.build())
            })
            .map_err(|error| self.network(error))?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(self.refusal(answer))
        }
    }

    fn network(&self, source: ureq::Error) -> ClientError {
        ClientError::Network {
            url: self.api.to_string(),
            source: Box::new(source),
        }
    }

    fn read<T: DeserializeOwned>(&self, mut answer: Response<Body>) -> Result<T, ClientError> {
        if !has_type(&answer, "application/json") {
            return Err(self.not_jelou(&answer));
        }
        let body = read_body(&mut answer).map_err(|source| ClientError::Network {
            url: self.api.to_string(),
            source: Box::new(source),
        })?;
        serde_json::from_slice(&body).map_err(|error| self.unreadable(&error))
    }

    fn refusal(&self, mut answer: Response<Body>) -> ClientError {
        let problem = has_type(&answer, "application/problem+json")
            .then(|| read_body(&mut answer).ok())
            .flatten()
            .and_then(|body| serde_json::from_slice::<Problem>(&body).ok());
        match (problem, answer.status().as_u16()) {
            (Some(problem), _) => ClientError::Problem(Box::new(problem)),
            (None, status @ (429 | 502 | 503 | 504)) => ClientError::Unavailable {
                url: self.api.to_string(),
                status,
            },
            (None, _) => self.not_jelou(&answer),
        }
    }

    fn not_jelou(&self, answer: &Response<Body>) -> ClientError {
        ClientError::NotJelou {
            url: self.api.to_string(),
            status: answer.status().as_u16(),
        }
    }

    /// Creates an error for a body that cannot be read. The reason is redacted, because it may quote a token.
    fn unreadable(&self, error: &serde_json::Error) -> ClientError {
        ClientError::Unreadable {
            url: self.api.to_string(),
            reason: jelou_token::redact(&error.to_string()).into_owned(),
        }
    }
}

#[derive(serde::Deserialize)]
struct OAuthError {
    error_description: String,
}

fn read_body(answer: &mut Response<Body>) -> Result<Vec<u8>, ureq::Error> {
    answer
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_vec()
}

fn has_type(answer: &Response<Body>, wanted: &str) -> bool {
    answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}
