//! The identity token of a pipeline: the CI service's proof of which job this is. If a trust policy accepts it, the
//! server exchanges it for an access token. Thus the pipeline stores no secret.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use jelou_client::{ApiUrl, Client, RequestedToken};
use jelou_token::AccessToken;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::CredentialsFile;
use crate::env;
use crate::exit::Failure;

const TIMEOUT: Duration = Duration::from_secs(20);
/// A stored token is no longer used when it expires within this number of seconds.
const MARGIN: i64 = 60;

pub(crate) struct IdentityToken {
    pub(crate) value: String,
    /// Whether the service issues a different token for each request.
    is_fresh: bool,
}

/// Returns the identity token of this job for the server at `audience`, or `None` if there is none.
///
/// # Errors
/// The service issues no identity token.
pub(crate) fn identity_token(audience: &str) -> anyhow::Result<Option<IdentityToken>> {
    if let Some(value) = env::read(env::JELOU_ID_TOKEN) {
        return Ok(Some(IdentityToken {
            value: value.trim().to_owned(),
            is_fresh: false,
        }));
    }
    let (Some(url), Some(token)) = (
        env::read(env::ACTIONS_ID_TOKEN_REQUEST_URL),
        env::read(env::ACTIONS_ID_TOKEN_REQUEST_TOKEN),
    ) else {
        return Ok(None);
    };
    let value = ask_github(&url, &token, audience)
        .map_err(|error| Failure::auth("GitHub Actions gives no identity token").because(error))?;
    Ok(Some(IdentityToken {
        value,
        is_fresh: true,
    }))
}

#[derive(Deserialize)]
struct Answer {
    value: String,
}

/// Requests an identity token from GitHub Actions:
/// <https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>
fn ask_github(url: &str, token: &str, audience: &str) -> anyhow::Result<String> {
    let mut url = url::Url::parse(url).context("the address of the service is not a URL")?;
    url.query_pairs_mut().append_pair("audience", audience);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .build()
        .into();
    let mut answer = agent
        .get(url.as_str())
        .header("authorization", format!("bearer {token}"))
        .call()?;
    let answer: Answer = serde_json::from_slice(&answer.body_mut().read_to_vec()?)?;
    Ok(answer.value)
}

/// Returns an access token for this job. An identity token can be exchanged only once. If the service issues the same
/// identity token again, the access token is stored for the next commands of the job.
///
/// # Errors
/// The service issues no identity token, or the server does not accept it.
pub(crate) fn access_token(api: &ApiUrl) -> anyhow::Result<Option<AccessToken>> {
    let Some(identity) = identity_token(api.as_str())? else {
        return Ok(None);
    };
    let kept = (!identity.is_fresh)
        .then(|| Kept::of(api, &identity.value))
        .flatten();
    if let Some(token) = kept.as_ref().and_then(Kept::read) {
        return Ok(Some(token));
    }
    let client = Client::new(api.clone(), None);
    let exchanged = client.exchange(&identity.value, &RequestedToken::Access(None))?;
    let token = AccessToken::parse(&exchanged.access_token)
        .map_err(|error| anyhow::anyhow!("the server gave no access token: {error}"))?;
    if let Some(kept) = kept {
        // If the write fails, the next command reports that the identity token was already used.
        let _ = kept.write(&exchanged.access_token, exchanged.expires_in);
    }
    Ok(Some(token))
}

#[derive(Serialize, Deserialize)]
struct KeptToken {
    token: String,
    /// Seconds since the Unix epoch.
    expires_at: i64,
}

/// The file with the access token for one identity token and one server.
struct Kept(PathBuf);

impl Kept {
    fn of(api: &ApiUrl, identity_token: &str) -> Option<Self> {
        let folder = CredentialsFile::locate().ok()?;
        let folder = folder.path().parent()?.join("exchanged");
        let mut hash = Sha256::new();
        hash.update(api.as_str());
        hash.update([0]);
        hash.update(identity_token);
        let name = hash.finalize()[..16]
            .iter()
            .fold(String::new(), |mut name, byte| {
                let _ = write!(name, "{byte:02x}");
                name
            });
        Some(Self(folder.join(name)))
    }

    fn read(&self) -> Option<AccessToken> {
        let kept: KeptToken = serde_json::from_slice(&fs::read(&self.0).ok()?).ok()?;
        let is_valid = kept.expires_at - MARGIN > jiff::Timestamp::now().as_second();
        AccessToken::parse(&kept.token).ok().filter(|_| is_valid)
    }

    fn write(&self, token: &str, expires_in: u64) -> std::io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::DirBuilderExt as _;
        let expires_in = i64::try_from(expires_in).unwrap_or_default();
        let kept = KeptToken {
            token: token.to_owned(),
            expires_at: jiff::Timestamp::now().as_second() + expires_in,
        };
        if let Some(folder) = self.0.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let temporary = self.0.with_extension("new");
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        fs::rename(temporary, &self.0)
    }
}
