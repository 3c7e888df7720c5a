//! Finds the entrypoint of an upload.

use serde_json::Value;

use super::SourceError;
use super::kind::can_be_entrypoint;
use super::settings::{WRANGLER, settings};
use crate::suggestion;

/// The entrypoint of a new project.
pub const DEFAULT_ENTRYPOINT: &str = "index.ts";

/// Common names of entrypoints without extension, the most likely first.
const STEMS: [&str; 10] = [
    "index",
    "main",
    "src/index",
    "src/main",
    "server",
    "app",
    "worker",
    "src/server",
    "src/app",
    "src/worker",
];
/// Extensions of entrypoints. TypeScript comes first, because JavaScript may be a compiler's output.
const EXTENSIONS: [&str; 8] = ["ts", "tsx", "mts", "js", "jsx", "mjs", "cts", "cjs"];

/// The configurations of other platforms that name the entrypoint, and the place of its name.
const PLATFORMS: [(&str, &str); 5] = [
    (WRANGLER[0], "/main"),
    (WRANGLER[1], "/main"),
    (WRANGLER[2], "/main"),
    ("deno.json", "/deploy/entrypoint"),
    ("deno.jsonc", "/deploy/entrypoint"),
];

/// Returns the entrypoint among `files`: `named`, if given. Otherwise the first of these files that exists: the one in
/// the configuration of another platform, `index.ts`, `module` or `main` of `package.json`, the file that its script
/// `start` runs, then a common name. `content` returns the content of a file.
///
/// # Errors
///
/// [`SourceError::EntrypointMissing`], [`SourceError::EntrypointExtension`] or [`SourceError::NoEntrypoint`].
pub fn find(
    named: Option<&str>,
    files: &[&str],
    content: impl Fn(&str) -> Option<Vec<u8>>,
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
    let texts = |file: &str, pointer: &str| {
        let settings = Value::Object(settings(file, &content(file)?)?);
        Some(settings.pointer(pointer)?.as_str()?.to_owned())
    };
    let of_platforms = PLATFORMS
        .iter()
        .filter_map(|(file, pointer)| texts(file, pointer));
    let of_package = ["/module", "/main", "/scripts/start"]
        .into_iter()
        .filter_map(|pointer| texts("package.json", pointer))
        // A script is a command line, such as `node server.js`.
        .flat_map(|text| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
    let common = STEMS
        .iter()
        .flat_map(|stem| EXTENSIONS.map(|extension| format!("{stem}.{extension}")));
    of_platforms
        .chain([DEFAULT_ENTRYPOINT.to_owned()])
        .chain(of_package)
        .chain(common)
        .map(|path| plain(&path).to_owned())
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

    fn find_with(files: &[&str], configurations: &[(&str, &str)]) -> Option<String> {
        let content = |name: &str| {
            let found = configurations.iter().find(|(file, _)| *file == name);
            found.map(|(_, text)| text.as_bytes().to_vec())
        };
        find(None, files, content).ok()
    }

    fn find_in(files: &[&str], package_json: Option<&str>) -> Option<String> {
        let configurations: Vec<_> = package_json
            .into_iter()
            .map(|text| ("package.json", text))
            .collect();
        find_with(files, &configurations)
    }

    #[test]
    fn a_file_with_a_common_name_is_the_entrypoint() {
        for (files, entrypoint) in [
            (&["index.ts", "index.js", "main.ts"][..], Some("index.ts")),
            (&["index.js", "index.tsx"], Some("index.tsx")),
            (&["lib/index.ts", "main.mjs"], Some("main.mjs")),
            (&["src/index.ts", "src/main.ts"], Some("src/index.ts")),
            (&["server.js", "app.js", "src/worker.ts"], Some("server.js")),
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
        let script =
            Some(r#"{"main": "index.js", "scripts": {"start": "NODE_ENV=x node ./api.js"}}"#);
        for (files, entrypoint) in [
            (&["api.js", "app.js"][..], "api.js"),
            (&["api.js", "index.js"], "index.js"),
        ] {
            assert_eq!(find_in(files, script).as_deref(), Some(entrypoint));
        }
    }

    #[test]
    fn configurations_of_other_platforms_name_the_entrypoint() {
        let package = ("package.json", r#"{"main": "index.ts"}"#);
        let files = ["index.ts", "other.ts", "src/worker.ts"];
        for configuration in [
            (
                "wrangler.toml",
                "name = \"a\"\nmain = \"./src/worker.ts\"\n",
            ),
            (
                "wrangler.jsonc",
                "{ // a comment\n \"main\": \"src/worker.ts\", }",
            ),
            (
                "deno.json",
                r#"{"deploy": {"entrypoint": "./src/worker.ts"}}"#,
            ),
        ] {
            let found = find_with(&files, &[package, configuration]);
            assert_eq!(found.as_deref(), Some("src/worker.ts"), "{configuration:?}");
        }
        // The output of a compiler, which is not among the files, and a file with an error.
        for configuration in [
            ("wrangler.toml", "main = \"dist/worker.js\""),
            ("wrangler.toml", "main = "),
        ] {
            let found = find_with(&files, &[configuration]);
            assert_eq!(found.as_deref(), Some("index.ts"), "{configuration:?}");
        }
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
            let error = find(Some(named), &files, |_| None).unwrap_err();
            assert_eq!(
                error,
                SourceError::EntrypointMissing {
                    path: named.to_owned(),
                    suggestion: meant.map(str::to_owned)
                }
            );
        }
        assert_eq!(
            find(Some("README.md"), &files, |_| None),
            Err(SourceError::EntrypointExtension("README.md".to_owned()))
        );
        assert_eq!(
            find(None, &["hello.ts"], |_| None),
            Err(SourceError::NoEntrypoint {
                suggestion: Some("hello.ts".to_owned())
            })
        );
    }
}
