//! A server in this process, and functions on it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use figment::Figment;
use figment::providers::{Format, Toml};
use jelou_client::Client;
use jelou_core::SourceFile;
use jelou_core::api::{DeployRequest, DeployResult};
use jelou_server::config::DEFAULTS;
use jelou_server::{Config, Server};

use super::{Call, engine};

pub(crate) struct TestServer {
    address: String,
    client: Client,
    server: Option<Server>,
    runtime: tokio::runtime::Runtime,
    _root: tempfile::TempDir,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let root = tempfile::tempdir().unwrap();
        // A server of root gives its processes user ids of their own, and these must get through.
        std::fs::set_permissions(root.path(), Permissions::from_mode(0o711)).unwrap();
        let data = root.path().join("data");
        engine::link_into(&data);
        // The defaults alone: nothing of the environment that the tests run in.
        let mut config: Config = Figment::from(Toml::string(DEFAULTS))
            .merge(("listen", "127.0.0.1:0"))
            .merge(("data", data))
            .extract()
            .unwrap();
        change(&mut config);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (server, ready) = runtime.block_on(Server::start(config, |_| {})).unwrap();
        Self {
            address: ready.api.strip_prefix("http://").unwrap().to_owned(),
            client: Client::new(ready.api.parse().unwrap(), ready.access_token),
            server: Some(server),
            runtime,
            _root: root,
        }
    }

    /// Deploys a function of one file; its first token, where this is its first deploy.
    pub(crate) fn deploy(&self, slug: &str, source: &str) -> String {
        let token = self.try_deploy(slug, source).token;
        token.map(|created| created.token).unwrap_or_default()
    }

    pub(crate) fn try_deploy(&self, slug: &str, source: &str) -> DeployResult {
        let file = SourceFile {
            path: "index.ts".to_owned(),
            content: format!(
                "import {{ app, define, response, z }} from \"@jelou/functions\";\n{source}"
            ),
        };
        let request = DeployRequest {
            files: vec![file],
            entrypoint: None,
            dry_run: false,
            check: false,
        };
        let slug = slug.parse().unwrap();
        self.client.deployments(&slug).create(&request).unwrap()
    }

    /// The origin of a function, as a browser would send it.
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

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shut_down());
        }
    }
}
