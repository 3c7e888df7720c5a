//! A deploy: creates artifact, function, deployment and first token, and makes the deployment live, in one transaction.

use jelou_core::api::{Dependency, FileSummary};
use jelou_core::{DeploymentId, FunctionId, Manifest, Provenance, Slug};
use jiff::Timestamp;
use serde_json::json;

use crate::actor::Actor;
use crate::artifact::{self, ArtifactHash, ArtifactRecord, Compressed};
use crate::change::{Action, Change, Entry};
use crate::database::DatabaseError;
use crate::database::row::Columns;
use crate::deployments::{self, DeploymentRecord};
use crate::difference::set_members;
use crate::error::StoreError;
use crate::functions::{self, FunctionRecord};
use crate::previews::{self, PreviewRecord, PreviewTerms};
use crate::runtime_tokens::{self, NewRuntimeToken, RuntimeTokenRecord};
use crate::store::Store;

/// A build to deploy.
#[derive(Debug, Clone)]
pub struct NewDeployment {
    /// The id of the deployment. Its processes may already run.
    pub id: DeploymentId,
    /// The id for the function, if the deploy creates it.
    pub new_function: FunctionId,
    /// The slug of the function. The deploy creates the function if it does not exist.
    pub slug: Slug,
    pub artifact: ArtifactRecord,
    /// The manifest that the build read from the bundle.
    pub manifest: Manifest,
    /// Path of the entrypoint, relative to the upload's root.
    pub entrypoint: String,
    /// The uploaded files.
    pub files: Vec<FileSummary>,
    /// The packages and remote modules in the bundle.
    pub dependencies: Vec<Dependency>,
    /// Digest of the build's input, to find equal builds.
    pub digest: String,
    /// The commit and the pipeline of the files.
    pub provenance: Provenance,
    /// The purpose of the deploy.
    pub message: Option<String>,
    /// A label such as a version.
    pub tag: Option<String>,
    /// Whether the deployment is kept until it is unpinned.
    pub pinned: bool,
    /// Maximum number of deployments of the function that are kept, in addition to pinned ones.
    pub kept: usize,
    /// The preview that serves the deployment. `None` makes the deployment live.
    pub preview: Option<PreviewTerms>,
}

/// The result of a deploy.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployed {
    /// The function. The new deployment is live unless it is for a preview.
    pub function: FunctionRecord,
    pub deployment: DeploymentRecord,
    /// The preview that serves the deployment, if the deploy was for one.
    pub preview: Option<PreviewRecord>,
    /// The first token, if this deploy created it.
    pub token: Option<RuntimeTokenRecord>,
    /// The artifacts that were deleted because no deployment uses them any more.
    pub deleted_artifacts: Vec<ArtifactHash>,
}

impl Store {
    /// Creates a deployment, and makes it the live one, or the one of a preview. `first_token` mints a token for the
    /// first deployment of a function, or returns `None`. Later deploys do not call it. The token is not created if its
    /// name is taken by an unrevoked token.
    ///
    /// # Errors
    /// The error of `first_token`, [`StoreError::NotFound`] when the preview does not exist any more, or
    /// [`StoreError::Database`].
    pub async fn deploy<E: From<StoreError>>(
        &self,
        actor: &Actor,
        new: NewDeployment,
        first_token: impl FnOnce() -> Result<Option<NewRuntimeToken>, E> + Send,
    ) -> Result<Deployed, E> {
        let bundle_bytes = new.artifact.bundle.len() as u64;
        // Compresses before the transaction, because the transaction blocks all other changes.
        let artifact = Compressed::new(new.artifact).await?;
        let artifact_hash = artifact.hash;

        let mut change = self.change(actor).await?;
        artifact.insert(change.connection()).await?;
        let function = find_or_create(&mut change, new.new_function, &new.slug).await?;
        let is_first = !has_deployments(&mut change, &function.id).await?;
        let deployment = DeploymentRecord {
            id: new.id,
            function_id: function.id.clone(),
            live: new.preview.is_none(),
            was_live: new.preview.is_none(),
            previews: Vec::new(),
            artifact_hash,
            manifest: new.manifest,
            entrypoint: new.entrypoint,
            files: new.files,
            dependencies: new.dependencies,
            bundle_bytes,
            provenance: new.provenance,
            message: new.message,
            tag: new.tag,
            pinned_at: new.pinned.then(|| change.now()),
            rolled_back_at: None,
            calls: 0,
            failed_calls: 0,
            created_by: actor.name.clone(),
            created_at: change.now(),
        };
        let revision = insert(&mut change, &function, &deployment, &new.digest).await?;
        let preview = match &new.preview {
            Some(terms) => {
                let preview = previews::deploy(&mut change, &function, terms, &deployment.id);
                Some(preview.await?)
            }
            None => {
                deployments::mark_live(
                    change.connection(),
                    &function.id,
                    &deployment.id,
                    revision,
                    deployment.created_at,
                )
                .await?;
                None
            }
        };
        deployments::prune(change.connection(), &function.id, new.kept).await?;
        let deleted_artifacts = artifact::delete_unused(change.connection()).await?;
        let new_token = if is_first { first_token()? } else { None };
        let token = match new_token {
            Some(new) => {
                runtime_tokens::insert(&mut change, &function.id, &function.slug, new).await?
            }
            None => None,
        };
        let function = functions::find_by_id(&mut *change.connection(), &function.id).await?;
        change.commit().await?;
        Ok(Deployed {
            function,
            deployment,
            preview,
            token,
            deleted_artifacts,
        })
    }
}

async fn find_or_create(
    change: &mut Change<'_>,
    new: FunctionId,
    slug: &Slug,
) -> Result<FunctionRecord, StoreError> {
    if let Some(function) = functions::find(&mut *change.connection(), slug).await? {
        return Ok(function);
    }
    let at = change.now();
    let function = functions::insert(change.connection(), new, slug, None, at)
        .await?
        .ok_or_else(|| StoreError::conflict(format!("`{slug}` was created at the same time")))?;
    functions::record_creation(change, &function).await?;
    Ok(function)
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
    function: &FunctionRecord,
    deployment: &DeploymentRecord,
    digest: &str,
) -> Result<i64, StoreError> {
    let json = |place, error| DatabaseError::corrupt(place, error);
    let manifest = serde_json::to_string(&deployment.manifest)
        .map_err(|error| json("deployments.manifest", error))?;
    let files = serde_json::to_string(&deployment.files)
        .map_err(|error| json("deployments.files", error))?;
    let dependencies = serde_json::to_string(&deployment.dependencies)
        .map_err(|error| json("deployments.dependencies", error))?;
    let bundle_bytes = i64::try_from(deployment.bundle_bytes)
        .map_err(|error| DatabaseError::corrupt("deployments.bundle_bytes", error))?;
    let entry = Entry {
        action: Action::DeploymentCreate,
        function: Some(&function.slug),
        target: deployment.id.as_str(),
        detail: None,
    };
    let live_before = function.live.as_ref().filter(|_| deployment.live);
    let before = live_before.map(|live| json!({ "live": live.id }));
    let after = set_members(&json!({
        "live": deployment.live.then_some(&deployment.id),
        "artifact": deployment.artifact_hash.to_string(),
        "entrypoint": deployment.entrypoint,
        "tag": deployment.tag,
        "pinned": deployment.pinned_at.is_some(),
    }));
    let revision = change.record(entry, before, after).await?;
    let provenance = serde_json::to_string(&deployment.provenance)
        .map_err(|error| json("deployments.provenance", error))?;
    sqlx::query(
        "INSERT INTO deployments (id, function_id, artifact_hash, manifest, entrypoint, files, bundle_bytes, \
         revision, created_by, created_at, provenance, message, tag, digest, pinned_at, \
         dependencies) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
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
    .bind(provenance)
    .bind(deployment.message.as_deref())
    .bind(deployment.tag.as_deref())
    .bind(digest)
    .bind(deployment.pinned_at.map(Timestamp::as_millisecond))
    .bind(dependencies)
    .execute(change.connection())
    .await?;
    Ok(revision)
}
