//! The rules for uploaded files. The command line checks them before it sends the files. The server checks them again,
//! because other clients may not.

mod assets;
mod entrypoint;
mod error;
mod file;
mod kind;
mod mentions;
mod path;
mod settings;

use std::collections::BTreeSet;

pub use assets::AssetPatterns;
pub use entrypoint::{DEFAULT_ENTRYPOINT, find as find_entrypoint};
pub use error::{SourceError, SourceErrors, join as join_problems};
pub use file::{EncodedFile, SourceFile};
pub use kind::{FileKind, is_configuration, is_declaration, is_module, is_text};
pub use mentions::Mentions;
pub use settings::{WRANGLER, settings};

use serde::{Deserialize, Serialize};

/// The limits of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UploadLimits)]
pub struct UploadLimits {
    /// Maximum number of files.
    pub files: usize,
    /// Maximum bytes of a file.
    pub file_bytes: u64,
    /// Maximum bytes of all files together.
    pub bytes: u64,
}

/// The declarations of a project about its files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Declared<'a> {
    /// The path of the entrypoint. When absent, it is found by its name.
    pub entrypoint: Option<&'a str>,
    /// Patterns of the files that the function reads by path.
    pub assets: &'a [String],
}

/// Files that follow all rules, with the entrypoint and the assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTree {
    files: Vec<SourceFile>,
    entrypoint: String,
    assets: BTreeSet<String>,
}

impl SourceTree {
    /// Checks the files and sorts them by path.
    ///
    /// # Errors
    /// All broken rules.
    pub fn new(
        mut files: Vec<SourceFile>,
        declared: Declared<'_>,
        limits: &UploadLimits,
    ) -> Result<Self, SourceErrors> {
        if files.is_empty() {
            return Err(SourceError::Empty.into());
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut errors =
            limits.exceeded(files.iter().map(|file| (file.path.as_str(), file.bytes())));
        errors.extend(check_paths(&files));
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let content = |name: &str| {
            let file = files.iter().find(|file| file.path == name)?;
            Some(file.content.to_vec())
        };
        let entrypoint = entrypoint::find(declared.entrypoint, &paths, content)
            .map_err(|error| errors.push(error))
            .unwrap_or_default();
        let (patterns, invalid) = AssetPatterns::parse(declared.assets);
        let (assets, unmatched) = patterns.select(paths.iter().copied());
        errors.extend(invalid.into_iter().chain(unmatched));
        SourceErrors::check(errors)?;
        Ok(Self {
            files,
            entrypoint,
            assets,
        })
    }

    /// Returns the files, sorted by path.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    pub fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files
            .binary_search_by(|file| file.path.as_str().cmp(path))
            .ok()
            .map(|position| &self.files[position])
    }

    /// Returns the path of the entrypoint.
    pub fn entrypoint(&self) -> &str {
        &self.entrypoint
    }

    /// Returns the paths of the declared assets.
    pub fn assets(&self) -> &BTreeSet<String> {
        &self.assets
    }
}

fn check_paths(files: &[SourceFile]) -> Vec<SourceError> {
    let invalid = files
        .iter()
        .filter_map(|file| path::check(&file.path).err());
    let twice = files
        .windows(2)
        .filter(|pair| pair[0].path == pair[1].path)
        .map(|pair| SourceError::Duplicate(pair[0].path.escape_debug().to_string()));
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let folders = files
        .iter()
        .filter(|file| is_folder(&file.path, &paths))
        .map(|file| SourceError::FileAndFolder(file.path.escape_debug().to_string()));
    invalid.chain(twice).chain(folders).collect()
}

/// Whether one of the paths is inside the folder `path`.
fn is_folder(path: &str, paths: &BTreeSet<&str>) -> bool {
    let folder = format!("{path}/");
    paths
        .range(folder.as_str()..)
        .next()
        .is_some_and(|next| next.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: UploadLimits = UploadLimits {
        files: 20,
        file_bytes: 256,
        bytes: 1024,
    };

    fn file(path: &str, bytes: usize) -> SourceFile {
        SourceFile::new(path, "x".repeat(bytes))
    }

    fn errors(files: Vec<SourceFile>) -> Vec<SourceError> {
        let tree = SourceTree::new(files, Declared::default(), &LIMITS);
        tree.unwrap_err().all().to_vec()
    }

    #[test]
    fn the_files_of_a_valid_tree_are_sorted() {
        let files = vec![
            file("lib/b.ts", 1),
            file("index.ts", 1),
            file("LICENSE", 1),
            file("función con espacio.tsx", 1),
        ];
        let declared = Declared {
            assets: &["LIC*".to_owned()],
            ..Declared::default()
        };
        let tree = SourceTree::new(files, declared, &LIMITS).unwrap();
        assert_eq!(tree.entrypoint(), "index.ts");
        assert_eq!(tree.files()[0].path, "LICENSE");
        assert!(tree.assets().contains("LICENSE"));
        assert_eq!(tree.file("lib/b.ts").unwrap().bytes(), 1);
        assert!(tree.file("lib/c.ts").is_none());
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let mut files: Vec<_> = (0..20).map(|n| file(&format!("f{n}.ts"), 100)).collect();
        files.extend([
            file("f0.ts", 1),
            file("f1.ts/b.ts", 257),
            file("../f.ts", 1),
        ]);
        let text = errors(files)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(
            text,
            "23 files to deploy; the limit is 20 files (limits.max_upload_files, a server setting). `.jelouignore` and `exclude` in jelou.json leave files out\n\
             `f1.ts/b.ts` is 257 bytes; the limit for one file is 256 bytes (limits.max_upload_file_bytes, a server setting)\n\
             the files have 2259 bytes together; the limit is 1024 bytes (limits.max_upload_bytes, a server setting). The largest: `f1.ts/b.ts` (257 bytes), `f0.ts` (100 bytes), `f1.ts` (100 bytes)\n\
             `../f.ts` is not a plain relative path: it contains `.` or `..`\n\
             `f0.ts` is in the upload twice\n\
             `f1.ts` is both a file and a folder\n\
             no entrypoint: there is no index.ts, main.ts, src/index.ts or a similar file; name the file in jelou.json: \"entrypoint\": \"FILE\""
        );
    }

    #[test]
    fn paths_that_leave_the_project_are_refused() {
        for bad in [
            "/etc/a.ts",
            "../a.ts",
            "a/../b.ts",
            "a//b.ts",
            "./a.ts",
            "a\\b.ts",
            "C:a.ts",
            "a\n.ts",
            ".env.ts",
            "a/node_modules/b.ts",
            "a\u{202e}st.ts",
            "a\u{200b}.ts",
            "\u{feff}a.ts",
        ] {
            let found = errors(vec![file("index.ts", 1), file(bad, 1)]);
            assert!(matches!(&found[..], [SourceError::Path { .. }]), "{bad:?}");
        }
    }
}
