//! Applies the changes of other servers of the database: reads the changed parts of the state, and replaces the parts
//! of the registry that differ. So a change can be applied twice, even a change of this server.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jelou_core::{FunctionId, Slug};
use jelou_store::{
    Changed, DatabaseError, FunctionContent, FunctionState, LiveDeployment, Parts, PreviewRecord,
    PreviewTerms, SecretRecord, StoreError,
};
use jelou_token::TokenHash;

use super::unapplied::{Part, all_read};
use super::{Control, ControlError};
use crate::oidc::IssueError;
use crate::registry::{Function, Settings};

/// How long a deployment of another server waits for its processes before it goes live without them. Other changes wait
/// meanwhile.
const MAX_START: Duration = Duration::from_secs(1);

/// How long the database may take to return its position.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);

/// The hashes of each function's valid token values.
type Values = HashMap<FunctionId, HashSet<TokenHash>>;

impl Control {
    /// Returns the time since the registry was last known to be up to date, and the numbers of functions and of other
    /// parts that could not be applied.
    pub(crate) fn feed_state(&self) -> (Duration, (usize, usize)) {
        (self.freshness.age(), self.unapplied.counts())
    }

    /// Brings the registry up to date. Returns whether anything had changed.
    pub(crate) async fn catch_up(self: &Arc<Self>) -> Result<bool, ControlError> {
        let began = Instant::now();
        if self.started_from_copy() {
            self.complete_start().await?;
        }
        let has_changed = self.apply_changes().await?;
        self.freshness.set_current(began);
        Ok(has_changed)
    }

    async fn apply_changes(self: &Arc<Self>) -> Result<bool, ControlError> {
        let position = self.position.lock().await.clone();
        // A connection may be broken without an error. The next query uses another connection.
        let head = tokio::time::timeout(QUERY_TIMEOUT, self.store.position()).await;
        let head = head.unwrap_or_else(|_| Err(DatabaseError::Unavailable(None).into()))?;
        let has_news = head != position;
        let _reloading = self.freshness.reloading();
        if !has_news && !self.unapplied.is_retry_due() {
            return Ok(false);
        }
        self.change(|control| async move {
            let mut position = control.position.lock().await;
            // Reads the changes again, because a change of this server may have been applied while this task waited for
            // its turn.
            let (reached, changed) = match control.store.news(&position).await? {
                Some(news) => (news.position, news.changed),
                None => (position.clone(), Changed::Parts(Parts::default())),
            };
            control.apply_news(changed).await?;
            *position = reached;
            Ok(has_news)
        })
        .await
    }

    async fn apply_news(&self, changed: Changed) -> Result<(), ControlError> {
        let mut parts = match changed {
            Changed::Parts(parts) => parts,
            Changed::Everything => {
                tracing::warn!(
                    "the history of the database is another one, or far ahead: everything is read again"
                );
                self.everything().await?
            }
        };
        self.unapplied.add_to(&mut parts);
        // Names every part, so that a new one is not forgotten here.
        let Parts {
            mut functions,
            organisation_secrets,
            access_tokens,
            trust,
            exchanged_tokens,
            schedules,
            identity_keys,
        } = parts;
        let note = |part, applied| self.unapplied.note(part, applied);
        if trust {
            note(Part::Trust, self.load_trust().await)?;
        }
        if exchanged_tokens && !trust {
            note(Part::ExchangedTokens, self.load_exchanged().await)?;
        }
        if organisation_secrets {
            let inheriting = self.registry.functions().into_iter();
            functions.extend(inheriting.map(|function| function.slug.clone()));
            let loaded = self.load_organisation_secrets().await;
            note(Part::OrganisationSecrets, loaded)?;
        }
        // Tokens come first: a revocation does not wait for the start of a process.
        let states = self.apply_tokens(&functions).await?;
        if access_tokens {
            note(Part::AccessTokens, self.apply_access_tokens().await)?;
        }
        for (slug, state) in states {
            let applied = self.apply_state(&slug, state).await;
            note(Part::Function(slug), applied)?;
        }
        if schedules {
            // Applies pauses before the schedules are planned, so that no paused schedule runs.
            note(Part::Schedules, self.apply_pauses().await)?;
        }
        self.cron.refresh();
        if identity_keys {
            note(Part::IdentityKeys, self.load_identity_keys().await)?;
        }
        Ok(())
    }

    async fn apply_pauses(&self) -> Result<(), ControlError> {
        self.cron.apply(&self.store.schedule_states().await?);
        Ok(())
    }

    async fn load_identity_keys(&self) -> Result<(), ControlError> {
        match &self.identity_issuer {
            None => Ok(()),
            Some(issuer) => issuer.load().await.map_err(|error| match error {
                IssueError::Store(error) => error.into(),
                other => ControlError::Unreadable(other.to_string()),
            }),
        }
    }

    /// Applies the tokens of functions, and returns the rest of their states.
    async fn apply_tokens(
        &self,
        functions: &BTreeSet<Slug>,
    ) -> Result<Vec<(Slug, Option<FunctionState>)>, ControlError> {
        let mut values = Values::new();
        let mut states = Vec::new();
        for slug in functions {
            // If nothing of the function can be read, its tokens give no access.
            if let Some(known) = self.registry.function(slug.as_str()) {
                values.entry(known.id.clone()).or_default();
            }
            let mut state = match self.store.function_state(slug).await {
                Ok(state) => state,
                Err(error) => {
                    let part = Part::Function(slug.clone());
                    self.unapplied.note(part, Err(error.into()))?;
                    continue;
                }
            };
            if let Some(state) = &mut state {
                let current = values.entry(state.id.clone()).or_default();
                for token in state.tokens.drain(..) {
                    current.insert(token.hash);
                    current.extend(token.previous.as_ref().map(|previous| previous.hash));
                    self.registry.tokens.put(token);
                }
            }
            states.push((slug.clone(), state));
        }
        for (hash, function) in self.exchanged().iter() {
            if let Some(values) = function.as_ref().and_then(|id| values.get_mut(id)) {
                values.insert(*hash);
            }
        }
        self.registry.tokens.retain_of(&values);
        Ok(states)
    }

    /// Returns parts that contain everything in the store or in the registry.
    async fn everything(&self) -> Result<Parts, ControlError> {
        let known = self.registry.functions();
        let known = known.iter().map(|function| function.slug.clone());
        let stored = self.store.function_slugs().await?;
        Ok(Parts::all(known.chain(stored).collect()))
    }

    async fn apply_state(
        &self,
        slug: &Slug,
        state: Option<FunctionState>,
    ) -> Result<(), ControlError> {
        let id = state.as_ref().map(|state| &state.id);
        let known = self.registry.function(slug.as_str());
        if let Some(known) = known.filter(|known| Some(&known.id) != id) {
            self.forget_with_logs(&known).await?;
        }
        let Some(state) = state else {
            return Ok(());
        };
        let content = state.content.map_err(StoreError::from)?;
        self.apply_function(content).await?;
        all_read(&state.unreadable)
    }

    /// Removes a function that the database does not have. Deletes its log only if the history contains the deletion: a
    /// restored backup may lack the function, and a later restore may bring it back. Until then, its log records are
    /// deleted only by age.
    async fn forget_with_logs(&self, known: &Arc<Function>) -> Result<(), ControlError> {
        let was_deleted = self.store.was_deleted(&known.id).await?;
        self.forget_function(known);
        if was_deleted {
            let (logs, id) = (self.logs.clone(), known.id.clone());
            // Fails only if the runtime shuts down.
            let _ = tokio::task::spawn_blocking(move || logs.remove(&id)).await;
        } else {
            tracing::warn!(function = %known.slug, id = %known.id, "the history of the database does not have this function; its log stays until it is too old (logs.max_age)");
        }
        Ok(())
    }

    async fn apply_function(&self, content: FunctionContent) -> Result<(), ControlError> {
        let FunctionContent {
            record,
            secrets,
            previews,
        } = content;
        let secrets = self.registry.with_inherited(secrets);
        let settings = self.settings_in_force(&record.settings);
        let known = self.registry.function(record.slug.as_str());
        let function = known.unwrap_or_else(|| {
            let secrets = secrets.clone();
            let new = Function::new(record.id, record.slug, secrets, Arc::clone(&settings));
            let new = Arc::new(new);
            self.registry.put_function(Arc::clone(&new));
            new
        });
        let has_changed = replace_secrets(&function, secrets);
        let has_changed = replace_settings(&function, &settings) || has_changed;
        self.apply_live(&function, record.live, has_changed).await?;
        self.apply_previews(&function, previews, &settings).await
    }

    /// Makes the store's live deployment live on this server. If it already is, replaces its processes if
    /// `has_changed`.
    async fn apply_live(
        &self,
        function: &Function,
        live: Option<LiveDeployment>,
        has_changed: bool,
    ) -> Result<(), ControlError> {
        let current = function.live.load_full();
        let current = current.map(|live| live.slot.spec().deployment.clone());
        let Some(live) = live else {
            self.retire(function.live.swap(None));
            return Ok(());
        };
        if current.as_ref() == Some(&live.id) {
            if has_changed {
                self.restart(function);
            }
            return Ok(());
        }
        self.provide_artifact(live.artifact_hash).await?;
        let id = live.id.clone();
        let prepared = self.prepare(function, self.live(function, live.clone()), &[], 0);
        let replaced = match tokio::time::timeout(MAX_START, prepared).await {
            Ok(Ok(candidate)) => candidate.activate(function),
            // The deployment started on another server, so it goes live here without a process. The next call tries to
            // start one.
            Ok(Err(error)) => {
                tracing::warn!(function = %function.slug, %error, "a deployment of another server goes live without a process");
                function.swap_live(self.live(function, live))
            }
            Err(_) => function.swap_live(self.live(function, live)),
        };
        self.retire(replaced);
        let message = format!("{id} is live, by another server");
        self.event(&function.id, Some(id), "deployment.live", message);
        Ok(())
    }

    async fn apply_previews(
        &self,
        function: &Arc<Function>,
        stored: Vec<(PreviewRecord, Vec<SecretRecord>)>,
        settings: &Arc<Settings>,
    ) -> Result<(), ControlError> {
        for known in function.previews.all() {
            let Some(preview) = &known.preview else {
                continue;
            };
            if !stored.iter().any(|(record, _)| record.id == preview.id) {
                function.previews.remove(&preview.id);
                self.retire(known.live.swap(None));
            }
        }
        for (record, own) in stored {
            let Some(known) = function.previews.with_id(&record.id) else {
                if let Some(served) = &record.served {
                    self.provide_artifact(served.artifact_hash).await?;
                }
                self.restore_preview(function, record, own);
                continue;
            };
            let has_changed = match &known.preview {
                Some(preview) => {
                    preview.set_terms(&terms_of(&record));
                    replace_secrets(&known, preview.secrets(function, own))
                }
                None => false,
            };
            let has_changed = replace_settings(&known, settings) || has_changed;
            self.apply_live(&known, record.served, has_changed).await?;
        }
        Ok(())
    }

    async fn apply_access_tokens(&self) -> Result<(), ControlError> {
        let mut values = HashSet::new();
        let tokens = self.store.list_access_tokens().await?;
        for token in tokens.rows {
            values.insert(token.hash);
            values.extend(token.previous.as_ref().map(|previous| previous.hash));
            self.registry.access_tokens.put(&token);
        }
        values.extend(self.exchanged().keys());
        self.registry.access_tokens.retain(&values);
        all_read(&tokens.unreadable)
    }
}

/// Replaces the secrets. Returns whether they differed.
fn replace_secrets(function: &Function, secrets: Vec<SecretRecord>) -> bool {
    let is_other = **function.secrets.load() != secrets;
    if is_other {
        function.secrets.store(Arc::new(secrets));
    }
    is_other
}

/// Replaces the settings. Returns whether they differed.
fn replace_settings(function: &Function, settings: &Arc<Settings>) -> bool {
    let is_other = *function.settings() != **settings;
    if is_other {
        function.set_settings(Arc::clone(settings));
    }
    is_other
}

pub(super) fn terms_of(record: &PreviewRecord) -> PreviewTerms {
    PreviewTerms {
        id: record.id.clone(),
        with_secrets: record.with_secrets,
        header_only: record.header_only,
        expires_at: record.expires_at,
    }
}
