//! A store in a temporary folder or in its own schema, and test data.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jelou_core::api::FileSummary;
use jelou_core::manifest::{Mode, Tool};
use jelou_core::source::FileKind;
use jelou_core::{
    Clock, DeploymentId, FunctionId, Manifest, Provenance, Scope, Scopes, SecretKey, Slug,
    SourceFile, TokenLabels, TokenName, TokenPolicy,
};
use jelou_store::{
    Actor, ArtifactRecord, FunctionRecord, Location, NewAccessToken, NewDeployment,
    NewRuntimeToken, SecretOwner, Store, StoreConfig, StoreError, Vault,
};
use jelou_token::{AccessToken, DisplayPrefix, RuntimeToken};
use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;
use zeroize::Zeroizing;

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    config: StoreConfig,
    url: String,
}

/// Environment variable with the URL of a PostgreSQL server, which the tests use instead of SQLite files.
pub(crate) const POSTGRES: &str = "JELOU_TEST_POSTGRES";

/// Whether the tests use PostgreSQL. Tests about SQLite's files then return at once.
pub(crate) fn on_postgres() -> bool {
    std::env::var_os(POSTGRES).is_some()
}

/// An empty database: a file in the folder, or a new schema.
pub(crate) async fn database(folder: &TempDir) -> (Location, String) {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    sqlx::any::install_default_drivers();
    let Ok(server) = std::env::var(POSTGRES) else {
        let path = folder.path().join("jelou.db");
        let url = format!("sqlite://{}", path.display());
        return (Location::Sqlite(path), url);
    };
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    let schema = format!("test_{}_{number}", std::process::id());
    let mut connection = AnyConnection::connect(&server).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::raw_sql(create)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let url = format!("{server}?options[search_path]={schema}");
    (Location::Postgres(url.parse().unwrap()), url)
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with_busy_timeout(StoreConfig::DEFAULT_BUSY_TIMEOUT).await
    }

    pub(crate) async fn with_busy_timeout(busy_timeout: Duration) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Clock::fixed(start());
        let (location, url) = database(&folder).await;
        let config = StoreConfig {
            busy_timeout,
            ..StoreConfig::at(location)
        };
        let vault = Vault::open(&folder.path().join("master.key")).unwrap();
        let store = Store::open(&config, vault, clock.clone()).await.unwrap();
        Self {
            folder,
            store,
            clock,
            config,
            url,
        }
    }

    /// Another handle on the same database, like in another process.
    pub(crate) async fn open_again(&self) -> Store {
        let vault = Vault::open(&self.key_file()).unwrap();
        Store::open(&self.config(), vault, self.clock.clone())
            .await
            .unwrap()
    }

    pub(crate) fn config(&self) -> StoreConfig {
        self.config.clone()
    }

    /// The file of SQLite.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("jelou.db")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    /// A connection that bypasses the store.
    pub(crate) async fn connection(&self) -> AnyConnection {
        AnyConnection::connect(&self.url).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        let mut connection = self.connection().await;
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let mut connection = self.connection().await;
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock
            .set(self.clock.now() + SignedDuration::from_secs(seconds));
    }

    pub(crate) async fn function(&self, name: &str) -> FunctionRecord {
        self.store
            .create_function(&actor(), &slug(name), None)
            .await
            .unwrap()
    }

    pub(crate) async fn token(
        &self,
        function: &FunctionId,
        name: &str,
    ) -> jelou_store::RuntimeTokenRecord {
        self.store
            .create_token(&actor(), function, runtime_token(name))
            .await
            .unwrap()
    }

    pub(crate) async fn set(&self, owner: &SecretOwner, key: &str, value: &str) {
        self.store
            .set_secrets(&actor(), owner, vec![secret(key, value)])
            .await
            .unwrap();
    }
}

pub(crate) fn start() -> Timestamp {
    "2026-07-04T10:30:00Z".parse().unwrap()
}

pub(crate) fn actor() -> Actor {
    Actor {
        id: "pat_01jzzzzzzzzzzzzzzzzzzzzzzz".to_owned(),
        name: "laptop".to_owned(),
        address: None,
    }
}

pub(crate) fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

pub(crate) fn token_name(text: &str) -> TokenName {
    text.parse().unwrap()
}

pub(crate) fn prefix(text: &str) -> DisplayPrefix {
    text.parse().unwrap()
}

pub(crate) fn secret_key(text: &str) -> SecretKey {
    text.parse().unwrap()
}

pub(crate) fn secret(key: &str, value: &str) -> (SecretKey, Zeroizing<String>) {
    (secret_key(key), Zeroizing::new(value.to_owned()))
}

pub(crate) fn runtime_token(name: &str) -> NewRuntimeToken {
    let token = RuntimeToken::mint().unwrap();
    NewRuntimeToken {
        name: token_name(name),
        hash: token.hash(),
        prefix: token.display_prefix(),
        expires_at: None,
        policy: TokenPolicy::default(),
        labels: TokenLabels::default(),
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature that `deploy` takes"
)]
pub(crate) fn first_token() -> Result<Option<NewRuntimeToken>, StoreError> {
    Ok(Some(runtime_token("default")))
}

pub(crate) fn access_token(name: &str) -> NewAccessToken {
    let token = AccessToken::mint().unwrap();
    NewAccessToken {
        name: token_name(name),
        hash: token.hash(),
        prefix: token.display_prefix(),
        scopes: Scopes::admin(),
        expires_at: None,
    }
}

/// An access token without the administrator scope.
pub(crate) fn deployer_token(name: &str) -> NewAccessToken {
    NewAccessToken {
        scopes: Scopes::from_iter([Scope::FunctionsWrite]),
        ..access_token(name)
    }
}

pub(crate) fn artifact(bundle: &str) -> ArtifactRecord {
    ArtifactRecord {
        bundle: bundle.to_owned(),
        source_map: Some(r#"{"version":3}"#.to_owned()),
        sources: vec![SourceFile::new("index.ts", format!("// {bundle}"))],
        assets: None,
    }
}

pub(crate) fn manifest(description: &str) -> Manifest {
    Manifest {
        mode: Mode::Define,
        name: None,
        description: description.to_owned(),
        tools: vec![Tool {
            key: "default".to_owned(),
            name: "saludar".to_owned(),
            description: description.to_owned(),
            path: "*".to_owned(),
            methods: vec!["POST".to_owned()],
            timeout_ms: None,
            mcp: true,
            public: false,
            cors: None,
            cron: Vec::new(),
            input_schema: Some(serde_json::json!({ "type": "object" })),
            output_schema: None,
            annotations: None,
        }],
        env: true,
        keep_warm: 0,
        routes: Vec::new(),
        logs: jelou_core::LogRules::default(),
        openapi: None,
    }
}

pub(crate) fn deployment(name: &str, bundle: &str) -> NewDeployment {
    NewDeployment {
        id: DeploymentId::generate(),
        new_function: FunctionId::generate(),
        slug: slug(name),
        artifact: artifact(bundle),
        manifest: manifest(bundle),
        entrypoint: "index.ts".to_owned(),
        files: vec![FileSummary {
            path: "index.ts".to_owned(),
            bytes: 12,
            kind: Some(FileKind::Module),
        }],
        dependencies: Vec::new(),
        digest: format!("digest of {bundle}"),
        provenance: Provenance::default(),
        message: None,
        tag: None,
        pinned: false,
        kept: 20,
        preview: None,
    }
}
