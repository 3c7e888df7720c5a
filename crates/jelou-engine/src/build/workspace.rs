//! The folder of one build, which goes away with it.

use std::path::{Path, PathBuf};

use jelou_core::SourceTree;
use tempfile::TempDir;

use super::{BuildError, config};
use crate::engine::Shared;

#[derive(Debug)]
pub(super) struct Workspace {
    dir: TempDir,
    /// The canonical path of `dir`: Deno resolves symbolic links, so paths are compared with this one.
    root: PathBuf,
    entrypoint: String,
}

impl Workspace {
    pub(super) fn create(shared: &Shared, tree: &SourceTree) -> Result<Self, BuildError> {
        let config = config::for_build(tree)?;
        let dir = tempfile::Builder::new()
            .prefix("build-")
            .tempdir_in(shared.run_dir())?;
        let root = fs_err::canonicalize(dir.path())?;
        let workspace = Self {
            dir,
            root,
            entrypoint: tree.entrypoint().to_owned(),
        };
        fs_err::create_dir(workspace.home())?;
        // The machine's npm configuration: which registry, and how to reach it.
        if let Some(npmrc) = std::env::home_dir().map(|home| home.join(".npmrc"))
            && npmrc.is_file()
        {
            fs_err::copy(npmrc, workspace.home().join(".npmrc"))?;
        }
        for file in tree.files() {
            let path = workspace.src().join(&file.path);
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            let is_code = matches!(path.extension().and_then(|e| e.to_str()), Some("ts" | "js"));
            if is_code {
                fs_err::write(path, config::with_bare_sdk(&file.content))?;
            } else {
                fs_err::write(path, &file.content)?;
            }
        }
        fs_err::write(workspace.config(), config.to_string())?;
        if let Some(builder) = shared.sandbox.builder() {
            builder.own_all(workspace.root())?;
        }
        Ok(workspace)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn src(&self) -> PathBuf {
        self.root.join("src")
    }

    pub(super) fn entrypoint(&self) -> PathBuf {
        self.src().join(&self.entrypoint)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.root.join("deno.json")
    }

    pub(super) fn out(&self) -> PathBuf {
        self.root.join("out")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Names files as the developer does, not by where this build put them.
    pub(super) fn readable(&self, text: &str) -> String {
        let src = self.src();
        text.replace(&format!("file://{}/", src.display()), "")
            .replace(&format!("{}/", src.display()), "")
            .replace(&format!("file://{}/", self.root.display()), "")
    }
}
