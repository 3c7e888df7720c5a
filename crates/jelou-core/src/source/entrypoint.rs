//! Finds the entrypoint of an upload.

use serde::Deserialize;

use super::SourceError;
use super::kind::can_be_entrypoint;
use crate::suggestion;

/// The entrypoint of a new project.
pub const DEFAULT_ENTRYPOINT: &str = "index.ts";

/// Common names of entrypoints without extension, the most likely first.
const STEMS: [&str; 4] = ["index", "main", "src/index", "src/main"];
/// Extensions of entrypoints. TypeScript comes first, because JavaScript may be a compiler's output.
const EXTENSIONS: [&str; 8] = ["ts", "tsx", "mts", "js", "jsx", "mjs", "cts", "cjs"];

/// The fields of a `package.json` that name the entrypoint.
#[derive(Deserialize)]
struct Package {
    module: Option<String>,
    main: Option<String>,
}

/// Returns the entrypoint among `files`: `named`, if given. Otherwise `index.ts`, then `module` or `main` of
/// `package.json`, then a common name.
///
/// # Errors
///
/// [`SourceError::EntrypointMissing`], [`SourceError::EntrypointExtension`] or [`SourceError::NoEntrypoint`].
pub fn find(
    named: Option<&str>,
    files: &[&str],
    package_json: Option<&[u8]>,
) -> Result<String, SourceError> {
    if let Some(named) = named {
        let path = plain(named);
        if !files.contains(&path) {
            return Err(SourceError::EntrypointMissing {
                suggestion: similar(path, files).map(str::to_owned),
                path: path.to_owned(),
            });
        }
        if !can_be_entrypoint(path) {
            return Err(SourceError::EntrypointExtension(path.to_owned()));
        }
        return Ok(path.to_owned());
    }
    let package = package_json.and_then(|text| serde_json::from_slice::<Package>(text).ok());
    let of_package = package
        .into_iter()
        .flat_map(|package| [package.module, package.main])
        .flatten()
        .map(|path| plain(&path).to_owned());
    let common = STEMS
        .iter()
        .flat_map(|stem| EXTENSIONS.map(|extension| format!("{stem}.{extension}")));
    std::iter::once(DEFAULT_ENTRYPOINT.to_owned())
        .chain(of_package)
        .chain(common)
        .find(|path| files.contains(&path.as_str()) && can_be_entrypoint(path))
        .ok_or_else(|| SourceError::NoEntrypoint {
            suggestion: only_module(files).map(str::to_owned),
        })
}

fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

/// Returns the file that the user most likely meant: the same name in another folder or with another extension, then a
/// similar name, then the only module.
fn similar<'a>(path: &str, files: &[&'a str]) -> Option<&'a str> {
    let modules = || files.iter().copied().filter(|file| can_be_entrypoint(file));
    let stem = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.split('.').next().unwrap_or(name).to_lowercase()
    };
    let mut same = modules().filter(|file| stem(file) == stem(path));
    match (same.next(), same.next()) {
        (Some(only), None) => Some(only),
        _ => suggestion::nearest(path, modules()).or_else(|| only_module(files)),
    }
}

fn only_module<'a>(files: &[&'a str]) -> Option<&'a str> {
    let mut modules = files.iter().copied().filter(|file| can_be_entrypoint(file));
    let first = modules.next()?;
    modules.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_in(files: &[&str], package_json: Option<&str>) -> Option<String> {
        find(None, files, package_json.map(str::as_bytes)).ok()
    }

    #[test]
    fn a_file_with_a_common_name_is_the_entrypoint() {
        for (files, entrypoint) in [
            (&["index.ts", "index.js", "main.ts"][..], Some("index.ts")),
            (&["index.js", "index.tsx"], Some("index.tsx")),
            (&["lib/index.ts", "main.mjs"], Some("main.mjs")),
            (&["src/index.ts", "src/main.ts"], Some("src/index.ts")),
            (&["index.d.ts", "hello.ts"], None),
            (&["index.html"], None),
        ] {
            assert_eq!(find_in(files, None).as_deref(), entrypoint, "{files:?}");
        }
    }

    #[test]
    fn package_json_names_the_entrypoint() {
        let package = Some(r#"{"main": "./server/app.js", "module": "server/app.mjs"}"#);
        for (files, entrypoint) in [
            (&["server/app.js", "server/app.mjs"][..], "server/app.mjs"),
            (&["server/app.js", "main.ts"], "server/app.js"),
            (&["server/app.js", "index.ts"], "index.ts"),
            (&["main.ts"], "main.ts"),
        ] {
            assert_eq!(find_in(files, package).as_deref(), Some(entrypoint));
        }
        assert_eq!(find_in(&["main.ts"], Some("{")).as_deref(), Some("main.ts"));
    }

    #[test]
    fn a_mistyped_entrypoint_has_a_suggestion() {
        let files = ["index.ts", "lib/dates.ts", "README.md"];
        for (named, meant) in [
            ("indx.ts", Some("index.ts")),
            ("index.js", Some("index.ts")),
            ("src/index.ts", Some("index.ts")),
            ("Dates.ts", Some("lib/dates.ts")),
            ("something-else.ts", None),
        ] {
            let error = find(Some(named), &files, None).unwrap_err();
            assert_eq!(
                error,
                SourceError::EntrypointMissing {
                    path: named.to_owned(),
                    suggestion: meant.map(str::to_owned)
                }
            );
        }
        assert_eq!(
            find(Some("README.md"), &files, None),
            Err(SourceError::EntrypointExtension("README.md".to_owned()))
        );
        assert_eq!(
            find(None, &["hello.ts"], None),
            Err(SourceError::NoEntrypoint {
                suggestion: Some("hello.ts".to_owned())
            })
        );
    }
}
