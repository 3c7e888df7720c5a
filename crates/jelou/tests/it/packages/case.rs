//! The packages that are tested: a function for each in `cases/`, which begins with its facts.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// Native packages, each with the package that the refusal of its deploy names.
pub(crate) const NATIVE: [(&str, &str); 5] = [
    ("sharp@0.35.5", "jimp"),
    ("bcrypt@6.0.0", "bcryptjs"),
    ("better-sqlite3@13.2.0", "sql.js"),
    ("canvas@3.2.3", "pureimage"),
    ("argon2@0.45.1", "hash-wasm"),
];

/// A function that uses a package.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) slug: String,
    /// `name@version` of each package.
    pub(crate) packages: Vec<String>,
    pub(crate) kind: String,
    /// The use of the package that the function demonstrates.
    pub(crate) shows: String,
    pub(crate) input: String,
    pub(crate) answer: Value,
    /// Whether the case is also part of `make test`.
    pub(crate) is_short: bool,
    pub(crate) source: String,
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/packages")
}

/// All cases, by name.
pub(crate) fn all() -> Vec<Case> {
    let files = std::fs::read_dir(folder().join("cases")).unwrap();
    let mut cases: Vec<_> = files.map(|file| read(&file.unwrap().path())).collect();
    cases.sort_by(|one, other| one.slug.cmp(&other.slug));
    cases
}

fn read(path: &Path) -> Case {
    let source = std::fs::read_to_string(path).unwrap();
    let facts: Vec<(&str, &str)> = source
        .lines()
        .map_while(|line| line.strip_prefix("// ")?.split_once(": "))
        .collect();
    let fact = |name: &str| {
        let found = facts.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let needed =
        |name: &str| fact(name).unwrap_or_else(|| panic!("{} has no `{name}`", path.display()));
    Case {
        slug: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        packages: needed("packages").split(", ").map(str::to_owned).collect(),
        kind: needed("kind"),
        shows: needed("shows"),
        input: needed("input"),
        answer: serde_json::from_str(&needed("answer")).unwrap(),
        is_short: fact("short").is_some(),
        source,
    }
}

impl Case {
    /// The `deno.json` of the function.
    pub(crate) fn configuration(&self) -> String {
        configuration(self.packages.iter().map(String::as_str))
    }
}

/// A `deno.json` with these packages and their subpaths.
pub(crate) fn configuration<'a>(packages: impl Iterator<Item = &'a str>) -> String {
    let mut imports = Map::new();
    for package in packages {
        let (name, _) = package.rsplit_once('@').unwrap();
        imports.insert(name.to_owned(), format!("npm:{package}").into());
        imports.insert(format!("{name}/"), format!("npm:/{package}/").into());
    }
    serde_json::json!({ "imports": imports }).to_string()
}
