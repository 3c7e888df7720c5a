//! The one transaction of a deploy: artifact, function, deployment, live pointer, first token.

use jelou_core::api::FileSummary;
use jelou_core::{DeploymentId, FunctionId, Manifest, Slug};

use crate::actor::Actor;
use crate::artifact::{Artifact, Compressed};
use crate::audit::Action;
use crate::change::{Change, Entry};
use crate::deployments::DeploymentRecord;
use crate::error::StoreError;
use crate::functions::{self, FunctionRecord};
use crate::row::Columns;
use crate::runtime_tokens::{self, NewRuntimeToken, RuntimeTokenRecord};
use crate::store::Store;

#[derive(Debug, Clone)]
pub struct NewDeployment {
    /// Created when there is no such function.
    pub slug: Slug,
    pub artifact: Artifact,
    pub manifest: Manifest,
    pub entrypoint: String,
    pub files: Vec<FileSummary>,
    /// The token to create, should this be the function's first deployment. Without one the function gets none.
    pub first_token: Option<NewRuntimeToken>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Deployed {
    pub function: FunctionRecord,
    pub deployment: DeploymentRecord,
    /// Present when `first_token` was used: now its value may be shown.
    pub token: Option<RuntimeTokenRecord>,
    pub function_created: bool,
    /// The deployment that calls went to until now.
    pub previous_live: Option<DeploymentId>,
}

impl Store {
    /// Makes a new deployment live, all of it or nothing.
    pub async fn deploy(&self, actor: &Actor, new: NewDeployment) -> Result<Deployed, StoreError> {
        let bundle_bytes = new.artifact.bundle.len() as u64;
        // Before the transaction, so that nothing else waits for it.
        let artifact = Compressed::new(new.artifact).await?;
        let artifact_hash = artifact.hash;

        let mut change = self.change(actor).await?;
        artifact.insert(change.connection()).await?;
        let (function, function_created) = function(&mut change, &new.slug).await?;
        let first = function_created || !has_deployments(&mut change, &function.id).await?;
        let deployment = DeploymentRecord {
            id: DeploymentId::generate(),
            function_id: function.id.clone(),
            live: true,
            artifact_hash,
            manifest: new.manifest,
            entrypoint: new.entrypoint,
            files: new.files,
            bundle_bytes,
            created_by: actor.name.clone(),
            created_at: change.now(),
        };
        insert(&mut change, &function.slug, &deployment).await?;
        functions::set_live(
            change.connection(),
            &function.id,
            &deployment.id,
            deployment.created_at,
        )
        .await?;
        let token = match new.first_token.filter(|_| first) {
            // `None` when the name is taken: somebody made that token before the first deploy.
            Some(token) => runtime_tokens::insert(&mut change, &function, token).await?,
            None => None,
        };
        let previous_live = function.live.map(|live| live.id);
        let function = functions::find_by_id(&mut *change.connection(), &function.id).await?;
        change.commit().await?;
        Ok(Deployed {
            function,
            deployment,
            token,
            function_created,
            previous_live,
        })
    }
}

/// The function of that slug, and whether it had to be created.
async fn function(
    change: &mut Change<'_>,
    slug: &Slug,
) -> Result<(FunctionRecord, bool), StoreError> {
    if let Some(function) = functions::find(&mut *change.connection(), slug).await? {
        return Ok((function, false));
    }
    let at = change.now();
    let function = functions::insert(change.connection(), slug, None, at)
        .await?
        .ok_or_else(|| StoreError::conflict(format!("`{slug}` was created at the same time")))?;
    change.record(functions::created(&function)).await?;
    Ok((function, true))
}

async fn has_deployments(
    change: &mut Change<'_>,
    function: &FunctionId,
) -> Result<bool, StoreError> {
    let count = sqlx::query("SELECT count(*) AS count FROM deployments WHERE function_id = $1")
        .bind(function.as_str())
        .fetch_one(change.connection())
        .await?
        .number("count")?;
    Ok(count > 0)
}

async fn insert(
    change: &mut Change<'_>,
    slug: &Slug,
    deployment: &DeploymentRecord,
) -> Result<(), StoreError> {
    let json = |place, error| StoreError::corrupt(place, error);
    let manifest = serde_json::to_string(&deployment.manifest)
        .map_err(|error| json("deployments.manifest", error))?;
    let files = serde_json::to_string(&deployment.files)
        .map_err(|error| json("deployments.files", error))?;
    let bundle_bytes = i64::try_from(deployment.bundle_bytes)
        .map_err(|error| StoreError::corrupt("deployments.bundle_bytes", error))?;
    let revision = change
        .record(Entry {
            action: Action::DeploymentCreate,
            function: Some(slug),
            target: deployment.id.as_str(),
            detail: None,
        })
        .await?;
    sqlx::query(
        "INSERT INTO deployments (id, function_id, artifact_hash, manifest, entrypoint, files, bundle_bytes, \
         revision, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(deployment.id.as_str())
    .bind(deployment.function_id.as_str())
    .bind(deployment.artifact_hash.to_string())
    .bind(manifest)
    .bind(deployment.entrypoint.as_str())
    .bind(files)
    .bind(bundle_bytes)
    .bind(revision)
    .bind(deployment.created_by.as_str())
    .bind(deployment.created_at.as_millisecond())
    .execute(change.connection())
    .await?;
    Ok(())
}
