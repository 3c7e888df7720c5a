//! How other commands reach the `jelou dev` that serves a folder: a file in its state folder.

use std::path::Path;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use jelou_client::Client;
use jelou_core::Slug;
use jelou_server::DevelopmentServer;
use jelou_token::AccessToken;
use serde::{Deserialize, Serialize};

use super::projects::state_of;
use crate::context::Context;

/// The file in the state folder. Only the user can read it, because it has an access token.
const FILE: &str = "server.json";
const MODE: u32 = 0o600;

#[derive(Serialize, Deserialize)]
pub(in crate::commands) struct Contact {
    /// The URL of the functions.
    pub(in crate::commands) url: String,
    /// The URL of the management API.
    api: String,
    token: String,
    functions: Vec<Slug>,
}

impl Contact {
    pub(super) async fn of(server: &DevelopmentServer) -> anyhow::Result<Self> {
        Ok(Self {
            url: server.url().to_owned(),
            api: server.api().to_owned(),
            token: server.access_token().await?.expose().to_owned(),
            functions: server
                .functions()
                .iter()
                .map(|one| one.slug().clone())
                .collect(),
        })
    }

    /// Returns how to reach the `jelou dev` of this folder; `None` if none runs.
    pub(in crate::commands) fn find(dir: &Path) -> Option<Self> {
        let file = fs::read(state_of(dir).join(FILE)).ok()?;
        serde_json::from_slice(&file).ok()
    }

    pub(in crate::commands) fn serves(&self, slug: &Slug) -> bool {
        self.functions.contains(slug)
    }

    /// Whether the server runs. The file of a killed server stays.
    pub(super) fn answers(&self, context: &Context) -> bool {
        let client = self.client(context);
        client.is_ok_and(|client| client.whoami().is_ok())
    }

    /// Returns a client of the management API.
    pub(in crate::commands) fn client(&self, context: &Context) -> anyhow::Result<Client> {
        let token = AccessToken::parse(&self.token)?;
        Ok(context.connect(self.api.parse()?, token))
    }

    pub(super) fn write(&self, state: &Path) -> anyhow::Result<()> {
        // A file of an earlier start may have another mode.
        Self::remove(state);
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(MODE);
        serde_json::to_writer(file.open(state.join(FILE))?, self)?;
        Ok(())
    }

    /// Removes the file. If this fails, the next start replaces it.
    pub(super) fn remove(state: &Path) {
        let _ = fs::remove_file(state.join(FILE));
    }
}
