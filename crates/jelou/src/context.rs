//! The shared parts of every command: output, prompts and credentials.

use std::sync::Arc;

use jelou_client::{ApiUrl, Client};
use jelou_core::{MissingScope, Scope};
use jelou_token::AccessToken;

use crate::cli::GlobalArgs;
use crate::env;
use crate::exit::Failure;
use crate::interrupt::{self, Progress};
use crate::output::Output;
use crate::profile::{CredentialSource, CredentialsFile, Session, pipeline};
use crate::prompt::{Preset, Prompt};
use crate::waiting::Waiting;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) prompt: Prompt,
    /// The value of `--profile`.
    pub(crate) profile: Option<String>,
}

impl Context {
    pub(crate) fn new(global: GlobalArgs) -> Self {
        Self {
            output: Output::new(&global),
            prompt: Prompt::new(&global),
            profile: global.profile,
        }
    }

    /// Returns the credentials to use. Warns if others can read them.
    fn session(&self) -> anyhow::Result<Session> {
        let session = Session::resolve(self.profile.as_deref())?;
        if session.source.profile().is_some() {
            let file = CredentialsFile::locate()?;
            if file.is_readable_by_others() {
                self.output.warn(&format!(
                    "{path} can be read by other users; run: chmod 600 {path}",
                    path = file.path().display()
                ))?;
            }
        }
        if session.token.is_some() && session.api.is_readable_by_others() {
            self.output.warn(&format!(
                "{} is not encrypted: others on the network can read the access token",
                session.api
            ))?;
        }
        Ok(session)
    }

    /// Returns a client with the credentials of this command.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        self.client_and_source().map(|(client, _)| client)
    }

    /// Like [`Context::client`], but also returns the source of the credentials.
    pub(crate) fn client_and_source(&self) -> anyhow::Result<(Client, CredentialSource)> {
        let mut session = self.session()?;
        if session.token.is_none()
            && let Some(token) = pipeline::access_token(&session.api)?
        {
            session.token = Some(token);
            session.source = CredentialSource::Pipeline;
        }
        let Some(token) = session.token else {
            let hint = if env::is_on(env::CI) {
                "set JELOU_TOKEN, or let the server trust this pipeline: `jelou trust create`"
            } else if session.api.is_loopback() {
                "run `jelou login`, or set JELOU_TOKEN; `jelou serve` starts a server on this machine and logs you in"
            } else {
                "run `jelou login`, or set JELOU_TOKEN"
            };
            let failure = Failure::auth(format!("not logged in to the server at {}", session.api));
            return Err(failure.hint(hint).into());
        };
        Ok((self.connect(session.api, token), session.source))
    }

    pub(crate) fn connect(&self, api: ApiUrl, token: AccessToken) -> Client {
        interrupt::note(Progress::Unchanged);
        let waiting = Waiting::new(&self.output, &api);
        Client::new(api, Some(token)).with_observer(Arc::new(waiting))
    }

    /// Returns a client without credentials, for requests that need none.
    pub(crate) fn client_without_token(&self) -> anyhow::Result<Client> {
        Ok(Client::new(self.session()?.api, None))
    }

    /// Returns a client for a change that the user confirms. If the confirmation is still missing, checks that `question`
    /// can be asked, and that the access token has `scope`. The command then looks up what it changes, so that
    /// [`Context::confirm`] asks only about changes that are possible.
    pub(crate) fn client_for_change(
        &self,
        confirmation: Confirmation,
        question: &str,
        flag: &str,
        scope: &Scope,
    ) -> anyhow::Result<Client> {
        if confirmation == Confirmation::Ask {
            self.prompt.require(question, flag)?;
        }
        let client = self.client()?;
        if confirmation == Confirmation::Ask {
            require_scope(&client, scope)?;
        }
        Ok(client)
    }

    /// Asks the user for confirmation, unless a flag has given it.
    pub(crate) fn confirm(
        &self,
        confirmation: Confirmation,
        question: &str,
        preset: Preset,
        flag: &str,
    ) -> anyhow::Result<()> {
        match confirmation {
            Confirmation::Given => Ok(()),
            Confirmation::Ask => self.prompt.confirm(&self.output, question, preset, flag),
        }
    }
}

/// Checks that the access token has the scope, before a question about a change that needs it.
pub(crate) fn require_scope(client: &Client, scope: &Scope) -> anyhow::Result<()> {
    let token = client.whoami()?.access_token;
    let allowed = token.scopes.require(scope, &token.name);
    Ok(allowed
        .map_err(|missing| Failure::forbidden(missing.to_string()).hint(MissingScope::HINT))?)
}

/// Whether a flag such as `--yes` has given the confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    Given,
    Ask,
}

impl Confirmation {
    pub(crate) fn from_flag(given: bool) -> Self {
        if given { Self::Given } else { Self::Ask }
    }
}
