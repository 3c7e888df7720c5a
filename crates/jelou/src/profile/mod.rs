//! Credentials: the server and the access token of a command.

mod access_token;
mod credentials;
pub(crate) mod pipeline;
mod session;

use jelou_client::ApiUrl;
use jelou_token::AccessToken;

pub(crate) use access_token::read_access_token;
pub(crate) use credentials::{Credentials, CredentialsFile, Profile, check_name};
pub(crate) use session::{CredentialSource, Session, no_profile, parse_api};

/// The address on which `jelou serve` listens by default.
pub(crate) const DEFAULT_API: &str = "http://127.0.0.1:4400";

/// The profile that `jelou login` saves by default.
pub(crate) const DEFAULT_PROFILE: &str = "default";

/// The profile that `jelou serve` saves for the user who started it.
pub(crate) const LOCAL_PROFILE: &str = "local";

/// Saves the profile `local`. Makes it active if no profile is.
pub(crate) fn save_local(api: &ApiUrl, token: &AccessToken) -> anyhow::Result<()> {
    CredentialsFile::locate()?.update(|credentials| {
        credentials.set(LOCAL_PROFILE, Profile::new(api, token));
        if credentials.active().is_none() {
            credentials.activate(LOCAL_PROFILE);
        }
    })
}
