//! Packages in the tests' own registry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};

use super::Web;

/// One version of a package.
pub(crate) struct Package {
    manifest: Value,
    /// Path, mode and content.
    files: Vec<(&'static str, u32, String)>,
}

impl Package {
    pub(crate) fn new(name: &str, version: &str, code: &str) -> Self {
        Self {
            manifest: json!({ "name": name, "version": version, "type": "module", "main": "index.js" }),
            files: vec![("index.js", 0o644, code.to_owned())],
        }
    }

    /// Sets a member of the package's `package.json`.
    pub(crate) fn member(mut self, name: &str, value: Value) -> Self {
        self.manifest[name] = value;
        self
    }

    pub(crate) fn file(mut self, path: &'static str, mode: u32, content: &str) -> Self {
        self.files.push((path, mode, content.to_owned()));
        self
    }

    fn tarball(&self) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let manifest = self.manifest.to_string();
        let manifest = [("package.json", 0o604, &manifest)];
        let files = self.files.iter();
        let files = files.map(|(path, mode, content)| (*path, *mode, content));
        for (path, mode, content) in files.chain(manifest) {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(mode);
            let path = format!("package/{path}");
            archive
                .append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }
}

impl Web {
    /// Publishes all versions of one package.
    pub(crate) fn publish(&self, versions: &[Package]) {
        let name = versions[0].manifest["name"].as_str().unwrap();
        let mut listed = Map::new();
        for package in versions {
            let version = package.manifest["version"].as_str().unwrap();
            let tarball = package.tarball();
            let path = format!("{name}/-/{name}-{version}.tgz");
            let mut manifest = package.manifest.clone();
            let digest = STANDARD.encode(Sha512::digest(&tarball));
            manifest["dist"] = json!({
                "tarball": format!("{}{path}", self.registry()),
                "integrity": format!("sha512-{digest}"),
            });
            listed.insert(version.to_owned(), manifest);
            self.module(&format!("http://registry/{path}"), tarball);
        }
        let latest = versions.last().unwrap().manifest["version"].clone();
        let page = json!({ "name": name, "dist-tags": { "latest": latest }, "versions": listed });
        self.module(&format!("http://registry/{name}"), page.to_string());
    }
}
