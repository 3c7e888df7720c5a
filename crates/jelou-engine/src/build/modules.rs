//! The bundler's plugin: resolves imports and loads files.
//!
//! Imports in the upload and in remote modules lead to the targets that Deno resolved. The bundler itself resolves the
//! imports in packages, by the manifest of [`super::pnp`]. No other files are read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Result;
use std::path::{Path, PathBuf};

use super::esbuild::{Import, Load, Loaded, Place, Plugin, Resolution};
use super::graph::{Resolved, Target};
use super::remote::RemoteModule;
use super::workspace::Workspace;
use super::{builtins, computed_import, config, data_files, here, native, own_require, pnp, wasm};
use crate::artifacts::AssetFiles;
use jelou_core::source::{is_declaration, is_text};

/// Start of a `sourceMappingURL` comment. Such comments are removed when a module is bundled.
const MAP_REFERENCE: &str = "sourceMappingURL=";
/// Name of the folder with the packages' data files, in the function's folder.
const PACKAGES: &str = "npm";

#[derive(Debug)]
pub(super) struct Modules<'a> {
    root: String,
    src: PathBuf,
    files: BTreeSet<&'a str>,
    resolved: &'a Resolved,
    /// The ids of the packages, by folder.
    folders: HashMap<PathBuf, &'a str>,
    /// The names under which the bundler resolves the packages, by id.
    names: HashMap<&'a str, String>,
    /// Optional dependencies that have native code or were not downloaded, by importing package and name.
    left_out: BTreeSet<(&'a str, String)>,
    /// The data files of packages: the file, by the path in the function's folder.
    data: BTreeMap<String, PathBuf>,
    /// The places of imports with a computed name, by module.
    pub(super) computed: BTreeMap<PathBuf, Vec<Place>>,
    /// The ids of the packages with code in the bundle.
    pub(super) loaded: BTreeSet<String>,
    /// Imports of the upload and of remote modules that were not resolved before, by importer and specifier.
    pub(super) unresolved: BTreeSet<(String, String)>,
    /// The wrong imports that the bundler kept, by importer and specifier.
    pub(super) wrong: BTreeSet<(String, String)>,
    /// The first file that the bundler tried to read and that belongs neither to the upload nor to a package.
    pub(super) leak: Option<String>,
}

/// Where a bundled file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModuleSource<'p> {
    /// A file of the upload, by its path in the upload.
    Upload(&'p str),
    /// A file of a package.
    Package {
        id: &'p str,
        folder: &'p Path,
        file: &'p str,
    },
    /// A module that was downloaded from this URL.
    Remote(&'p str),
}

/// The bundler's namespace of remote modules. The path of a remote module is its URL.
pub(super) const REMOTE: &str = "remote";

impl<'a> Modules<'a> {
    pub(super) fn new(workspace: &'a Workspace, resolved: &'a Resolved) -> Self {
        let Resolved { packages, lock, .. } = resolved;
        let mut left_out = BTreeSet::new();
        for id in packages.keys() {
            for dependency in lock.dependencies(id, packages) {
                let is_native = dependency.is_optional
                    && packages.get(&dependency.id).is_some_and(|package| {
                        !package.local_path.is_dir()
                            || native::is_native(&dependency.id, package, packages, lock)
                    });
                if is_native {
                    left_out.insert((id.as_str(), dependency.name));
                }
            }
        }
        Self {
            root: workspace.root().display().to_string(),
            src: workspace.src(),
            files: workspace.files().iter().map(String::as_str).collect(),
            folders: packages
                .iter()
                .map(|(id, package)| (package.folder(), id.as_str()))
                .collect(),
            names: packages
                .keys()
                .enumerate()
                .map(|(index, id)| (id.as_str(), pnp::private_name(index)))
                .collect(),
            resolved,
            left_out,
            data: BTreeMap::new(),
            computed: BTreeMap::new(),
            loaded: BTreeSet::new(),
            unresolved: BTreeSet::new(),
            wrong: BTreeSet::new(),
            leak: None,
        }
    }

    /// Returns where a file comes from, or `None` for a file that belongs to neither the upload nor a package. `path`
    /// must not contain `.` and `..`.
    pub(super) fn source_of<'p>(&'p self, path: &'p Path) -> Option<ModuleSource<'p>> {
        let url = path.to_str().filter(|path| path.contains("://"));
        if let Some(url) = url.filter(|url| self.resolved.remote.contains_key(*url)) {
            return Some(ModuleSource::Remote(url));
        }
        if let Ok(file) = path.strip_prefix(&self.src) {
            let file = file.to_str()?;
            return self
                .files
                .contains(file)
                .then_some(ModuleSource::Upload(file));
        }
        let folder = path
            .ancestors()
            .find(|folder| self.folders.contains_key(*folder))?;
        Some(ModuleSource::Package {
            id: self.folders.get(folder)?,
            folder,
            file: path.strip_prefix(folder).ok()?.to_str()?,
        })
    }

    /// Resolves an import of the upload or of a remote module.
    fn resolve_as_deno(&mut self, importer: &str, import: &Import<'_>) -> Resolution {
        let key = (importer.to_owned(), import.specifier.to_owned());
        if self
            .resolved
            .wrong_imports
            .iter()
            .any(|wrong| wrong.key == key)
        {
            self.wrong.insert(key);
            return Resolution::External(import.specifier.to_owned());
        }
        let folder = self.root.clone();
        match self.resolved.imports.get(&key) {
            Some(Target::Builtin(specifier)) => Resolution::External(specifier.clone()),
            Some(Target::File(file)) => Resolution::As {
                specifier: format!("./src/{file}"),
                folder,
                may_be_missing: false,
            },
            Some(Target::Package { id, path }) => match self.names.get(id.as_str()) {
                Some(name) => Resolution::As {
                    specifier: format!("{name}{path}"),
                    folder,
                    may_be_missing: false,
                },
                None => Resolution::Default,
            },
            Some(Target::Remote(url)) => Resolution::Module {
                path: url.clone(),
                namespace: REMOTE,
            },
            None => {
                self.unresolved.insert(key);
                builtins::with_scheme(import.specifier)
                    .map_or(Resolution::Default, Resolution::External)
            }
        }
    }

    fn resolve_in_package(&self, id: &str, import: &Import<'_>) -> Resolution {
        if import.specifier.starts_with("./") || import.specifier.starts_with("../") {
            return Resolution::Default;
        }
        if let Some(specifier) = builtins::with_scheme(import.specifier) {
            return Resolution::External(specifier);
        }
        let name = config::package_name(import.specifier);
        if id.starts_with(native::PRISMA) && name == ".prisma" {
            return Resolution::Default;
        }
        let is_left_out = self
            .left_out
            .iter()
            .any(|(importer, left_out)| *importer == id && left_out == name);
        if is_left_out {
            return Resolution::External(import.specifier.to_owned());
        }
        match import.kind {
            // A package may try to import packages that are not installed, and work without them.
            "require-call" | "require-resolve" | "dynamic-import"
                if !import.specifier.starts_with('#') =>
            {
                Resolution::As {
                    specifier: import.specifier.to_owned(),
                    folder: parent(import.importer),
                    may_be_missing: true,
                }
            }
            _ => Resolution::Default,
        }
    }

    /// Returns the source of a module for the bundle, or `None` if the source does not change.
    fn source(&mut self, path: &Path, text: &str) -> Option<String> {
        let own = self.with_address(path, text);
        match self.computed.get(path) {
            Some(places) => Some(computed_import::explained(
                own.as_deref().unwrap_or(text),
                places,
            )),
            None => own,
        }
    }

    fn with_address(&mut self, path: &Path, text: &str) -> Option<String> {
        let uses_address = here::uses_address(text);
        if !uses_address && !text.contains(MAP_REFERENCE) {
            return None;
        }
        let text = text.replace(MAP_REFERENCE, "");
        if !uses_address {
            return Some(text);
        }
        let text = own_require::with_bundler_require(&text);
        let (address, data) = match self.source_of(path)? {
            ModuleSource::Upload(file) => (file.to_owned(), None),
            ModuleSource::Package { id, folder, file } => {
                let label = self.resolved.packages.get(id)?.label();
                let own = format!("{PACKAGES}/{label}");
                let named = data_files::named(&text, path, folder);
                let data: Vec<_> = named
                    .into_iter()
                    .filter_map(|path| {
                        let file = path.strip_prefix(folder).ok()?.to_str()?;
                        Some((format!("{own}/{file}"), path))
                    })
                    .collect();
                (format!("{own}/{file}"), Some(data))
            }
            ModuleSource::Remote(url) => (url.to_owned(), None),
        };
        self.data.extend(data.into_iter().flatten());
        Some(here::with_address(&text, &address))
    }

    fn load_remote(&mut self, url: &str, path: &Path, attribute: &str) -> Result<Loaded> {
        let Some(module) = self.resolved.remote.get(url) else {
            return Ok(Loaded::Error("was not downloaded".to_owned()));
        };
        let content = |content, loader| Loaded::Content { content, loader };
        match attribute {
            "text" => return Ok(content(module.content()?, "text")),
            "bytes" => return Ok(content(module.content()?, "binary")),
            _ => {}
        }
        if let Some(code) = RemoteModule::replacement(url) {
            return Ok(content(code.as_bytes().to_vec(), "js"));
        }
        let Some((code, loader)) = module.code()? else {
            return Ok(Loaded::Error(format!(
                "`{url}` is not a WebAssembly module"
            )));
        };
        if loader == "json" {
            return Ok(content(code, loader));
        }
        let source = self.source(path, &String::from_utf8_lossy(&code));
        Ok(content(source.map_or(code, String::into_bytes), loader))
    }

    /// Reads the data files of the packages.
    pub(super) fn data(&self) -> Result<AssetFiles> {
        self.data
            .iter()
            .map(|(path, file)| Ok((path.clone(), read(file)?.into())))
            .collect()
    }
}

impl Plugin for Modules<'_> {
    fn resolve(&mut self, import: &Import<'_>) -> Resolution {
        if import.kind == "entry-point" {
            return Resolution::Default;
        }
        if config::is_sdk(import.specifier) {
            return Resolution::External(import.specifier.to_owned());
        }
        match self.source_of(Path::new(import.importer)) {
            Some(ModuleSource::Upload(importer) | ModuleSource::Remote(importer)) => {
                let importer = importer.to_owned();
                self.resolve_as_deno(&importer, import)
            }
            Some(ModuleSource::Package { id, .. }) => self.resolve_in_package(id, import),
            None => Resolution::Default,
        }
    }

    fn load(&mut self, load: &Load<'_>) -> Result<Loaded> {
        let path = PathBuf::from(load.path);
        match self.source_of(&path) {
            Some(ModuleSource::Upload(_)) => {}
            Some(ModuleSource::Remote(url)) => {
                let url = url.to_owned();
                return self.load_remote(&url, &path, load.attribute);
            }
            Some(ModuleSource::Package { id, .. }) => {
                let id = id.to_owned();
                self.loaded.insert(id);
            }
            None => {
                self.leak.get_or_insert_with(|| load.path.to_owned());
                return Ok(Loaded::Error("is outside the upload".to_owned()));
            }
        }
        let content = |content, loader| Loaded::Content { content, loader };
        let extension = path.extension().and_then(|extension| extension.to_str());
        Ok(match (load.attribute, extension) {
            ("text", _) => content(read(&path)?, "text"),
            ("bytes", _) => content(read(&path)?, "binary"),
            (_, Some(_)) if is_declaration(load.path) => content(Vec::new(), "js"),
            (_, Some(_)) if is_text(load.path) => content(read(&path)?, "text"),
            (_, Some("wasm")) => {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                match wasm::module(&read(&path)?, &format!("./{file}")) {
                    Some(code) => content(code.into_bytes(), "js"),
                    None => Loaded::Error(format!("`{file}` is not a WebAssembly module")),
                }
            }
            (_, Some("node")) => content(native::stub(&path).into_bytes(), "js"),
            (_, Some(extension)) => match loader(extension) {
                Some(loader) => match self.source(&path, &String::from_utf8_lossy(&read(&path)?)) {
                    Some(source) => content(source.into_bytes(), loader),
                    None => Loaded::Default,
                },
                None => Loaded::Default,
            },
            (_, None) => Loaded::Default,
        })
    }
}

/// Returns the bundler's loader for a file with code.
fn loader(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "js" | "mjs" | "cjs" => "js",
        "jsx" => "jsx",
        "ts" | "mts" | "cts" => "ts",
        "tsx" => "tsx",
        _ => return None,
    })
}

fn parent(path: &str) -> String {
    Path::new(path)
        .parent()
        .unwrap_or(Path::new("/"))
        .display()
        .to_string()
}

/// Reads a file without following symbolic links. The cache belongs to the user who fetches packages, and a link could
/// lead to a file that only the server can read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
    use std::io::Read;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened =
        match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            // Linux before 5.6 has no openat2.
            Err(rustix::io::Errno::NOSYS) => {
                rustix::fs::open(path, flags | OFlags::NOFOLLOW, Mode::empty())
            }
            opened => opened,
        };
    let mut file = std::fs::File::from(opened?);
    if !file.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}
