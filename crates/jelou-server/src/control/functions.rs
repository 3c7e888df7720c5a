//! Functions: list, creation, deletion and traffic.

use std::sync::Arc;

use jelou_core::Slug;
use jelou_core::api::{self, CreateFunction, TrafficReport};
use jelou_core::token_labels::Note;
use jelou_engine::AssetFiles;
use jelou_store::{Actor, FunctionSummary, Readable};
use jiff::SignedDuration;

use super::{Control, ControlError};
use crate::registry::Function;

impl Control {
    pub(crate) async fn functions(&self) -> Result<Readable<api::Function>, ControlError> {
        let functions = self.store.list_functions().await?;
        Ok(functions.map(|function| self.described(function)))
    }

    pub(crate) async fn function(&self, slug: &Slug) -> Result<api::Function, ControlError> {
        Ok(self.described(self.store.function(slug).await?))
    }

    /// Returns the traffic of a function in the last `hours`, with one point for each `step`.
    pub(crate) async fn traffic_of(
        &self,
        slug: &Slug,
        hours: u32,
        step: SignedDuration,
    ) -> Result<TrafficReport, ControlError> {
        let function = self.store.function_id(slug).await?;
        Ok(self.traffic.report(&function, hours, step).await?)
    }

    pub(crate) async fn create_function(
        self: &Arc<Self>,
        actor: Actor,
        new: CreateFunction,
    ) -> Result<api::Function, ControlError> {
        if let Some(Err(error)) = new.name.as_deref().map(str::parse::<Note>) {
            return Err(ControlError::Invalid {
                detail: format!("the field `name` of the function: {error}"),
                hint: "the name is only shown; the slug is the address",
            });
        }
        self.change(|control| async move {
            let record = control
                .store
                .create_function(&actor, &new.slug, new.name.as_deref())
                .await?;
            let function = Function::new(
                record.id.clone(),
                record.slug.clone(),
                control.registry.with_inherited(Vec::new()),
                control.settings_in_force(&record.settings),
            );
            control.registry.put_function(Arc::new(function));
            Ok(control.described(FunctionSummary {
                record,
                tokens: 0,
                secrets: 0,
                previews: 0,
            }))
        })
        .await
    }

    pub(crate) async fn delete_function(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
    ) -> Result<(), ControlError> {
        self.change(|control| async move {
            let deleted = control.store.delete_function(&actor, &slug).await?;
            control.registry.tokens.remove_of(&deleted.id);
            if let Some(function) = control.registry.function(slug.as_str()) {
                control.forget_function(&function);
            }
            control.keep_remote_modules(&slug, &AssetFiles::new());
            control.cron.refresh();
            let (logs, id) = (control.logs.clone(), deleted.id.clone());
            // Fails only if the runtime shuts down.
            let _ = tokio::task::spawn_blocking(move || logs.remove(&id)).await;
            Ok(())
        })
        .await
    }

    /// Removes a function and its previews from the registry, and drains their calls.
    pub(super) fn forget_function(&self, function: &Arc<Function>) {
        self.registry.remove_function(&function.slug);
        for one in [vec![Arc::clone(function)], function.previews.all()].concat() {
            self.retire(one.live.swap(None));
        }
    }

    fn described(&self, function: FunctionSummary) -> api::Function {
        let record = function.record;
        let url = self.domain.url(record.slug.as_str());
        let local_url = self.domain.local_url(record.slug.as_str());
        let (live_deployment, description, keep_warm) = match record.live {
            Some(live) => {
                let keep_warm = self.kept_warm(&live.manifest);
                (Some(live.id), Some(live.manifest.description), keep_warm)
            }
            None => (None, None, 0),
        };
        api::Function {
            id: record.id,
            slug: record.slug,
            name: record.name,
            description,
            url,
            local_url,
            live_deployment,
            keep_warm,
            tokens: function.tokens,
            secrets: function.secrets,
            previews: function.previews,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}
