//! Reads the project from its folder.

use std::path::{Path, PathBuf};

use jelou_core::Slug;
use jelou_server::Project;
use zeroize::Zeroizing;

use crate::commands::init::sdk;
use crate::commands::secrets::read_env_file;
use crate::commands::types;
use crate::project::{self, Collected, ProjectFile, collect};

/// The default file with the secrets, in the folder of the project.
pub(super) const ENV: &str = ".env";

/// The location of the project.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) dir: PathBuf,
    /// The file with the secrets. `None`: `.env`, which may be missing.
    pub(super) env_file: Option<PathBuf>,
}

impl Source {
    /// Returns the function of the project, according to `jelou.json`, otherwise the name of the folder.
    pub(super) fn slug(&self) -> anyhow::Result<Slug> {
        let file = ProjectFile::load(&self.dir)?;
        let named = std::path::absolute(&self.dir)?
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        match (file.as_ref().and_then(ProjectFile::function), named) {
            (Some(slug), _) => Ok(slug.clone()),
            (None, Some(slug)) => Ok(slug),
            (None, None) => project::function_of(file.as_ref(), &self.dir),
        }
    }

    /// # Errors
    ///
    /// If a file cannot be read, or violates a rule for projects.
    pub(super) fn read(&self) -> anyhow::Result<Project> {
        let file = ProjectFile::load(&self.dir)?;
        let Collected { tree, .. } = collect(&self.dir, file.as_ref(), || Ok(None))?;
        let settings = file.as_ref().map(ProjectFile::settings).transpose()?;
        Ok(Project {
            dir: std::path::absolute(&self.dir)?,
            tree,
            settings: settings.unwrap_or_default(),
            secrets: self.secrets()?,
        })
    }

    /// Writes the names of the secrets for TypeScript, if the project has the SDK's types.
    pub(super) fn write_types(&self, project: &Project) {
        if !self.dir.join(sdk::FOLDER).join(sdk::SECRETS).is_file() {
            return;
        }
        let names = project.secrets.iter().map(|(key, _)| key.as_str());
        // The code is served without the types.
        if let Err(error) = types::write_secrets(&self.dir, names) {
            tracing::warn!(%error, "cannot write the types of the secrets");
        }
    }

    fn secrets(&self) -> anyhow::Result<Vec<(jelou_core::SecretKey, Zeroizing<String>)>> {
        let default = self.dir.join(ENV);
        let path: &Path = match &self.env_file {
            Some(path) => path,
            None if default.is_file() => &default,
            None => return Ok(Vec::new()),
        };
        let secrets = read_env_file(path)?;
        Ok(secrets
            .into_iter()
            .map(|(key, value)| (key, Zeroizing::new(value)))
            .collect())
    }
}
