//! Suggestions for unresolved imports and for globals of other platforms: the intended file, or what to write instead.

use jelou_core::suggestion;

use super::config;

/// Returns the suggestion for an import of a missing file. `importer` and `files` are paths in the upload.
pub(super) fn of_missing_file(importer: &str, specifier: &str, files: &[&str]) -> Option<String> {
    let specifier = as_path(specifier);
    // Many bundlers resolve a leading slash from the root of the project.
    let folder = if specifier.starts_with('/') {
        ""
    } else {
        folder_of(importer)
    };
    let wanted = join(folder, &specifier)?;
    if let Some(folder) = left_out(&wanted) {
        return Some(format!(
            "`{folder}` is left out of uploads; import the source instead"
        ));
    }
    let found = nearest(&wanted, files).or_else(|| similar(&wanted, files))?;
    Some(write_line(importer, found))
}

/// Whether a specifier has a part that no file path has: a backslash, or a bundler's query such as `?raw`.
pub(super) fn is_odd_path(specifier: &str) -> bool {
    specifier.starts_with(['.', '/']) && as_path(specifier) != specifier
}

fn as_path(specifier: &str) -> String {
    let end = specifier.find(['?', '#']).unwrap_or(specifier.len());
    specifier[..end].replace('\\', "/")
}

/// Returns the suggestion for an import that is neither a path nor a known package: an alias of a bundler such as `@/`,
/// a file without `./`, a package whose version in `package.json` is not of the registry, or a package that no
/// configuration names.
pub(super) fn of_unknown_package(
    importer: &str,
    specifier: &str,
    files: &[&str],
    package_json: Option<&str>,
) -> Option<String> {
    let path = ["@/", "~/", "#/", "#", "src/"]
        .iter()
        .find_map(|alias| specifier.strip_prefix(alias))
        .unwrap_or(specifier);
    let found = nearest(path, files).or_else(|| nearest(&format!("src/{path}"), files));
    if let Some(found) = found {
        return Some(write_line(importer, found));
    }
    let name = config::package_name(specifier);
    if let Some(version) = package_json.and_then(|text| version_in(text, name)) {
        return Some(format!(
            "`package.json` gets `{name}` from `{version}`, which a deploy cannot reach; write a version of the npm registry"
        ));
    }
    let how = match package_json {
        Some(_) => format!("run `npm install {name}`, which adds it to `package.json`"),
        None => format!("add `\"{name}\": \"npm:{name}\"` to its `imports`"),
    };
    is_package_name(name).then(|| format!("{how}, or write `./` before a file of the project"))
}

/// The advice for a module with `CommonJS` exports.
pub(super) const ES_MODULES: &str = "files are ES modules: in place of `exports`, write `export` (in the entrypoint, `export default define({ description, handler })`), or keep CommonJS with `\"type\": \"commonjs\"` in `package.json`";

/// Returns the advice for an error at import, if the module uses a global of other platforms.
pub(super) fn of_undefined(message: &str) -> Option<&'static str> {
    let (_, name) = message.strip_suffix(" is not defined")?.rsplit_once(' ')?;
    Some(match name {
        "exports" | "module" => ES_MODULES,
        "window" => "there is no browser here: write `globalThis` in place of `window`",
        "document" => "there is no browser here: parse HTML with a package such as `npm:linkedom`",
        "Bun" => {
            "`Bun` is another runtime: write `export default { fetch }`, and import what you need from `node:` modules"
        }
        _ => return None,
    })
}

/// Returns whether a line of the source begins with `module.exports` or `exports.`.
pub(super) fn exports_as_commonjs(source: &str) -> bool {
    source.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with("module.exports") || line.starts_with("exports.")
    })
}

/// Returns whether the npm registry allows the name: in lower case, with or without a scope.
fn is_package_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c))
    };
    match name.strip_prefix('@') {
        Some(scoped) => scoped
            .split_once('/')
            .is_some_and(|(scope, name)| is_part(scope) && is_part(name)),
        None => is_part(name),
    }
}

fn write_line(importer: &str, file: &str) -> String {
    let path = relative(folder_of(importer), file);
    format!("write `{path}`")
}

/// Returns the only file that equals `wanted` except for case, extension, or a missing `/index`. `None` if there are
/// several such files, or none.
fn nearest<'a>(wanted: &str, files: &[&'a str]) -> Option<&'a str> {
    let key = |path: &str| stem(path).to_lowercase();
    let wanted = key(wanted);
    let index = format!("{}/index", wanted.trim_end_matches('/'));
    let mut found = files.iter().copied().filter(|file| {
        let file = key(file);
        file == wanted || file == index
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Returns the file in the same folder with the most similar name.
fn similar<'a>(wanted: &str, files: &[&'a str]) -> Option<&'a str> {
    let key = |path: &str| {
        let path = stem(path).to_lowercase();
        path.rsplit('/').next().unwrap_or_default().to_owned()
    };
    let beside = files.iter().copied();
    let beside: Vec<_> = beside
        .filter(|file| folder_of(file) == folder_of(wanted))
        .map(|file| (key(file), file))
        // A file with exactly this name is no suggestion: `nearest` has already failed, because several files have the
        // name.
        .filter(|(name, _)| *name != key(wanted))
        .collect();
    let names = beside.iter().map(|(name, _)| name.as_str());
    let name = suggestion::nearest(&key(wanted), names)?.to_owned();
    let found = beside.iter().find(|(other, _)| *other == name);
    found.map(|(_, file)| *file)
}

/// Returns the path without the extension of a module.
fn stem(path: &str) -> &str {
    const EXTENSIONS: [&str; 10] = [
        ".json", ".d.ts", ".tsx", ".mts", ".cts", ".ts", ".jsx", ".mjs", ".cjs", ".js",
    ];
    EXTENSIONS
        .iter()
        .find_map(|extension| path.strip_suffix(extension))
        .unwrap_or(path)
}

/// Returns the first folder of the path if uploads exclude it.
fn left_out(path: &str) -> Option<&'static str> {
    let (first, _) = path.split_once('/')?;
    ["dist/", "node_modules/", ".jelou/"]
        .into_iter()
        .find(|folder| folder.trim_end_matches('/') == first)
}

fn version_in(package_json: &str, name: &str) -> Option<String> {
    let package: serde_json::Value = serde_json::from_str(package_json).ok()?;
    ["dependencies", "devDependencies", "optionalDependencies"]
        .iter()
        .find_map(|group| package[group][name].as_str())
        .map(str::to_owned)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Resolves a relative specifier to a path in the upload. Returns `None` if the path is outside the upload.
fn join(folder: &str, specifier: &str) -> Option<String> {
    let mut segments: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            part => segments.push(part),
        }
    }
    Some(segments.join("/"))
}

fn relative(folder: &str, file: &str) -> String {
    let from: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = file.split('/').collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = "../".repeat(from.len() - shared);
    let start = if up.is_empty() { "./" } else { &up };
    format!("{start}{}", to[shared..].join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 7] = [
        "precios.json",
        "index.ts",
        "lib/Util.ts",
        "lib/dates/index.ts",
        "src/core.ts",
        "twin.ts",
        "twin.js",
    ];

    #[test]
    fn a_missing_file_has_a_suggestion() {
        for (importer, specifier, line) in [
            ("index.ts", "./lib/Util", "write `./lib/Util.ts`"),
            ("index.ts", "./lib/Util.js", "write `./lib/Util.ts`"),
            ("index.ts", "./lib/util.ts", "write `./lib/Util.ts`"),
            ("index.ts", "./lib/dates", "write `./lib/dates/index.ts`"),
            ("lib/Util.ts", "./dates/", "write `./dates/index.ts`"),
            ("index.ts", "./lib/Utils.ts", "write `./lib/Util.ts`"),
            ("index.ts", "./lib/Util.ts?raw", "write `./lib/Util.ts`"),
            ("index.ts", ".\\lib\\Util.ts", "write `./lib/Util.ts`"),
            ("lib/Util.ts", "/src/core", "write `../src/core.ts`"),
            ("lib/Util.ts", "../precios", "write `../precios.json`"),
            (
                "lib/dates/index.ts",
                "../../src/core",
                "write `../../src/core.ts`",
            ),
        ] {
            assert_eq!(
                of_missing_file(importer, specifier, &FILES).as_deref(),
                Some(line),
                "{specifier}"
            );
        }
        for specifier in ["./none.ts", "./Twin", "../outside.ts"] {
            assert_eq!(of_missing_file("index.ts", specifier, &FILES), None);
        }
        let built = of_missing_file("index.ts", "./dist/a.js", &FILES).unwrap();
        assert!(built.contains("left out"), "{built}");
    }

    #[test]
    fn an_unmapped_name_has_a_suggestion() {
        let package = r#"{"dependencies":{"axios":"git+ssh://x/axios","@scope/a":"file:../a"}}"#;
        let said =
            |importer, specifier| of_unknown_package(importer, specifier, &FILES, Some(package));
        for (importer, specifier, line) in [
            ("index.ts", "@/lib/util", "write `./lib/Util.ts`"),
            ("lib/dates/index.ts", "~/lib/Util.js", "write `../Util.ts`"),
            ("index.ts", "@/core", "write `./src/core.ts`"),
            ("index.ts", "lib/Util", "write `./lib/Util.ts`"),
            ("index.ts", "#lib/util", "write `./lib/Util.ts`"),
            ("index.ts", "#/core", "write `./src/core.ts`"),
        ] {
            assert_eq!(
                said(importer, specifier).as_deref(),
                Some(line),
                "{specifier}"
            );
        }
        assert_eq!(
            said("index.ts", "axios/unsafe").as_deref(),
            Some(
                "`package.json` gets `axios` from `git+ssh://x/axios`, which a deploy cannot reach; write a version of the npm registry"
            )
        );
        assert!(
            said("index.ts", "@scope/a/b")
                .unwrap()
                .contains("`file:../a`")
        );
        for (specifier, package, line) in [
            (
                "lodash/fp",
                Some(package),
                Some(
                    "run `npm install lodash`, which adds it to `package.json`, or write `./` before a file of the project",
                ),
            ),
            (
                "@scope/b/c",
                None,
                Some(
                    "add `\"@scope/b\": \"npm:@scope/b\"` to its `imports`, or write `./` before a file of the project",
                ),
            ),
            ("@/none", None, None),
            ("#db", Some(package), None),
            ("Not A Name", None, None),
        ] {
            assert_eq!(
                of_unknown_package("index.ts", specifier, &FILES, package).as_deref(),
                line,
                "{specifier}"
            );
        }
    }

    #[test]
    fn globals_of_other_platforms() {
        let start = "The module cannot be imported: ";
        for (name, part) in [
            ("exports", "export default define("),
            ("module", "commonjs"),
            ("window", "`globalThis`"),
            ("document", "browser"),
            ("Bun", "`node:`"),
        ] {
            let advice = of_undefined(&format!("{start}{name} is not defined")).unwrap();
            assert!(advice.contains(part), "{advice}");
        }
        for message in ["total is not defined", "exports is not a function"] {
            assert_eq!(of_undefined(&format!("{start}{message}")), None);
        }
    }
}
