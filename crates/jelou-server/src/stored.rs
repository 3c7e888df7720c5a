//! Loads the state of the database at the start of the server: artifacts, and the content of the registry.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use jelou_core::Clock;
use jelou_engine::{ArtifactCache, ArtifactError};
use jelou_store::{
    AccessTokenRecord, FunctionRecord, LiveDeployment, Location, PreviewRecord, SecretOwner,
    SecretRecord, Snapshot, Store, StoreConfig, StoreError, Vault,
};
use jiff::Timestamp;

use crate::config::Config;
use crate::control::{self, Control};
use crate::data_dir::{DataDir, DataDirError};
use crate::local_copy::LocalCopy;
use crate::master_key;
use crate::registry::{Function, RuntimeTokens};
use crate::server::StartError;

/// Returns the location of the database that the configuration names: by default a file in the data folder.
pub(crate) fn store_config(config: &Config, data: &Path) -> StoreConfig {
    let file = || Location::Sqlite(DataDir::database_of(data));
    StoreConfig {
        location: config.database.postgres().unwrap_or_else(file),
        busy_timeout: config.database.busy_timeout(),
    }
}

/// The database that a server starts with.
pub(crate) struct Opened {
    pub(crate) store: Store,
    /// The local copy, and when it was last known to be current, if the database is away.
    pub(crate) copied: Option<(Snapshot<RuntimeTokens>, Timestamp)>,
    /// `None` if this server keeps no local copy.
    pub(crate) local_copy: Option<LocalCopy>,
}

/// Opens the database. `jelou dev` uses a separate file, because the state of a project is not shared.
pub(crate) async fn open_store(
    config: &Config,
    data: &DataDir,
    is_development: bool,
    clock: Clock,
) -> Result<Opened, StartError> {
    let mut store_config = store_config(config, data.path());
    if is_development {
        store_config.location = Location::Sqlite(data.database());
    }
    let copy = match &store_config.location {
        Location::Sqlite(_) => None,
        Location::Postgres(url) | Location::Pooler { url, .. } => {
            tracing::info!("the database is {}", url.place());
            keep_or_remove(LocalCopy::of(data, &url.place()), config)?
        }
    };
    let vault = open_vault(config, data).await?;
    let opening = Store::open(&store_config, vault, clock.clone());
    let (store, copied) = match (opening.await, &copy) {
        (Ok(store), _) => (store, None),
        (Err(StoreError::Database(away)), Some(copy)) if away.is_away() => {
            tracing::warn!(
                error = &away as &dyn std::error::Error,
                "the database is away; this server starts from its local copy"
            );
            let vault = open_vault(config, data).await?;
            let copied = copy.read(&vault)?;
            (Store::away(&store_config, vault, clock)?, Some(copied))
        }
        (Err(error), _) => return Err(error.into()),
    };
    Ok(Opened {
        store: if store.is_shared() {
            store.of_node(data.node()?)
        } else {
            store
        },
        copied,
        local_copy: copy,
    })
}

/// Returns the local copy if this server keeps one. Otherwise deletes the copy of an earlier start.
fn keep_or_remove(copy: LocalCopy, config: &Config) -> Result<Option<LocalCopy>, DataDirError> {
    if config.database.local_copy {
        return Ok(Some(copy));
    }
    copy.remove()?;
    Ok(None)
}

async fn open_vault(config: &Config, data: &DataDir) -> Result<Vault, StartError> {
    let (settings, file) = (config.master_key.clone(), DataDir::key_file_of(data.path()));
    let opening = tokio::task::spawn_blocking(move || master_key::open(&settings, &file));
    let opened = opening.await;
    // Without the text of a panic, which may contain a key.
    let panicked = |_| std::io::Error::other("reading the master key panicked");
    Ok(opened.map_err(|error| DataDirError::Io(panicked(error)))??)
}

/// Writes the artifacts of served deployments to disk, so that a cold start does not need the database.
pub(crate) async fn provide_artifacts(
    store: &Store,
    artifacts: &ArtifactCache,
    deployments: impl Iterator<Item = &LiveDeployment>,
) -> Result<(), StartError> {
    let mut live = HashSet::new();
    for deployment in deployments {
        let hash = deployment.artifact_hash.to_string();
        if !artifacts.holds(&hash) {
            let stored = store.artifact(deployment.artifact_hash).await?;
            let bundle = control::bundle_of(stored).map_err(ArtifactError::Io)?;
            artifacts.put(&hash, &bundle)?;
        }
        live.insert(hash);
    }
    Ok(artifacts.retain(&live)?)
}

/// Fills the registry from the store.
pub(crate) fn fill(
    control: &Control,
    functions: Vec<FunctionRecord>,
    previews: Vec<PreviewRecord>,
    secrets: Vec<SecretRecord>,
    access_tokens: &[AccessTokenRecord],
) {
    let registry = &control.registry;
    let mut secrets_by_owner: HashMap<SecretOwner, Vec<SecretRecord>> = HashMap::new();
    for secret in secrets {
        let owner = secret.owner.clone();
        secrets_by_owner.entry(owner).or_default().push(secret);
    }
    let inherited = secrets_by_owner.remove(&SecretOwner::Organisation);
    let inherited = Arc::new(inherited.unwrap_or_default());
    registry.organisation_secrets.store(inherited);
    for record in functions {
        let owner = SecretOwner::Function(record.id.clone());
        let own = secrets_by_owner.remove(&owner).unwrap_or_default();
        let secrets = registry.with_inherited(own);
        let settings = control.settings_in_force(&record.settings);
        if let Err(error) = settings.limits.validate() {
            tracing::warn!(function = %record.slug, %error, "limits that were set for a function no longer fit those of the server");
        }
        let function = Function::new(record.id, record.slug, secrets, settings);
        if let Some(live) = record.live {
            function.swap_live(control.live(&function, live));
        }
        registry.put_function(Arc::new(function));
    }
    let functions = registry.functions();
    for record in previews {
        let owner = SecretOwner::Preview(record.id.clone());
        let own = secrets_by_owner.remove(&owner).unwrap_or_default();
        // The function may be missing, because an older version of the server may have deleted it.
        if let Some(function) = functions.iter().find(|one| one.id == record.function_id) {
            control.restore_preview(function, record, own);
        }
    }
    for token in access_tokens {
        registry.access_tokens.put(token);
    }
}
