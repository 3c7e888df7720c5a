//! The folder of one build. It is removed after the build.
//!
//! The steps read the folder and write to one folder inside it. When the steps have their own user ids, the server owns
//! the upload, and the steps have access through their group.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use jelou_core::SourceTree;
use jelou_core::source::is_module;
use tempfile::TempDir;
use url::Url;

use super::error::BuildError;
use super::tools::Tools;
use super::{config, registry, static_urls};
use jelou_sandbox::{Identity, LentUser, Purpose};

#[derive(Debug)]
pub(super) struct Workspace {
    dir: TempDir,
    /// The canonical path of `dir`. Deno resolves symbolic links, so paths are compared with the canonical path.
    root: PathBuf,
    entrypoint: String,
    files: Vec<String>,
    /// The user of the steps after the package download.
    user: Option<LentUser>,
}

impl Workspace {
    pub(super) fn create(tools: &Tools, tree: &SourceTree) -> Result<Self, BuildError> {
        let config = config::for_build(tree)?;
        let dir = tempfile::Builder::new()
            .prefix("build-")
            .tempdir_in(tools.launcher.run_dir.path())?;
        let root = fs_err::canonicalize(dir.path())?;
        let workspace = Self {
            dir,
            root,
            entrypoint: tree.entrypoint().to_owned(),
            files: tree.files().iter().map(|file| file.path.clone()).collect(),
            user: tools.launcher.sandbox.lend_user()?,
        };
        fs_err::create_dir(workspace.home())?;
        fs_err::create_dir(workspace.out())?;
        // The machine's npm configuration, with registries and credentials.
        if let Some(npmrc) = std::env::home_dir().map(|home| home.join(".npmrc"))
            && npmrc.is_file()
        {
            fs_err::copy(npmrc, workspace.npmrc())?;
        }
        for file in tree.files() {
            let path = workspace.src().join(&file.path);
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            match file.text().filter(|_| is_module(&file.path)) {
                Some(code) => {
                    let code = config::with_bare_sdk(code);
                    let code = if file.path == tree.entrypoint() {
                        config::as_main_module(&code)
                    } else {
                        code
                    };
                    fs_err::write(path, static_urls::relative_to_root(&file.path, &code))?;
                }
                None => fs_err::write(path, &file.content)?,
            }
        }
        fs_err::write(workspace.config(), config.to_string())?;
        workspace.grant_access()?;
        Ok(workspace)
    }

    /// Gives the steps read access to everything and write access to one folder, independent of the server's umask.
    /// Other users have no access.
    fn grant_access(&self) -> std::io::Result<()> {
        let Some(user) = self.user.as_ref().map(LentUser::user) else {
            return Ok(());
        };
        make_readable(self.root())?;
        user.own(&self.out())?;
        user.admit(self.root())?;
        fs_err::set_permissions(self.root(), Permissions::from_mode(0o750))
    }

    /// The user of a step. The owner of the package cache fetches packages for all builds. The other steps use a user
    /// for this build only, and read the cache through its group.
    pub(super) fn identity(&self, tools: &Tools, step: Purpose) -> Option<Identity> {
        let own = self.user.as_ref().map(LentUser::user)?;
        let builder = tools.launcher.sandbox.builder()?;
        let (user, group) = if step == Purpose::Fetch {
            (builder, own)
        } else {
            (own, builder)
        };
        Some(Identity {
            user,
            group: Some(group),
        })
    }

    /// Whether the steps have their own user ids.
    pub(super) fn has_users(&self) -> bool {
        self.user.is_some()
    }

    /// Removes the registry credentials after the package download.
    pub(super) fn forget_credentials(&self) -> std::io::Result<()> {
        match fs_err::read_to_string(self.npmrc()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            npmrc => fs_err::write(self.npmrc(), registry::without_credentials(&npmrc?)),
        }
    }

    /// The contents of the upload's files, as the build reads them.
    pub(super) fn contents(&self) -> impl Iterator<Item = Vec<u8>> {
        self.files
            .iter()
            .filter_map(|path| fs_err::read(self.src().join(path)).ok())
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn src(&self) -> PathBuf {
        self.root.join("src")
    }

    /// Paths of the upload.
    pub(super) fn files(&self) -> &[String] {
        &self.files
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

    fn npmrc(&self) -> PathBuf {
        self.home().join(".npmrc")
    }

    /// The path in the upload that a file URL names; `None` if it is outside. The file may not exist.
    pub(super) fn file_of(&self, url: &str) -> Option<String> {
        let escapes = url.to_ascii_lowercase();
        // An encoded dot or slash means different files to different readers.
        if ["%2e", "%2f", "%5c"]
            .iter()
            .any(|code| escapes.contains(code))
        {
            return None;
        }
        let path = Url::parse(url).ok()?.to_file_path().ok()?;
        let inside = path.strip_prefix(self.src()).ok()?;
        let is_plain = |part| matches!(part, Component::Normal(_));
        if !inside.components().all(is_plain) {
            return None;
        }
        inside.to_str().map(str::to_owned)
    }

    /// Replaces paths and URLs of this folder with paths of the project.
    pub(super) fn readable(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for folder in [self.src(), self.root.clone()] {
            if let Ok(url) = Url::from_directory_path(&folder) {
                text = text.replace(url.as_str(), "");
            }
            text = text.replace(&format!("file://{}/", folder.display()), "");
        }
        text = text.replace(&format!("{}/", self.src().display()), "");
        for file in &self.files {
            let encoded = encoded(file);
            if encoded != *file {
                text = text.replace(&encoded, file);
            }
        }
        text
    }
}

/// The path as a URL has it.
fn encoded(path: &str) -> String {
    Url::from_file_path(Path::new("/").join(path))
        .map(|url| url.path().trim_start_matches('/').to_owned())
        .unwrap_or_default()
}

fn make_readable(folder: &Path) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        let mode = if is_folder { 0o755 } else { 0o644 };
        fs_err::set_permissions(entry.path(), Permissions::from_mode(mode))?;
        if is_folder {
            make_readable(&entry.path())?;
        }
    }
    Ok(())
}
