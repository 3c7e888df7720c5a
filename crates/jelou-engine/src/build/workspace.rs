//! The folder of one build. It is removed after the build.
//!
//! The steps read the folder; the step that fetches packages writes the lock file and remote modules. If the steps have
//! their own user ids, the server owns the upload, and the steps have access through their group.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use jelou_core::source::is_module;
use jelou_core::{SourceFile, SourceTree};
use tempfile::TempDir;
use url::Url;

use super::error::BuildError;
use super::lock::{DENO_LOCK, NPM_LOCK};
use super::remote::Rules;
use super::tools::Tools;
use super::{command, config, kept_modules, npm_lock, output, registry};
use crate::artifacts::AssetFiles;
use jelou_sandbox::{LentUser, ProcessIds, Purpose};

#[derive(Debug)]
pub(super) struct Workspace {
    dir: TempDir,
    /// The canonical path of `dir`. Paths are compared with it, because Deno resolves symbolic links.
    root: PathBuf,
    entrypoint: String,
    files: Vec<String>,
    /// The lock file of the upload: its name and content.
    own_lock: Option<(&'static str, String)>,
    /// Whether some import may be an npm package.
    uses_packages: bool,
    /// The names of packages that the code may import, if npm's lock file has to be converted.
    mentioned: BTreeSet<String>,
    /// The user of the steps after the package download.
    user: Option<LentUser>,
}

impl Workspace {
    /// Creates the folder, and writes the stored remote modules (`kept`) into it.
    pub(super) fn create(
        tools: &Tools,
        tree: &SourceTree,
        kept: &AssetFiles,
    ) -> Result<Self, BuildError> {
        let config = config::for_build(tree)?;
        let dir = tempfile::Builder::new()
            .prefix("build-")
            .tempdir_in(tools.launcher.run_dir.path())?;
        let root = fs_err::canonicalize(dir.path())?;
        let own_lock = Self::own_lock_of(tree);
        let is_of_npm = own_lock.as_ref().is_some_and(|(name, _)| *name == NPM_LOCK);
        let workspace = Self {
            dir,
            root,
            mentioned: if is_of_npm {
                npm_lock::mentioned(tree)
            } else {
                BTreeSet::new()
            },
            entrypoint: tree.entrypoint().to_owned(),
            files: tree.files().iter().map(|file| file.path.clone()).collect(),
            own_lock,
            uses_packages: config.to_string().contains("npm:")
                || tree
                    .files()
                    .iter()
                    .any(|file| file.text().is_some_and(|text| text.contains("npm:"))),
            user: tools.launcher.sandbox.lend_user()?,
        };
        fs_err::create_dir(workspace.home())?;
        fs_err::create_dir(workspace.lock_folder())?;
        fs_err::create_dir_all(workspace.remote())?;
        kept_modules::write(&workspace.remote(), kept)?;
        // This is the machine's npm configuration, with registries and credentials.
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
            fs_err::write(path, content_in_build(tree, file))?;
        }
        let package = workspace.src().join(config::PACKAGE_JSON);
        if !package.exists() {
            fs_err::write(package, config::with_type(tree, "{}"))?;
        }
        fs_err::write(workspace.config(), config.to_string())?;
        workspace.grant_access(tools)?;
        // All builds use the same package cache.
        std::os::unix::fs::symlink(tools.cache.packages(), workspace.deno_dir().join("npm"))?;
        Ok(workspace)
    }

    /// Replaces the files whose content has changed. Both trees have the same paths.
    pub(super) fn update(&self, before: &SourceTree, now: &SourceTree) -> std::io::Result<()> {
        for (old, new) in before.files().iter().zip(now.files()) {
            if old.content != new.content {
                fs_err::write(self.src().join(&new.path), content_in_build(now, new))?;
            }
        }
        Ok(())
    }

    /// Gives the steps read access to the folder, and the step that fetches packages write access to the lock file and
    /// the remote modules, regardless of the server's umask. Other users have no access.
    fn grant_access(&self, tools: &Tools) -> std::io::Result<()> {
        let Some(user) = self.user.as_ref().map(LentUser::user) else {
            return Ok(());
        };
        make_readable(self.root())?;
        if let Some(builder) = tools.launcher.sandbox.builder() {
            builder.own(&self.lock_folder())?;
            builder.own_all(&self.remote())?;
        }
        user.admit(self.root())?;
        fs_err::set_permissions(self.root(), Permissions::from_mode(0o750))
    }

    /// Returns the user of a step. The owner of the package cache fetches packages for all builds. The other steps run
    /// as a user of this build only, and read the cache through the owner's group.
    pub(super) fn process_ids(&self, tools: &Tools, step: Purpose) -> Option<ProcessIds> {
        let own = self.user.as_ref().map(LentUser::user)?;
        let builder = tools.launcher.sandbox.builder()?;
        let (user, group) = if step == Purpose::Fetch {
            (builder, own)
        } else {
            (own, builder)
        };
        Some(ProcessIds {
            user,
            group: Some(group),
        })
    }

    /// Returns whether the steps have their own user ids.
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

    /// Returns the name and the content of the upload's lock file. Deno's lock file has priority over npm's.
    pub(super) fn own_lock_of(tree: &SourceTree) -> Option<(&'static str, String)> {
        let mut names = [DENO_LOCK, NPM_LOCK].into_iter();
        let (name, file) = names.find_map(|name| Some((name, tree.file(name)?)))?;
        Some((name, file.text()?.to_owned()))
    }

    /// Returns the name of the upload's lock file.
    pub(super) fn own_lock(&self) -> Option<&'static str> {
        self.own_lock.as_ref().map(|(name, _)| *name)
    }

    /// Returns the name and the content of the upload's lock file.
    pub(super) fn own_lock_text(&self) -> Option<(&'static str, &str)> {
        self.own_lock.as_ref().map(|(name, text)| (*name, &**text))
    }

    /// Whether the upload has a `package.json`. In such a project, code may import packages that only other packages
    /// declare.
    pub(super) fn is_of_node(&self) -> bool {
        let name = format!("/{}", config::PACKAGE_JSON);
        let mut files = self.files.iter();
        files.any(|file| file == config::PACKAGE_JSON || file.ends_with(&name))
    }

    pub(super) fn uses_packages(&self) -> bool {
        self.uses_packages
    }

    /// Returns the lock file of the upload in Deno's format, or `None` if there is none. Converts npm's lock file.
    pub(super) async fn lock_for_build(&self, tools: &Tools) -> Result<Option<String>, BuildError> {
        Ok(match &self.own_lock {
            None => None,
            Some((NPM_LOCK, text)) => Some(self.convert(tools, text).await?),
            Some((_, text)) => Some(config::lock_for_build(text, Rules::of(&tools.network))?),
        })
    }

    /// Converts npm's lock file to Deno's, with the same versions.
    async fn convert(&self, tools: &Tools, lock: &str) -> Result<String, BuildError> {
        let package = fs_err::read_to_string(self.src().join(config::PACKAGE_JSON))?;
        let (package, lock) = npm_lock::reduced(&package, lock, &self.mentioned)?;
        self.write_lock(tools, config::PACKAGE_JSON, &package)?;
        self.write_lock(tools, NPM_LOCK, &lock)?;
        let tool = command::lock_converter(tools, self);
        let finished = command::run(tools, self, Purpose::Fetch, tool).await?;
        match output::read_own(&self.lock()) {
            Ok(text) => Ok(text),
            Err(_) => Err(BuildError::Config {
                file: NPM_LOCK.to_owned(),
                reason: self
                    .readable(&String::from_utf8_lossy(&finished.stderr))
                    .trim()
                    .to_owned(),
            }),
        }
    }

    pub(super) fn write_lock(
        &self,
        tools: &Tools,
        name: &str,
        text: &str,
    ) -> Result<(), BuildError> {
        let path = self.lock_folder().join(name);
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        fs_err::write(&path, text)?;
        fs_err::set_permissions(&path, Permissions::from_mode(0o644))?;
        if self.has_users()
            && let Some(builder) = tools.launcher.sandbox.builder()
        {
            builder.own(&path)?;
        }
        Ok(())
    }

    /// Writes a file that the steps after the download read.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> std::io::Result<()> {
        let path = self.file(name);
        fs_err::write(&path, content)?;
        fs_err::set_permissions(path, Permissions::from_mode(0o644))
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn src(&self) -> PathBuf {
        self.root.join("src")
    }

    /// Returns the paths of the upload's files.
    pub(super) fn files(&self) -> &[String] {
        &self.files
    }

    pub(super) fn entrypoint(&self) -> PathBuf {
        self.src().join(&self.entrypoint)
    }

    /// Returns the module that also imports packages which the upload does not import itself.
    pub(super) fn peers(&self) -> PathBuf {
        self.root.join("peers.js")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.root.join("deno.json")
    }

    /// Returns the folder of the lock file. The step that fetches packages writes the lock file.
    pub(super) fn lock_folder(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Returns the `DENO_DIR` of the build.
    pub(super) fn deno_dir(&self) -> PathBuf {
        self.root.join("deno")
    }

    /// Returns the folder for the remote modules of this build. Builds of different functions do not share them, so that
    /// the content of a URL without a version does not depend on another upload.
    pub(super) fn remote(&self) -> PathBuf {
        self.deno_dir().join("remote")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.lock_folder().join(DENO_LOCK)
    }

    pub(super) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn npmrc(&self) -> PathBuf {
        self.home().join(".npmrc")
    }

    /// Returns the path in the upload that a file URL names, or `None` if it is outside. The file need not exist.
    pub(super) fn file_of(&self, url: &str) -> Option<String> {
        let escapes = url.to_ascii_lowercase();
        // Programs disagree on which file an encoded dot or slash means.
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

    /// Returns the `package.json` of the upload, or `None` if it has none. Without one, the build writes a
    /// `package.json`.
    pub(super) fn package_json(&self) -> Option<String> {
        let is_uploaded = self.files().iter().any(|file| file == config::PACKAGE_JSON);
        is_uploaded
            .then(|| std::fs::read_to_string(self.src().join(config::PACKAGE_JSON)).ok())
            .flatten()
    }

    /// Replaces paths and URLs of this folder in a text by paths of the project.
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

/// Returns the content of a file as the build steps see it.
fn content_in_build<'a>(tree: &SourceTree, file: &'a SourceFile) -> Cow<'a, [u8]> {
    match file.text() {
        Some(package) if file.path == config::PACKAGE_JSON => {
            Cow::Owned(config::with_type(tree, package).into_bytes())
        }
        Some(code) if is_module(&file.path) => {
            let code = config::with_bare_sdk(code);
            let code = if file.path == tree.entrypoint() {
                config::as_main_module(&code)
            } else {
                code
            };
            Cow::Owned(code.into_bytes())
        }
        _ => Cow::Borrowed(&file.content),
    }
}

/// Returns the path as it is in a URL.
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
