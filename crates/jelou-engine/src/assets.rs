//! The TypeScript files of the engine, built from `sdk/` and embedded in the binary.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

/// The SDK's modules, by file name: one for workers, and one for a project's tests.
pub const SDK_MODULES: [(&str, &str); 2] = [
    (
        "functions.js",
        include_str!("../../../sdk/dist/functions.js"),
    ),
    ("testing.js", include_str!("../../../sdk/dist/testing.js")),
];

const FILES: [(&str, &str); 5] = [
    SDK_MODULES[0],
    SDK_MODULES[1],
    ("worker.js", include_str!("../../../sdk/dist/worker.js")),
    ("inspect.js", include_str!("../../../sdk/dist/inspect.js")),
    (
        "import-map.json",
        include_str!("../../../sdk/dist/import-map.json"),
    ),
];

/// The complete type declarations of the SDK, for editors and for type checks at deploy.
pub static TYPES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/dist/types");

/// The SDK's import names, and their files in [`TYPES`].
pub(crate) const TYPE_ROOTS: [(&str, &str); 2] = [
    ("@jelou/functions", "functions.d.ts"),
    ("@jelou/functions/testing", "testing.d.ts"),
];

/// The folder from which workers read the SDK and the worker's program.
#[derive(Debug, Clone)]
pub(crate) struct Assets {
    dir: PathBuf,
}

impl Assets {
    /// Writes the assets to a folder below `parent`, named after their content. Does nothing if the folder exists.
    ///
    /// # Errors
    ///
    /// When files cannot be written.
    pub(crate) fn write(parent: &Path) -> std::io::Result<Self> {
        let mut digest = Sha256::new();
        for (name, content) in FILES {
            digest.update(name);
            digest.update(content);
        }
        for file in TYPES
            .find("**/*")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.as_file())
        {
            digest.update(file.contents());
        }
        let name = &crate::hex::hex(&digest.finalize())[..16];
        let dir = parent.join(format!("sdk-{name}"));
        if !dir.is_dir() {
            fs_err::create_dir_all(parent)?;
            let staging = tempfile::Builder::new()
                .prefix(".sdk-")
                .tempdir_in(parent)?;
            for (name, content) in FILES {
                fs_err::write(staging.path().join(name), content)?;
            }
            let types = staging.path().join("types");
            fs_err::create_dir(&types)?;
            TYPES.extract(&types)?;
            let staging = staging.keep();
            // Every worker reads the folder.
            fs_err::set_permissions(&staging, std::fs::Permissions::from_mode(0o755))?;
            if let Err(error) = fs_err::rename(&staging, &dir) {
                fs_err::remove_dir_all(&staging)?;
                if !dir.is_dir() {
                    return Err(error);
                }
            }
        }
        Ok(Self { dir })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the name of the folder, which contains a hash of the assets.
    pub(crate) fn name(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Returns the path of another folder of the cache.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.with_file_name(name)
    }

    pub(crate) fn types(&self) -> PathBuf {
        self.dir.join("types")
    }

    pub(crate) fn worker(&self) -> PathBuf {
        self.dir.join("worker.js")
    }

    pub(crate) fn import_map(&self) -> PathBuf {
        self.dir.join("import-map.json")
    }
}
