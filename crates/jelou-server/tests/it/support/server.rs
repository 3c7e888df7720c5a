//! A server in this process, with functions.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use figment::Figment;
use figment::providers::{Format, Toml};
use jelou_client::{Client, ClientError};
use jelou_core::api::{
    CreateToken, CreatedToken, DeployRequest, DeployResult, OpenPreview, RuntimeTokenInfo,
    SetSecrets,
};
use jelou_core::{Clock, SourceFile};
use jelou_engine::SandboxMode;
use jelou_server::config::DEFAULTS;
use jelou_server::{Config, DataDirError, Ready, Server, StartError};
use jelou_token::AccessToken;
use tokio::runtime::Runtime;

use super::{Call, Wire, engine, eventually};

pub(crate) struct TestServer {
    address: String,
    client: Client,
    server: Option<Server>,
    runtime: Runtime,
    root: Option<tempfile::TempDir>,
    access_token: String,
    /// The configuration for a restart.
    config: Config,
    clock: Clock,
    functions: String,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_with_clock(Clock::system(), change)
    }

    pub(crate) fn start_with_clock(clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let root = tempfile::tempdir().unwrap();
        // If root starts the server, its processes have separate user ids and need access to this folder.
        std::fs::set_permissions(root.path(), Permissions::from_mode(0o711)).unwrap();
        let data = root.path().join("data");
        engine::link_into(&data);
        // Only the defaults, without the environment of the test run.
        let mut config: Config = Figment::from(Toml::string(DEFAULTS))
            .merge(("listen", "127.0.0.1:0"))
            .merge(("data", data))
            .extract()
            .unwrap();
        // All test servers use the same user ids, and the firewall's table is named after them. The servers would
        // delete each other's table.
        config.sandbox.firewall = SandboxMode::Off;
        change(&mut config);
        Self::start_in(root, config, clock, None)
    }

    fn start_in(
        root: tempfile::TempDir,
        config: Config,
        clock: Clock,
        access_token: Option<String>,
    ) -> Self {
        super::log::keep();
        let runtime = Runtime::new().unwrap();
        let (server, ready) = start_server(&runtime, &config, &clock);
        let created = ready.access_token.map(|token| token.expose().to_owned());
        let access_token = created.or(access_token).unwrap();
        let token = AccessToken::parse(&access_token).unwrap();
        Self {
            address: ready.api.split_once("://").unwrap().1.to_owned(),
            functions: ready.functions.clone(),
            config,
            clock,
            client: Client::new(ready.api.parse().unwrap(), Some(token)),
            access_token,
            server: Some(server),
            runtime,
            root: Some(root),
        }
    }

    /// Deploys a function of one file. Returns its first token if this is its first deploy.
    pub(crate) fn deploy(&self, slug: &str, source: &str) -> String {
        let token = self.try_deploy(slug, source).unwrap().token;
        token.map(|created| created.token).unwrap_or_default()
    }

    pub(crate) fn try_deploy(&self, slug: &str, source: &str) -> Result<DeployResult, ClientError> {
        self.deploy_with(slug, source, DeployRequest::default())
    }

    pub(crate) fn preview(
        &self,
        slug: &str,
        source: &str,
        preview: OpenPreview,
    ) -> Result<DeployResult, ClientError> {
        let request = DeployRequest {
            preview: Some(preview),
            ..DeployRequest::default()
        };
        self.deploy_with(slug, source, request)
    }

    fn deploy_with(
        &self,
        slug: &str,
        source: &str,
        request: DeployRequest,
    ) -> Result<DeployResult, ClientError> {
        let file = SourceFile::new(
            "index.ts",
            format!("import {{ app, define, response, z }} from \"@jelou/functions\";\n{source}"),
        );
        let request = DeployRequest {
            files: vec![file],
            ..request
        };
        let slug = slug.parse().unwrap();
        self.client.deployments(&slug).create(&request)
    }

    pub(crate) fn set_secret(&self, slug: &str, key: &str, value: &str) {
        let secrets = [(key.to_owned(), value.to_owned())].into();
        let slug = slug.parse().unwrap();
        let secrets = SetSecrets { secrets };
        self.client.secrets(&slug).set(&secrets).unwrap();
    }

    /// Creates a token through the management API.
    pub(crate) fn create_token(&self, slug: &str, token: serde_json::Value) -> CreatedToken {
        let token: CreateToken = serde_json::from_value(token).unwrap();
        let slug = slug.parse().unwrap();
        self.client.tokens(&slug).create(&token).unwrap()
    }

    /// The function's tokens in the management API.
    pub(crate) fn tokens(&self, slug: &str) -> Vec<RuntimeTokenInfo> {
        self.client.tokens(&slug.parse().unwrap()).list().unwrap()
    }

    /// Sends a request to the management API. Returns the status and the body; null without one.
    pub(crate) fn manage(
        &self,
        method: &'static str,
        path: &str,
        body: &serde_json::Value,
    ) -> (u16, serde_json::Value) {
        let address = self.address();
        let call = Call::new(address, address, path).json(body).method(method);
        let token = format!("Bearer {}", self.access_token());
        let reply = call.header("authorization", &token).send();
        let body = match reply.body.as_str() {
            "" => serde_json::Value::Null,
            _ => reply.json(),
        };
        (reply.status, body)
    }

    /// Like [`Self::manage`], for an answer that may not be JSON.
    pub(crate) fn manage_text(&self, method: &'static str, path: &str) -> String {
        let address = self.address();
        let call = Call::new(address, address, path).method(method);
        let token = format!("Bearer {}", self.access_token());
        let reply = call.header("authorization", &token).send();
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }

    /// Stops the server and starts it again on the same data. `change` may change its settings.
    pub(crate) fn restart(mut self, change: impl FnOnce(&mut Config)) -> Self {
        self.stop();
        let mut config = self.config.clone();
        change(&mut config);
        let root = self.root.take().unwrap();
        Self::start_in(
            root,
            config,
            self.clock.clone(),
            Some(self.access_token.clone()),
        )
    }

    fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shut_down());
        }
    }

    /// A connection to the server for raw bytes.
    pub(crate) fn wire(&self) -> Wire {
        Wire::connect(&self.address)
    }

    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.config.data.join("jelou.db")
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The access token for the management API.
    pub(crate) fn access_token(&self) -> &str {
        &self.access_token
    }

    /// The URL pattern of functions, as announced by the server.
    pub(crate) fn functions(&self) -> &str {
        &self.functions
    }

    /// The host name of a function.
    pub(crate) fn host(&self, slug: &str) -> String {
        let origin = self.origin(slug);
        origin.split_once("://").unwrap().1.to_owned()
    }

    /// The origin of a function, as a browser sends it.
    pub(crate) fn origin(&self, slug: &str) -> String {
        let (_, port) = self.address.rsplit_once(':').unwrap();
        format!("http://{slug}.fn.localhost:{port}")
    }

    /// A request to a function.
    pub(crate) fn call(&self, slug: &str, path: &str) -> Call {
        let origin = self.origin(slug);
        let host = origin.strip_prefix("http://").unwrap();
        Call::new(&self.address, host, path)
    }
}

/// If another test starts a process, that process holds copies of this process's file descriptors until it calls
/// `exec`. Among them may be the lock of a data folder that this test wants to use again.
fn start_server(runtime: &Runtime, config: &Config, clock: &Clock) -> (Server, Ready) {
    eventually("a data folder that nobody uses", || {
        match runtime.block_on(Server::start_with_clock(
            config.clone(),
            clock.clone(),
            |_| {},
        )) {
            Err(StartError::DataDir(DataDirError::InUse(_))) => None,
            started => Some(started.unwrap()),
        }
    })
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
    }
}
