//! Bundles the upload and its packages into one module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::bundler::Bundler;
use super::error::BuildError;
use super::esbuild::{Message, Place};
use super::graph::Resolved;
use super::modules::{ModuleSource, Modules};
use super::packages::Package;
use super::tools::Tools;
use super::workspace::Workspace;
use super::{data_files, failure, here, modules, native, pnp, remote};
use crate::artifacts::Bundle;
use jelou_core::api::Dependency;

/// The bundle, and the facts about it for the deployment.
#[derive(Debug)]
pub(super) struct Bundled {
    pub(super) bundle: Bundle,
    /// The packages and remote modules in the bundle.
    pub(super) dependencies: Vec<Dependency>,
    /// The files of the upload that the bundler read.
    pub(super) files: BTreeSet<String>,
    pub(super) warnings: Vec<String>,
}

/// Maximum number of import warnings that a build shows.
const MAX_WARNINGS: usize = 3;
/// Maximum number of packages in an error message.
const MAX_LARGEST: usize = 3;

pub(super) async fn run(
    tools: &Tools,
    workspace: &Workspace,
    resolved: &Resolved,
    bundler: &mut Bundler,
) -> Result<Bundled, BuildError> {
    let manifest = pnp::manifest(&resolved.packages, &resolved.lock, workspace.root());
    workspace.write(pnp::FILE, manifest.to_string().as_bytes())?;
    let mut modules = Modules::new(workspace, resolved);
    let mut output = bundler
        .build(tools, workspace, resolved, &mut modules)
        .await?;
    modules.computed = computed_imports(workspace, &mut output.warnings);
    if !modules.computed.is_empty() && output.errors.is_empty() {
        output = bundler
            .build(tools, workspace, resolved, &mut modules)
            .await?;
    }
    if let Some(path) = &modules.leak {
        return Err(BuildError::Leak(workspace.readable(path)));
    }
    BuildError::check(kept_wrong_imports(&modules, resolved))?;
    if let Some(message) = output.errors.first() {
        let loaded = modules.loaded.iter().map(String::as_str);
        check_native(resolved, loaded, |_| None)?;
        return Err(failure::of(&modules, workspace, resolved, message));
    }
    let inputs = Inputs::check(&modules, workspace, &output.metafile)?;
    check_native(resolved, inputs.bytes().into_keys(), |id| {
        inputs.importer_of(id)
    })?;
    let code = String::from_utf8(output.code).map_err(std::io::Error::other)?;
    let code = with_readable_names(&modules, workspace, resolved, tools, &code)?;
    let limit = tools.launcher.limits.max_bundle_bytes;
    let assets = modules.data()?;
    let bytes = code.len() as u64 + assets.values().map(|file| file.len() as u64).sum::<u64>();
    if bytes > limit {
        return Err(BuildError::BundleTooLarge {
            bytes,
            limit,
            largest: inputs.largest(resolved),
        });
    }
    let header = here::header(&code);
    let source_map = source_map(
        &modules,
        workspace,
        resolved,
        &output.source_map,
        header.is_some(),
    )?;
    let warnings = warnings(&modules);
    Ok(Bundled {
        dependencies: inputs.dependencies(resolved)?,
        files: inputs.uploaded(),
        bundle: Bundle {
            code: match header {
                Some(header) => format!("{header}\n{code}"),
                None => code,
            },
            source_map,
            assets,
            compiled: None,
        },
        warnings,
    })
}

/// Returns the errors of the wrong imports that the bundler kept. Of a remote module, only the first one counts.
fn kept_wrong_imports(modules: &Modules<'_>, resolved: &Resolved) -> Vec<BuildError> {
    let mut urls = BTreeSet::new();
    let kept = resolved.wrong_imports.iter().filter(|wrong| {
        modules.wrong.contains(&wrong.key)
            && wrong
                .url
                .as_ref()
                .is_none_or(|url| urls.insert(url.clone()))
    });
    kept.map(|wrong| BuildError::Source(wrong.message.clone()))
        .collect()
}

/// Returns the readable name of a file of the bundle, such as `lib/a.ts` or `npm:axios@1.7.2/index.js`.
fn readable(modules: &Modules<'_>, resolved: &Resolved, path: &Path) -> Option<String> {
    Some(match modules.source_of(path)? {
        ModuleSource::Upload(file) => file.to_owned(),
        ModuleSource::Package { id, file, .. } => {
            format!("npm:{}/{file}", resolved.packages.get(id)?.label())
        }
        ModuleSource::Remote(url) => url.to_owned(),
    })
}

/// Returns the places of imports with a computed name, by module. The bundler does not follow them.
fn computed_imports(
    workspace: &Workspace,
    warnings: &mut Vec<Message>,
) -> BTreeMap<PathBuf, Vec<Place>> {
    let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for message in warnings.drain(..) {
        if message.text.contains("\"import\" expression")
            && let Some(place) = message.place
        {
            let module = path_of(workspace, &place.file);
            places.entry(module).or_default().push(place);
        }
    }
    places
}

/// Returns the warnings about imports with a computed name in the upload. Packages handle the failure of such imports,
/// and their user cannot change them.
fn warnings(modules: &Modules<'_>) -> Vec<String> {
    let places = modules.computed.iter();
    let mut warnings: Vec<_> = places
        .flat_map(|(module, places)| places.iter().map(move |place| (module, place)))
        .filter_map(|(module, place)| {
            let Some(ModuleSource::Upload(file)) = modules.source_of(module) else {
                return None;
            };
            Some(format!(
                "{file}:{}:{}: this `import()` has a target that is not known before it runs; it finds only modules of Node",
                place.line,
                place.column + 1
            ))
        })
        .collect();
    let more = warnings.len().saturating_sub(MAX_WARNINGS);
    warnings.truncate(MAX_WARNINGS);
    if more > 0 {
        warnings.push(format!("{more} more such imports"));
    }
    warnings
}

/// Converts the bundler's name of a file to an absolute path, or to the URL of a remote module. The bundler names files
/// relative to the folder of the build.
pub(super) fn path_of(workspace: &Workspace, file: &str) -> PathBuf {
    let namespaced = file.strip_prefix(modules::REMOTE);
    if let Some(url) = namespaced.and_then(|file| file.strip_prefix(':')) {
        return PathBuf::from(url);
    }
    data_files::lexical(workspace.root(), file)
}

/// Rewrites the source map: replaces the names of the sources by the developer's, and shifts the lines by those of the
/// header.
fn source_map(
    modules: &Modules<'_>,
    workspace: &Workspace,
    resolved: &Resolved,
    text: &[u8],
    has_header: bool,
) -> Result<String, BuildError> {
    let invalid = || BuildError::Source("the bundler's source map is damaged".to_owned());
    let mut map: Value = serde_json::from_slice(text).map_err(|_| invalid())?;
    for source in map["sources"].as_array_mut().ok_or_else(invalid)? {
        let name = source.as_str().ok_or_else(invalid)?;
        let path = path_of(workspace, name);
        let readable = readable(modules, resolved, &path);
        *source = readable.unwrap_or_else(|| "index.js".to_owned()).into();
    }
    if has_header {
        let mappings = map["mappings"].as_str().ok_or_else(invalid)?;
        map["mappings"] = format!(";{mappings}").into();
    }
    Ok(map.to_string())
}

/// Refuses packages that need a native addon.
fn check_native<'a>(
    resolved: &Resolved,
    ids: impl Iterator<Item = &'a str>,
    importer_of: impl Fn(&str) -> Option<&'a str>,
) -> Result<(), BuildError> {
    let Resolved { packages, lock, .. } = resolved;
    for id in ids {
        let Some(package) = packages.get(id) else {
            continue;
        };
        if native::is_native(id, package, packages, lock) {
            let importer = importer_of(id).and_then(|id| packages.get(id));
            return Err(BuildError::Native {
                advice: native::advice(&package.name),
                package: package.name.clone(),
                importer: importer.map(Package::label),
            });
        }
    }
    Ok(())
}

/// Replaces the paths of packages' files in the bundle by readable names: the bundler names the function around a
/// `CommonJS` module after its path, and stack traces show this name.
fn with_readable_names(
    modules: &Modules<'_>,
    workspace: &Workspace,
    resolved: &Resolved,
    tools: &Tools,
    code: &str,
) -> Result<String, BuildError> {
    let packages = fs_err::canonicalize(tools.cache.packages())?;
    let packages = pnp::relative(workspace.root(), &packages);
    let prefix = format!("{}/", packages.display());
    let mut result = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(&prefix) {
        let (before, name) = rest.split_at(at);
        let end = name.find(['"', '\n']).unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        result.push_str(before);
        match readable(modules, resolved, &path_of(workspace, name)) {
            Some(readable) => result.push_str(&readable),
            None => result.push_str(name),
        }
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

/// The files that the bundler read, from its metafile.
#[derive(Debug)]
struct Inputs<'a> {
    /// The files by path. Remote modules have their URL as the path.
    files: BTreeMap<PathBuf, Input>,
    modules: &'a Modules<'a>,
}

#[derive(Debug, Deserialize)]
struct Input {
    bytes: u64,
    #[serde(default)]
    imports: Vec<InputImport>,
}

#[derive(Debug, Deserialize)]
struct InputImport {
    path: String,
}

impl<'a> Inputs<'a> {
    /// Checks that every file that the bundler read belongs to the upload or to a package.
    fn check(
        modules: &'a Modules<'a>,
        workspace: &Workspace,
        metafile: &str,
    ) -> Result<Self, BuildError> {
        #[derive(Deserialize)]
        struct Metafile {
            inputs: BTreeMap<String, Input>,
        }
        let damaged = |_| BuildError::Source("the bundler's list of files is damaged".to_owned());
        let metafile: Metafile = serde_json::from_str(metafile).map_err(damaged)?;
        let mut files = BTreeMap::new();
        for (name, mut input) in metafile.inputs {
            let named = name.split(" with {").next().unwrap_or(&name);
            let path = path_of(workspace, named);
            let is_remote = matches!(modules.source_of(&path), Some(ModuleSource::Remote(_)));
            // A symbolic link must not lead outside the upload and the packages.
            let real = if is_remote {
                path
            } else {
                fs_err::canonicalize(&path)
                    .map_err(|_| BuildError::Leak(workspace.readable(&name)))?
            };
            if modules.source_of(&real).is_none() {
                return Err(BuildError::Leak(workspace.readable(&name)));
            }
            for import in &mut input.imports {
                import.path = path_of(workspace, &import.path).display().to_string();
            }
            files.insert(real, input);
        }
        Ok(Self { files, modules })
    }

    fn id_of(&self, path: &'a Path) -> Option<&'a str> {
        match self.modules.source_of(path)? {
            ModuleSource::Package { id, .. } => Some(id),
            ModuleSource::Upload(_) | ModuleSource::Remote(_) => None,
        }
    }

    /// Returns the ids of the packages, with the bytes of their files.
    fn bytes(&'a self) -> BTreeMap<&'a str, u64> {
        let mut bytes = BTreeMap::new();
        for (path, input) in &self.files {
            if let Some(id) = self.id_of(path) {
                *bytes.entry(id).or_default() += input.bytes;
            }
        }
        bytes
    }

    /// Returns the packages of npm and of JSR, and the other remote modules, with their digests.
    fn dependencies(&'a self, resolved: &Resolved) -> Result<Vec<Dependency>, BuildError> {
        let lock = &resolved.lock;
        let mut found = BTreeMap::new();
        for id in self.bytes().into_keys() {
            let Some(package) = resolved.packages.get(id) else {
                continue;
            };
            let integrity = lock.package(id).and_then(|locked| locked.integrity.clone());
            found.insert(format!("npm:{}", package.label()), integrity);
        }
        for path in self.files.keys() {
            let Some(ModuleSource::Remote(url)) = self.modules.source_of(path) else {
                continue;
            };
            if let Some(package) = remote::jsr_package(url) {
                let digest = lock.jsr(&package).map(|digest| format!("sha256-{digest}"));
                found.insert(format!("jsr:{package}"), digest);
            } else if let Some(module) = resolved.remote.get(url) {
                found.insert(url.to_owned(), Some(format!("sha256-{}", module.sha256()?)));
            }
        }
        let all = found.into_iter();
        Ok(all
            .map(|(specifier, integrity)| Dependency {
                specifier,
                integrity,
            })
            .collect())
    }

    fn uploaded(&self) -> BTreeSet<String> {
        let origins = self
            .files
            .keys()
            .filter_map(|path| self.modules.source_of(path));
        origins
            .filter_map(|source| match source {
                ModuleSource::Upload(file) => Some(file.to_owned()),
                ModuleSource::Package { .. } | ModuleSource::Remote(_) => None,
            })
            .collect()
    }

    /// Returns the names of the largest packages and their bytes, the largest first.
    fn largest(&'a self, resolved: &Resolved) -> Vec<(String, u64)> {
        let mut largest: Vec<(String, u64)> = self
            .bytes()
            .into_iter()
            .filter_map(|(id, bytes)| Some((resolved.packages.get(id)?.name.clone(), bytes)))
            .collect();
        largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        largest.truncate(MAX_LARGEST);
        largest
    }

    /// Returns another package that imports the package. `None` if the upload itself imports it, or no package imports
    /// it.
    fn importer_of(&'a self, id: &str) -> Option<&'a str> {
        let mut found = None;
        for (path, input) in &self.files {
            let imports = input
                .imports
                .iter()
                .any(|import| self.id_of(Path::new(&import.path)) == Some(id));
            if imports {
                match self.id_of(path) {
                    None => return None,
                    Some(importer) if importer != id => found = Some(importer),
                    Some(_) => {}
                }
            }
        }
        found
    }
}
