//! Aliases of a `tsconfig.json` (`paths` and `baseUrl`) as entries of an import map, resolved as TypeScript does.

use std::collections::BTreeMap;

use jelou_core::SourceTree;
use jelou_core::source::is_module;
use serde_json::{Map, Value};

use super::{PATHS_BASE, place};
use crate::build::builtins;
use crate::build::config::is_sdk;
use crate::build::user_config::Imports;

/// Maximum number of file names that the patterns of one configuration match.
pub(super) const MAX_MATCHES: usize = 100_000;
/// Extensions of modules in TypeScript's search order.
const EXTENSIONS: [&str; 9] = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs", "json"];

/// Removes `baseUrl` and `paths` from the options, and returns the equivalent imports. `None` if the patterns match
/// more than [`MAX_MATCHES`] names.
pub(super) fn aliases(
    tree: &SourceTree,
    first: &str,
    options: &mut Map<String, Value>,
) -> Option<Imports> {
    let base = options.remove("baseUrl");
    let paths = options.remove("paths");
    let declared = options.remove(PATHS_BASE);
    let base = base.as_ref().and_then(Value::as_str);
    let mut aliases = Aliases::new(tree);
    if let Some(base) = base {
        // With `baseUrl`, any name may be that of a file below it.
        aliases.add("*", &[format!("{base}*")])?;
    }
    let from = base.or(declared.as_ref().and_then(Value::as_str));
    if let (Some(from), Some(Value::Object(paths))) = (from, paths) {
        let mut patterns: Vec<_> = paths
            .iter()
            .filter_map(|(alias, targets)| {
                let targets = targets.as_array()?.iter().filter_map(Value::as_str);
                let targets = targets.filter_map(|target| place(first, from, target));
                Some((alias, targets.collect::<Vec<_>>()))
            })
            .collect();
        // The pattern with the longest text before `*` has priority, so it is added last.
        patterns.sort_by_key(|(alias, _)| alias.find('*').unwrap_or(usize::MAX));
        for (alias, targets) in patterns {
            aliases.add(alias, &targets)?;
        }
    }
    Some(aliases.imports)
}

/// Collects aliases as entries of an import map.
struct Aliases {
    /// The names under which TypeScript finds the modules of the project, with their paths.
    names: BTreeMap<String, String>,
    imports: Imports,
    /// How many more names the patterns may match.
    matches_left: usize,
}

impl Aliases {
    fn new(tree: &SourceTree) -> Self {
        let mut files: Vec<_> = tree
            .files()
            .iter()
            .filter_map(|file| Some((rank(&file.path)?, file.path.as_str())))
            .collect();
        files.sort_unstable();
        let mut names = BTreeMap::new();
        for (_, path) in files {
            for name in names_of(path) {
                names.entry(name).or_insert_with(|| path.to_owned());
            }
        }
        Self {
            names,
            imports: Imports::new(),
            matches_left: MAX_MATCHES,
        }
    }

    /// Adds an alias. Its targets are paths in the upload; the first target that exists is used. Returns `None` if the
    /// patterns match too many names.
    fn add(&mut self, alias: &str, targets: &[String]) -> Option<()> {
        let Some(first) = targets.first() else {
            return Some(());
        };
        let Some((before, after)) = alias.split_once('*') else {
            let found = targets.iter().find_map(|target| self.names.get(target));
            let path = found.unwrap_or(first).clone();
            self.insert(alias.to_owned(), &path);
            return Some(());
        };
        // One entry for a folder also applies to files that do not exist. The error for such a file then contains its
        // path.
        let folder = first.strip_suffix('*');
        let folder = folder.filter(|folder| folder.is_empty() || folder.ends_with('/'));
        let is_folder = before.ends_with('/') && after.is_empty();
        if let Some(folder) = folder.filter(|_| is_folder) {
            self.insert(before.to_owned(), folder);
            if targets.len() == 1 {
                return Some(());
            }
        }
        for (start, end) in targets.iter().rev().filter_map(|t| t.split_once('*')) {
            let begin = self.names.range(start.to_owned()..);
            let same = begin.take_while(|(name, _)| name.starts_with(start));
            let mut found = Vec::new();
            for (name, path) in same {
                self.matches_left = self.matches_left.checked_sub(1)?;
                let star = name[start.len()..].strip_suffix(end);
                found.extend(star.map(|star| (format!("{before}{star}{after}"), path.clone())));
            }
            for (name, path) in found {
                self.insert(name, &path);
            }
        }
        Some(())
    }

    fn insert(&mut self, alias: String, path: &str) {
        // As in TypeScript, a module of Node has priority over a file with its name.
        let is_free = !alias.is_empty() && !is_sdk(&alias);
        if is_free && builtins::with_scheme(&alias).is_none() {
            self.imports.insert(alias, format!("./src/{path}"));
        }
    }
}

/// Returns the place of a module in TypeScript's search order: files before folders, then by extension. `None` for
/// other files.
fn rank(path: &str) -> Option<(bool, usize)> {
    let (stem, extension) = path.rsplit_once('.')?;
    let position = EXTENSIONS.iter().position(|known| *known == extension)?;
    let is_declaration = is_module(path) && stem.strip_suffix(".d").is_some();
    (!is_declaration).then(|| (is_index(stem), position))
}

fn is_index(stem: &str) -> bool {
    stem == "index" || stem.ends_with("/index")
}

/// Returns the names by which a module is imported: its path, without the extension, with the extension of the compiled
/// file, and the folder of an `index`.
fn names_of(path: &str) -> Vec<String> {
    let (stem, extension) = path.rsplit_once('.').unwrap_or((path, ""));
    let compiled = match extension {
        "ts" | "tsx" => Some("js"),
        "mts" => Some("mjs"),
        "cts" => Some("cjs"),
        _ => None,
    };
    let mut names = vec![path.to_owned()];
    names.extend(compiled.map(|compiled| format!("{stem}.{compiled}")));
    if matches!(extension, "ts" | "tsx" | "js" | "jsx") {
        names.push(stem.to_owned());
        names.extend(stem.strip_suffix("/index").map(str::to_owned));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::tests::{imports, pairs, refused};
    use super::*;

    /// With `baseUrl`, or a pattern that is not a folder, the names of existing files are found as TypeScript finds
    /// them.
    #[test]
    fn names_of_files_below_base_url() {
        let config = r#"{"compilerOptions": {"baseUrl": "./src"}}"#;
        let files = [
            ("tsconfig.json", config),
            ("src/utils/price.ts", ""),
            ("src/models/index.ts", ""),
            ("src/models.ts", ""),
            ("src/events.ts", ""),
            ("src/types.d.ts", ""),
            ("other/x.ts", ""),
        ];
        let expected = [
            ("events.js", "src/events.ts"),
            ("events.ts", "src/events.ts"),
            ("models", "src/models.ts"),
            ("models.js", "src/models.ts"),
            ("models.ts", "src/models.ts"),
            ("models/index", "src/models/index.ts"),
            ("models/index.js", "src/models/index.ts"),
            ("models/index.ts", "src/models/index.ts"),
            ("utils/price", "src/utils/price.ts"),
            ("utils/price.js", "src/utils/price.ts"),
            ("utils/price.ts", "src/utils/price.ts"),
        ];
        assert_eq!(imports(&files), pairs(&expected));
    }

    #[test]
    fn the_first_target_that_exists_is_used() {
        let config = r##"{"compilerOptions": {"paths": {"@/*": ["./a/*", "./b/*"], "#*": ["./b/*"], "db": ["./none", "./b/db"]}}}"##;
        let files = [
            ("tsconfig.json", config),
            ("a/x.js", ""),
            ("b/x.js", ""),
            ("b/db.js", ""),
        ];
        let expected = [
            ("#db", "b/db.js"),
            ("#db.js", "b/db.js"),
            ("#x", "b/x.js"),
            ("#x.js", "b/x.js"),
            ("@/", "a/"),
            ("@/db", "b/db.js"),
            ("@/db.js", "b/db.js"),
            ("@/x", "a/x.js"),
            ("@/x.js", "a/x.js"),
            ("db", "b/db.js"),
        ];
        assert_eq!(imports(&files), pairs(&expected));
    }

    #[test]
    fn patterns_with_too_many_matches_are_refused() {
        let patterns: Vec<_> = (0..MAX_MATCHES)
            .map(|n| format!(r#""{n}*": ["*"]"#))
            .collect();
        let many = format!(
            r#"{{"compilerOptions": {{"paths": {{{}}}}}}}"#,
            patterns.join(",")
        );
        let text = refused(&[("tsconfig.json", &many)]);
        assert!(
            text.contains("the patterns of `paths` match more than"),
            "{text}"
        );
    }
}
