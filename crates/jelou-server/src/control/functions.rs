use std::sync::Arc;

use jelou_core::Slug;
use jelou_core::api::{self, CreateFunction};
use jelou_store::{Actor, FunctionRecord, SecretOwner};

use super::{Control, ControlError, retire};
use crate::registry::Function;

impl Control {
    pub(crate) async fn functions(&self) -> Result<Vec<api::Function>, ControlError> {
        let mut functions = Vec::new();
        for record in self.store.list_functions().await? {
            functions.push(self.described(record).await?);
        }
        Ok(functions)
    }

    pub(crate) async fn function(&self, slug: &Slug) -> Result<api::Function, ControlError> {
        self.described(self.store.function(slug).await?).await
    }

    pub(crate) async fn create_function(
        self: &Arc<Self>,
        actor: Actor,
        new: CreateFunction,
    ) -> Result<api::Function, ControlError> {
        self.change(|control| async move {
            let record = control
                .store
                .create_function(&actor, &new.slug, new.name.as_deref())
                .await?;
            let function = Function::new(record.id.clone(), record.slug.clone(), Vec::new());
            control.registry.put_function(Arc::new(function));
            control.described(record).await
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
            control.registry.tokens.remove_of(&deleted.function.id);
            if let Some(function) = control.registry.remove_function(&slug) {
                retire(function.live.swap(None));
            }
            Ok(())
        })
        .await
    }

    async fn described(&self, record: FunctionRecord) -> Result<api::Function, ControlError> {
        let tokens = self.store.list_tokens(&record.id).await?.len() as u64;
        let owner = SecretOwner::Function(record.id.clone());
        let secrets = self.store.list_secrets(&owner).await?.len() as u64;
        let url = self.domain.url(record.slug.as_str());
        let (live_deployment, description) = match record.live {
            Some(live) => (Some(live.id), Some(live.manifest.description)),
            None => (None, None),
        };
        Ok(api::Function {
            id: record.id,
            slug: record.slug,
            name: record.name,
            description,
            url,
            live_deployment,
            tokens,
            secrets,
            created_at: record.created_at,
            updated_at: record.updated_at,
        })
    }
}
