//! The remote modules of a function's last deploy. The next build of the function uses them, so that they are not
//! downloaded again.
//!
//! They are a cache of this server: one archive for each function, with the files of Deno's own cache. A file has the
//! content of a module, and a line with its URL and headers. A build uses them only if they have the digests of the
//! live deployment.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::DirBuilder;
use std::io::Result;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use jelou_core::Slug;
use jelou_core::api::Dependency;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::modules::read;
use super::remote::{self, jsr, jsr_package};
use crate::artifacts::{AssetFiles, archive};
use crate::hex::hex;

/// Where a build gets remote modules from.
#[derive(Debug, Clone, Copy)]
pub enum RemoteSource<'a> {
    /// From their hosts.
    Hosts,
    /// From the files that the last deploy of the function stored, if they have the digests of these dependencies.
    /// Other modules are downloaded.
    Kept(&'a [Dependency]),
}

/// The stored modules of all functions.
#[derive(Debug)]
pub(super) struct KeptModules {
    folder: PathBuf,
}

/// The line that Deno appends to a cached file.
#[derive(Deserialize)]
struct Metadata {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl KeptModules {
    /// Creates the folder, which only the server can read.
    pub(super) fn open(folder: PathBuf) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        Ok(Self { folder })
    }

    /// Returns the stored files of a function, by their path in Deno's folder of remote modules. Returns no files if
    /// one of them differs from the live deployment.
    pub(super) fn get(&self, slug: &Slug, source: RemoteSource<'_>) -> AssetFiles {
        let deployed = match source {
            // Without a deployment, the files are those of a deleted function with the same slug.
            RemoteSource::Hosts | RemoteSource::Kept([]) => return AssetFiles::new(),
            RemoteSource::Kept(deployed) => deployed,
        };
        let stored = std::fs::read(self.file(slug)).unwrap_or_default();
        let files = archive::unpack(&stored.into(), &[]).unwrap_or_default();
        if files
            .iter()
            .all(|(path, file)| is_plain(path) && is_as_deployed(file, deployed))
        {
            files
        } else {
            tracing::debug!(function = %slug, "the stored remote modules are not those of the live deployment");
            AssetFiles::new()
        }
    }

    /// Stores the files of a deploy, and replaces those of the previous deploy.
    pub(super) fn put(&self, slug: &Slug, files: &AssetFiles) -> Result<()> {
        if files.is_empty() {
            return self.remove(slug);
        }
        let staged = self.folder.join(format!(".{slug}"));
        fs_err::write(&staged, archive::pack(files, &[])?)?;
        fs_err::rename(staged, self.file(slug))
    }

    pub(super) fn remove(&self, slug: &Slug) -> Result<()> {
        match fs_err::remove_file(self.file(slug)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn file(&self, slug: &Slug) -> PathBuf {
        self.folder.join(slug.as_str())
    }
}

/// Reads the files in Deno's cache for these URLs, with the redirects and the JSR metadata that lead to them. Returns
/// no files if the files have more than `limit` bytes together.
pub(super) fn collect<'a>(
    folder: &Path,
    urls: impl Iterator<Item = &'a str>,
    limit: u64,
) -> Result<AssetFiles> {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for url in urls {
        wanted.insert(url.to_owned());
        if let Some((package, version)) =
            jsr_package(url).as_deref().and_then(|p| p.rsplit_once('@'))
        {
            wanted.insert(format!("{}{package}/meta.json", jsr()));
            wanted.insert(format!("{}{package}/{version}_meta.json", jsr()));
        }
    }
    if wanted.is_empty() {
        return Ok(AssetFiles::new());
    }
    let mut files = AssetFiles::new();
    read_below(folder, "", limit, &mut files)?;
    let metadata: HashMap<&str, Metadata> = files
        .iter()
        .filter_map(|(path, file)| Some((path.as_str(), metadata_of(file)?)))
        .collect();
    let locations: HashMap<&str, &str> = metadata
        .values()
        .filter_map(|of| Some((of.url.as_str(), of.headers.get("location")?.as_str())))
        .collect();
    let mut open: Vec<String> = wanted.iter().cloned().collect();
    while let Some(url) = open.pop() {
        let next = locations.get(url.as_str());
        let next = next.and_then(|to| Some(Url::parse(&url).ok()?.join(to).ok()?.to_string()));
        open.extend(next.filter(|next| wanted.insert(next.clone())));
    }
    let kept: BTreeSet<String> = metadata
        .iter()
        .filter(|(_, of)| wanted.contains(&of.url))
        .map(|(path, _)| (*path).to_owned())
        .collect();
    files.retain(|path, _| kept.contains(path));
    Ok(files)
}

/// Writes the files into Deno's folder of remote modules.
pub(super) fn write(folder: &Path, files: &AssetFiles) -> Result<()> {
    for (path, content) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::write(path, content)?;
    }
    Ok(())
}

/// Reads all files below the folder. Clears `files` and stops if they have more than `limit` bytes together. Follows no
/// links, because the user who fetches modules owns the folder.
fn read_below(folder: &Path, prefix: &str, limit: u64, files: &mut AssetFiles) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read_below(&entry.path(), &format!("{path}/"), limit, files)?;
        } else if kind.is_file() {
            files.insert(path, read(&entry.path())?.into());
        }
        let bytes: u64 = files.values().map(|file| file.len() as u64).sum();
        if bytes > limit {
            files.clear();
            return Ok(());
        }
    }
    Ok(())
}

fn metadata_of(file: &[u8]) -> Option<Metadata> {
    let (_, metadata) = remote::split(file);
    serde_json::from_slice(metadata?).ok()
}

/// Whether the deployment used the cached file: the file has the digest that the deployment recorded for its URL.
/// Redirects have no digest, and the files of a JSR package have theirs in the package's metadata.
fn is_as_deployed(file: &[u8], deployed: &[Dependency]) -> bool {
    let Some(Metadata { url, headers }) = metadata_of(file) else {
        return false;
    };
    let has_no_digest = headers.contains_key("location") || url.starts_with(&jsr());
    let name = package_of_metadata(&url).unwrap_or(url);
    let found = deployed
        .iter()
        .find(|dependency| dependency.specifier == name);
    let digest = found.and_then(|dependency| dependency.integrity.as_deref());
    match digest.and_then(|digest| digest.strip_prefix("sha256-")) {
        Some(digest) => digest == hex(&Sha256::digest(remote::split(file).0)),
        None => has_no_digest,
    }
}

/// Returns the JSR package whose metadata this URL names. The digest of a JSR package is the digest of its metadata.
fn package_of_metadata(url: &str) -> Option<String> {
    let (package, file) = url.strip_prefix(&jsr())?.rsplit_once('/')?;
    let version = file.strip_suffix("_meta.json")?;
    Some(format!("jsr:{package}@{version}"))
}

fn is_plain(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://deno.land/x/a@1/mod.ts";

    fn cached(url: &str, content: &str, headers: &str) -> Vec<u8> {
        format!("{content}\n// denoCacheMetadata={{\"headers\":{{{headers}}},\"url\":\"{url}\",\"time\":1}}").into_bytes()
    }

    fn sha256(content: &str) -> String {
        format!("sha256-{}", hex(&Sha256::digest(content)))
    }

    fn dependency(specifier: &str, content: &str) -> Dependency {
        Dependency {
            specifier: specifier.to_owned(),
            integrity: Some(sha256(content)),
        }
    }

    #[test]
    fn modules_are_stored_with_redirects_and_metadata() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let redirect = |to: &str| format!("\"location\":\"{to}\"");
        let files = [
            ("https/deno.land/1", cached(URL, "export {};", "")),
            (
                "https/deno.land/2",
                cached("https://deno.land/x/a/mod.ts", "", &redirect("/x/b/mod.ts")),
            ),
            (
                "https/deno.land/3",
                cached("https://deno.land/x/b/mod.ts", "", &redirect(URL)),
            ),
            (
                "https/deno.land/4",
                cached("https://deno.land/x/old.ts", "old", ""),
            ),
            (
                "https/jsr.io/5",
                cached("https://jsr.io/@a/b/meta.json", "{}", ""),
            ),
            (
                "https/jsr.io/6",
                cached("https://jsr.io/@a/b/1.0.0_meta.json", "{1}", ""),
            ),
            (
                "https/jsr.io/7",
                cached("https://jsr.io/@a/b/0.9.0_meta.json", "{0}", ""),
            ),
            (
                "https/jsr.io/8",
                cached("https://jsr.io/@a/b/1.0.0/mod.ts", "1", ""),
            ),
            ("https/jsr.io/9", b"no module".to_vec()),
        ];
        for (path, content) in &files {
            let path = folder.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.join("https/link")).unwrap();
        let urls = [
            "https://deno.land/x/a/mod.ts",
            "https://jsr.io/@a/b/1.0.0/mod.ts",
        ];
        let kept = collect(&folder, urls.into_iter(), 10_000).unwrap();
        let paths: Vec<_> = kept
            .keys()
            .map(|path| path.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(paths, ["1", "2", "3", "5", "6", "8"]);
        assert!(collect(&folder, urls.into_iter(), 100).unwrap().is_empty());

        let store = tempfile::tempdir().unwrap();
        let store = KeptModules::open(store.path().join("kept")).unwrap();
        let slug: Slug = "mi-funcion".parse().unwrap();
        assert!(store.get(&slug, RemoteSource::Kept(&[])).is_empty());
        store.put(&slug, &kept).unwrap();
        let deployed = [
            dependency(URL, "export {};"),
            dependency("jsr:@a/b@1.0.0", "{1}"),
        ];
        assert_eq!(store.get(&slug, RemoteSource::Kept(&deployed)), kept);
        assert!(store.get(&slug, RemoteSource::Hosts).is_empty());
        // If one file differs from the deployment, no file is used.
        for (index, other) in [
            (0, dependency(URL, "other")),
            (1, dependency("jsr:@a/b@1.0.0", "{2}")),
        ] {
            let mut others = deployed.clone();
            others[index] = other;
            assert!(store.get(&slug, RemoteSource::Kept(&others)).is_empty());
        }
        // A function with the same slug that has no deployment, or another one.
        assert!(store.get(&slug, RemoteSource::Kept(&[])).is_empty());
        let unrelated = [dependency("npm:a@1.0.0", "")];
        assert!(store.get(&slug, RemoteSource::Kept(&unrelated)).is_empty());
        store.put(&slug, &AssetFiles::new()).unwrap();
        assert!(store.get(&slug, RemoteSource::Kept(&deployed)).is_empty());
    }

    #[test]
    fn paths_outside_the_folder_are_not_used() {
        let store = tempfile::tempdir().unwrap();
        let store = KeptModules::open(store.path().to_owned()).unwrap();
        let slug: Slug = "mi-funcion".parse().unwrap();
        let files = AssetFiles::from([("/x".to_owned(), cached(URL, "", "").into())]);
        assert!(!is_plain("/x") && !is_plain("../x") && is_plain("https/a/b"));
        // The writer of the archive refuses such a path, or the reader ignores it.
        let _ = store.put(&slug, &files);
        let got = store.get(&slug, RemoteSource::Kept(&[]));
        assert!(got.keys().all(|path| is_plain(path)), "{got:?}");
    }
}
