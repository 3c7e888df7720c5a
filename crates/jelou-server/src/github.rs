//! GitHub's secret scanning: checks the signature of the webhook, and fetches the leaked value, which the webhook
//! leaves out.
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads#secret_scanning_alert>

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use ring::hmac;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::config::Leaks;

const TIMEOUT: Duration = Duration::from_secs(8);

pub(crate) struct GithubScanning {
    key: hmac::Key,
    api: String,
    token: Option<Zeroizing<String>>,
    agent: ureq::Agent,
}

impl fmt::Debug for GithubScanning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GithubScanning")
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Alert {
    secret: Zeroizing<String>,
}

impl GithubScanning {
    /// Returns `None` if the webhook has no secret.
    pub(crate) fn new(config: &Leaks) -> Option<Self> {
        let secret = config.github_webhook_secret.as_ref()?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .build();
        Some(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            api: config.github_api.trim_end_matches('/').to_owned(),
            token: config.github_token.clone(),
            agent: agent.into(),
        })
    }

    /// Whether the body has a valid signature. Compares in constant time.
    pub(crate) fn signed(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let mut values = headers.get_all("x-hub-signature-256").iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        let tag = value
            .to_str()
            .ok()
            .and_then(|value| value.strip_prefix("sha256="));
        tag.and_then(from_hex)
            .is_some_and(|tag| hmac::verify(&self.key, body, &tag).is_ok())
    }

    /// Returns the leaked value that an alert is about.
    ///
    /// # Errors
    /// Why GitHub does not return the value.
    pub(crate) async fn secret_of_alert(
        &self,
        repository: &str,
        number: u64,
    ) -> Result<Zeroizing<String>, String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_valid =
            |name: &str| !name.is_empty() && name.chars().all(is_name) && !name.starts_with('.');
        if !repository
            .split_once('/')
            .is_some_and(|(owner, name)| is_valid(owner) && is_valid(name))
        {
            return Err("the repository of the event has no valid name".to_owned());
        }
        let Some(token) = self.token.clone() else {
            return Err(
                "leaks.github_token is not set, and the webhook does not contain the value"
                    .to_owned(),
            );
        };
        let url = format!(
            "{}/repos/{repository}/secret-scanning/alerts/{number}",
            self.api
        );
        let agent = self.agent.clone();
        let read = move || -> Result<Zeroizing<String>, ureq::Error> {
            let authorization = Zeroizing::new(format!("Bearer {}", token.as_str()));
            let mut answer = agent
                .get(&url)
                .header("accept", "application/vnd.github+json")
                .header("authorization", authorization.as_str())
                .header("user-agent", "jelou")
                .call()?;
            let alert: Alert = answer.body_mut().read_json()?;
            Ok(alert.secret)
        };
        let read = tokio::task::spawn_blocking(read).await;
        // Without the text of a panic, which may contain the value.
        let read = read.map_err(|_| "the request panicked".to_owned())?;
        read.map_err(|error| format!("GitHub does not give the value of the alert: {error}"))
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}
