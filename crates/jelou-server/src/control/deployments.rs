//! Reads existing deployments and their sources, and decides which deployments are kept.

use std::sync::Arc;

use jelou_core::api::{
    Deployment, DeploymentDetails, DeploymentSource, ScheduleSummary, ToolSummary, UpdateDeployment,
};
use jelou_core::{DeploymentId, Manifest, Slug};
use jelou_store::{Actor, DeploymentRecord, Readable};

use super::{Control, ControlError};

impl Control {
    pub(crate) async fn deployments(
        &self,
        slug: &Slug,
    ) -> Result<Readable<Deployment>, ControlError> {
        let function = self.store.function_id(slug).await?;
        let deployments = self.store.list_deployments(&function).await?;
        Ok(deployments.map(Deployment::from))
    }

    pub(crate) async fn deployment(
        &self,
        slug: &Slug,
        id: &DeploymentId,
    ) -> Result<DeploymentDetails, ControlError> {
        Ok(details(self.deployment_record(slug, id).await?))
    }

    pub(crate) async fn deployment_source(
        &self,
        slug: &Slug,
        id: &DeploymentId,
    ) -> Result<DeploymentSource, ControlError> {
        let record = self.deployment_record(slug, id).await?;
        let artifact = self.store.artifact(record.artifact_hash).await?;
        Ok(DeploymentSource {
            id: record.id,
            entrypoint: record.entrypoint,
            files: artifact.sources,
        })
    }

    pub(crate) async fn update_deployment(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        id: DeploymentId,
        update: UpdateDeployment,
    ) -> Result<DeploymentDetails, ControlError> {
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let record = match update.pinned {
                Some(pinned) => {
                    control
                        .store
                        .pin_deployment(&actor, &function, &id, pinned)
                        .await?
                }
                None => control.store.deployment(&function, &id).await?,
            };
            Ok(details(record))
        })
        .await
    }

    async fn deployment_record(
        &self,
        slug: &Slug,
        id: &DeploymentId,
    ) -> Result<DeploymentRecord, ControlError> {
        let function = self.store.function_id(slug).await?;
        Ok(self.store.deployment(&function, id).await?)
    }
}

fn details(record: DeploymentRecord) -> DeploymentDetails {
    let manifest = &record.manifest;
    let tools = manifest.tools.iter();
    DeploymentDetails {
        mode: manifest.mode,
        tools: tools
            .map(|tool| ToolSummary {
                name: tool.name.clone(),
                description: tool.description.clone(),
                path: tool.path.clone(),
                methods: tool.methods.clone(),
                mcp: tool.mcp,
                public: tool.public,
                input_schema: tool.input_schema.clone(),
                output_schema: tool.output_schema.clone(),
            })
            .collect(),
        schedules: schedules(manifest),
        deployment: record.into(),
    }
}

pub(super) fn schedules(manifest: &Manifest) -> Vec<ScheduleSummary> {
    let tools = manifest.tools.iter();
    let schedules = tools.flat_map(|tool| tool.cron.iter().map(move |schedule| (tool, schedule)));
    schedules
        .map(|(tool, schedule)| ScheduleSummary {
            tool: tool.name.clone(),
            name: schedule.name.clone(),
            expression: schedule.expression.clone(),
            timezone: schedule.timezone.clone(),
        })
        .collect()
}
