//! The rules for uploaded files. The command line applies them before it sends anything, and the server applies them
//! again to every client.

use serde::{Deserialize, Serialize};

/// The most files of an upload.
pub const MAX_FILES: usize = 20;
/// The most bytes of a file.
pub const MAX_FILE_BYTES: usize = 256 * 1024;
/// The most bytes of all files together.
pub const MAX_TOTAL_BYTES: usize = 1024 * 1024;
/// The most bytes of a path.
pub const MAX_PATH_LENGTH: usize = 255;
/// The extensions of files that can be deployed.
pub const EXTENSIONS: [&str; 6] = ["ts", "js", "json", "jsonc", "md", "txt"];
/// The entrypoint, unless another one is named.
pub const DEFAULT_ENTRYPOINT: &str = "index.ts";

/// A file; its path is relative to the project's folder with `/` between segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceFile {
    pub path: String,
    /// The text.
    pub content: String,
}

/// Files that follow every rule, and the entrypoint among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTree {
    files: Vec<SourceFile>,
    entrypoint: String,
}

/// The first rule that an upload breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("there are no files to deploy")]
    Empty,
    #[error("{0} files to deploy; the limit is {MAX_FILES}")]
    TooManyFiles(usize),
    #[error("`{path}` is {bytes} bytes; the limit for one file is {MAX_FILE_BYTES} bytes (256 KB)")]
    FileTooLarge { path: String, bytes: usize },
    #[error("the files are {0} bytes together; the limit is {MAX_TOTAL_BYTES} bytes (1 MB)")]
    TotalTooLarge(usize),
    #[error(
        "`{0}` cannot be deployed; the allowed extensions are .ts, .js, .json, .jsonc, .md and .txt"
    )]
    Extension(String),
    #[error("`{path}` is not a plain relative path: {reason}")]
    Path { path: String, reason: &'static str },
    #[error("`{0}` is in the upload twice")]
    Duplicate(String),
    #[error("`{0}` is both a file and a folder")]
    FileAndFolder(String),
    #[error("the entrypoint `{0}` is not among the files")]
    EntrypointMissing(String),
    #[error("the entrypoint `{0}` is not a .ts or .js file")]
    EntrypointExtension(String),
}

impl SourceTree {
    /// Checks the files and sorts them by path.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn new(mut files: Vec<SourceFile>, entrypoint: Option<&str>) -> Result<Self, SourceError> {
        if files.is_empty() {
            return Err(SourceError::Empty);
        }
        if files.len() > MAX_FILES {
            return Err(SourceError::TooManyFiles(files.len()));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        for file in &files {
            check_path(&file.path)?;
            if file.content.len() > MAX_FILE_BYTES {
                return Err(SourceError::FileTooLarge {
                    path: file.path.clone(),
                    bytes: file.content.len(),
                });
            }
        }
        if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(SourceError::Duplicate(pair[0].path.clone()));
        }
        if let Some(file) = files.iter().find(|file| is_folder_of(&files, &file.path)) {
            return Err(SourceError::FileAndFolder(file.path.clone()));
        }
        let total = files.iter().map(|file| file.content.len()).sum();
        if total > MAX_TOTAL_BYTES {
            return Err(SourceError::TotalTooLarge(total));
        }
        let entrypoint = entrypoint.unwrap_or(DEFAULT_ENTRYPOINT);
        let entrypoint = entrypoint
            .strip_prefix("./")
            .unwrap_or(entrypoint)
            .to_owned();
        if !files.iter().any(|file| file.path == entrypoint) {
            return Err(SourceError::EntrypointMissing(entrypoint));
        }
        if !matches!(extension(&entrypoint), Some("ts" | "js")) {
            return Err(SourceError::EntrypointExtension(entrypoint));
        }
        Ok(Self { files, entrypoint })
    }

    /// Sorted by path.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The path of the entrypoint.
    pub fn entrypoint(&self) -> &str {
        &self.entrypoint
    }
}

fn is_folder_of(files: &[SourceFile], path: &str) -> bool {
    files.iter().any(|file| {
        file.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Invisible characters that can make a name look like another one: direction marks, joiners and zero-width spaces
/// (Unicode, general category Cf).
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}

fn check_path(path: &str) -> Result<(), SourceError> {
    let refuse = |reason| {
        // Control characters must not reach a terminal or a log.
        Err(SourceError::Path {
            path: path.escape_debug().to_string(),
            reason,
        })
    };
    if path.len() > MAX_PATH_LENGTH {
        return refuse("it is longer than 255 bytes");
    }
    if path.chars().any(char::is_control) {
        return refuse("it holds a control character");
    }
    if path.chars().any(is_invisible) {
        return refuse("it holds an invisible character");
    }
    if path.contains('\\') || path.contains(':') {
        return refuse("it holds `\\` or `:`");
    }
    for segment in path.split('/') {
        match segment {
            "" => return refuse("it is absolute or has an empty segment"),
            "." | ".." => return refuse("it holds `.` or `..`"),
            "node_modules" => return refuse("`node_modules` is not deployed"),
            hidden if hidden.starts_with('.') => return refuse("hidden files are not deployed"),
            _ => {}
        }
    }
    match extension(path) {
        Some(extension) if EXTENSIONS.contains(&extension) => Ok(()),
        _ => Err(SourceError::Extension(path.to_owned())),
    }
}

/// Whether the files of a project exclude a folder or file of this name.
pub fn is_left_out(name: &str) -> bool {
    name.starts_with('.') || matches!(name, "node_modules" | "dist")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: usize) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            content: "x".repeat(bytes),
        }
    }

    #[test]
    fn a_good_tree_is_sorted() {
        let tree = SourceTree::new(vec![file("lib/b.ts", 1), file("index.ts", 1)], None).unwrap();
        assert_eq!(tree.entrypoint(), "index.ts");
        assert_eq!(tree.files()[0].path, "index.ts");
    }

    #[test]
    fn each_limit_has_its_error() {
        let many = (0..21).map(|n| file(&format!("f{n}.ts"), 1)).collect();
        assert_eq!(
            SourceTree::new(many, None),
            Err(SourceError::TooManyFiles(21))
        );
        let large = vec![file("index.ts", MAX_FILE_BYTES + 1)];
        assert!(matches!(
            SourceTree::new(large, None),
            Err(SourceError::FileTooLarge { .. })
        ));
        let total = (0..5)
            .map(|n| file(&format!("f{n}.ts"), MAX_FILE_BYTES))
            .collect();
        assert!(matches!(
            SourceTree::new(total, None),
            Err(SourceError::TotalTooLarge(_))
        ));
        let missing = vec![file("main.ts", 1)];
        assert!(matches!(
            SourceTree::new(missing, None),
            Err(SourceError::EntrypointMissing(_))
        ));
        let both = vec![file("index.ts", 1), file("a.ts", 1), file("a.ts/b.ts", 1)];
        assert_eq!(
            SourceTree::new(both, None),
            Err(SourceError::FileAndFolder("a.ts".to_owned()))
        );
        let twice = vec![file("index.ts", 1), file("index.ts", 1)];
        assert!(matches!(
            SourceTree::new(twice, None),
            Err(SourceError::Duplicate(_))
        ));
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
            "a\u{202e}st.ts",
            "a\u{200b}.ts",
            "\u{feff}a.ts",
        ] {
            let files = vec![file("index.ts", 1), file(bad, 1)];
            assert!(
                matches!(SourceTree::new(files, None), Err(SourceError::Path { .. })),
                "{bad:?}"
            );
        }
        let files = vec![file("index.ts", 1), file("a.png", 1)];
        assert!(matches!(
            SourceTree::new(files, None),
            Err(SourceError::Extension(_))
        ));
    }
}
