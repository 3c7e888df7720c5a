//! The data files of packages, such as fonts, templates and WebAssembly. A module that uses its own path (`__dirname`,
//! `import.meta.url`) names them in string literals. They are packed into the function's folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Number of found files from which on no more files of a folder are added.
const MAX_FOLDER_FILES: usize = 500;
/// Maximum length of a path in a string.
const MAX_PATH: usize = 200;
/// Extensions of files that the bundle already contains, or that programs do not read.
const NOT_DATA: [&str; 12] = [
    "js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx", "map", "md", "node", "flow",
];

/// Returns the files of the package that a string in the module's source names, directly or by their folder. `module`
/// is the module's path, and `package` is the package's folder.
pub(super) fn named(source: &str, module: &Path, package: &Path) -> BTreeSet<PathBuf> {
    let Some(folder) = module.parent() else {
        return BTreeSet::new();
    };
    let texts = texts(source);
    let goes_up = texts.iter().any(|text| text.starts_with(".."));
    let mut found = BTreeSet::new();
    for base in folder.ancestors().take(if goes_up { 4 } else { 1 }) {
        if !base.starts_with(package) {
            break;
        }
        for text in &texts {
            let text = text.trim_start_matches('/').trim_end_matches('/');
            if text.chars().all(|c| matches!(c, '.' | '/')) {
                continue;
            }
            add(&lexical(base, text), package, &mut found);
        }
    }
    found
}

/// Returns the short strings of the source that can be a part of a path.
fn texts(source: &str) -> BTreeSet<&str> {
    let bytes = source.as_bytes();
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"._/@+-".contains(&byte);
    let mut texts = BTreeSet::new();
    let mut at = 0;
    while let Some(&quote) = bytes.get(at) {
        at += 1;
        if !matches!(quote, b'"' | b'\'' | b'`') {
            continue;
        }
        let end = bytes[at..]
            .iter()
            .take(MAX_PATH)
            .position(|byte| !is_path(*byte));
        if let Some(end) = end
            && end > 0
            && bytes[at + end] == quote
        {
            texts.insert(&source[at..at + end]);
        }
    }
    texts
}

fn add(path: &Path, package: &Path, found: &mut BTreeSet<PathBuf>) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return;
    };
    if !path.starts_with(package) || path == package {
        return;
    }
    if metadata.is_file() && is_data(path) {
        found.insert(path.to_path_buf());
    } else if metadata.is_dir() {
        add_folder(path, found);
    }
}

fn add_folder(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if found.len() >= MAX_FOLDER_FILES {
            return;
        }
        if kind.is_dir() && entry.file_name() != "node_modules" {
            add_folder(&path, found);
        } else if kind.is_file() && is_data(&path) && entry.file_name() != "package.json" {
            found.insert(path);
        }
    }
}

fn is_data(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_none_or(|extension| !NOT_DATA.contains(&extension)) && path.extension().is_some()
}

/// Joins `path` to `base`, and resolves `.` and `..` without access to the file system.
pub(super) fn lexical(base: &Path, path: &str) -> PathBuf {
    use std::path::Component;
    let mut result = PathBuf::new();
    for component in base.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_a_module_names() {
        let root = tempfile::tempdir().unwrap();
        let package = root.path().join("package");
        for file in [
            "js/index.js",
            "js/data/Helvetica.afm",
            "js/data/code.js",
            "js/data/deep/x.txt",
            "x.wasm",
            "package.json",
            "LICENSE",
            "../secret.txt",
        ] {
            let path = package.join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        let module = package.join("js/index.js");
        let named = |source: &str| {
            let found = named(source, &module, &package);
            let relative = found
                .iter()
                .map(|path| path.strip_prefix(&package).unwrap());
            relative
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };
        let data = ["js/data/Helvetica.afm", "js/data/deep/x.txt"];
        assert_eq!(
            named("fs.readFileSync(__dirname + '/data/Helvetica.afm')"),
            data[..1]
        );
        assert_eq!(named("__dirname + '/data/' + name + \".afm\""), data);
        assert_eq!(named("path.join(__dirname, `data`)"), data);
        assert_eq!(named("new URL(\"../x.wasm\", import.meta.url)"), ["x.wasm"]);
        assert_eq!(
            named("join(__dirname, '..', 'package.json')"),
            ["package.json"]
        );
        for none in [
            "'../../secret.txt'",
            "'.' + '/'",
            "'LICENSE'",
            "it's \"data",
            "require('./index.js')",
        ] {
            assert!(named(none).is_empty(), "{none}");
        }
    }
}
