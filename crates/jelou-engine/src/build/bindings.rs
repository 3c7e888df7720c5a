//! Warnings about bindings of Cloudflare Workers, which do not exist here. They name the bindings that the project's
//! configuration declares, and the members of `env` that the code reads and that are not set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jelou_core::source::{FileKind, WRANGLER, settings};
use jelou_core::{Slug, SourceTree};
use regex::Regex;
use serde_json::Value;

/// Maximum number of names in one warning.
const MAX_NAMED: usize = 10;

/// What to use instead of a binding, by the key of its kind in the configuration.
const INSTEAD: [(&str, &str); 10] = [
    (
        "kv_namespaces",
        "use ctx.memory or a key-value store over the network",
    ),
    ("d1_databases", "use a database over the network"),
    ("hyperdrive", "connect to the database itself"),
    (
        "r2_buckets",
        "use a store with the API of S3, over the network",
    ),
    ("queues", "use ctx.waitUntil, or a queue over the network"),
    (
        "durable_objects",
        "use ctx.memory or a database over the network",
    ),
    ("services", "call the other function by its URL with fetch"),
    ("ai", "call a provider's API with fetch"),
    ("vectorize", "use a database over the network"),
    (
        "assets",
        "declare the files in jelou.json (`assets`) and read them by path",
    ),
];

/// Matches a read of an upper-case member of `env`, but not of `process.env`. The second group is a method call.
const READ: &str = r"(?m)(?:^|[^\w.$]|\b(?:c|ctx|context|event|this)\.)env\??\.([A-Z][A-Z0-9_]*)\b(\s*\??\.\s*[A-Za-z]\w*\s*\()?";
static READS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(READ).ok());

/// Matches a read of a variable of the environment. The groups are its name, in each of the forms.
const VARIABLE: &str = r#"\bDeno\.env\.get\(\s*["']([A-Z][A-Z0-9_]*)["']\s*\)|\bprocess\.env\.([A-Z][A-Z0-9_]*)\b|\bprocess\.env\[["']([A-Z][A-Z0-9_]*)["']\]"#;
static VARIABLES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(VARIABLE).ok());
/// Matches the start of another value for an unset variable. The second part matches an empty one, which is none.
const FALLBACK: &str = r#"^!?\s*\)?\s*(?:\?\?|\|\|)\s*(""|''|``)?"#;
static FALLBACKS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(FALLBACK).ok());

/// Names that a function does without.
const ORDINARY: [&str; 8] = [
    "NODE_ENV",
    "PORT",
    "HOST",
    "HOSTNAME",
    "LOG_LEVEL",
    "DEBUG",
    "TZ",
    "CI",
];

/// Returns the warning about secrets that the code reads from the environment without another value, and that are not
/// set.
pub(super) fn unset_secrets(
    slug: &Slug,
    tree: &SourceTree,
    used: &BTreeMap<String, FileKind>,
    secrets: &BTreeSet<&str>,
) -> Option<String> {
    let mut places: BTreeMap<&str, String> = BTreeMap::new();
    for (path, number, line) in lines(tree, used) {
        for found in VARIABLES.iter().flat_map(|reads| reads.captures_iter(line)) {
            let Some(name) = found.iter().skip(1).flatten().next() else {
                continue;
            };
            let after = &line[found.get(0).map_or(0, |all| all.end())..];
            let fallback = FALLBACKS.as_ref().and_then(|other| other.captures(after));
            let has_fallback = fallback.is_some_and(|fallback| fallback.get(1).is_none());
            let is_written =
                after.trim_start().starts_with('=') && !after.trim_start().starts_with("==");
            let name = name.as_str();
            if !has_fallback && !is_written && !secrets.contains(name) && !ORDINARY.contains(&name)
            {
                places
                    .entry(name)
                    .or_insert_with(|| format!("{path}:{number}"));
            }
        }
    }
    let first = places.keys().next()?;
    let names = places
        .iter()
        .map(|(name, place)| format!("  {name}, at {place}"));
    Some(format!(
        "the code reads secrets that are not set. To set one: jelou secrets set {slug} {first}=...\n{}",
        listed(names)
    ))
}

/// Returns the lines of the modules that are not comments, with the path and the number.
fn lines<'a>(
    tree: &'a SourceTree,
    used: &'a BTreeMap<String, FileKind>,
) -> impl Iterator<Item = (&'a str, usize, &'a str)> {
    let modules = used.iter().filter(|(_, kind)| **kind == FileKind::Module);
    let modules = modules.filter_map(|(path, _)| Some((path.as_str(), tree.file(path)?.text()?)));
    modules.flat_map(|(path, code)| {
        let lines = code.lines().enumerate();
        let lines = lines
            .filter(|(_, line)| line.contains("env") && !line.trim_start().starts_with(['/', '*']));
        lines.map(move |(number, line)| (path, number + 1, line))
    })
}

/// Returns the warnings for a function with a web handler.
pub(super) fn warnings(
    slug: &Slug,
    tree: &SourceTree,
    used: &BTreeMap<String, FileKind>,
    secrets: &BTreeSet<&str>,
) -> Vec<String> {
    let declared = Declared::of(tree);
    let reads = reads(tree, used);
    let place = |name: &str| match reads.get(name) {
        Some(read) => format!(", read at {}", read.place),
        None => String::new(),
    };
    let mut warnings = Vec::new();
    if !declared.bindings.is_empty() {
        let lines = declared.bindings.iter().map(|(name, kind)| {
            let instead = INSTEAD.iter().find(|(known, _)| known == kind);
            let instead = instead.map_or("use a service over the network", |(_, instead)| instead);
            format!("  {name} ({kind}){}: {instead}", place(name))
        });
        warnings.push(format!(
            "{} declares bindings, which do not exist here; `env` has secrets only:\n{}",
            declared.file,
            listed(lines)
        ));
    }
    let is_unknown = |name: &str| !secrets.contains(name) && !declared.bindings.contains_key(name);
    let unset: BTreeSet<&str> = reads
        .iter()
        .filter(|(name, read)| is_unknown(name) && !read.is_called)
        .map(|(name, _)| *name)
        .chain(declared.variables.iter().map(String::as_str))
        .filter(|name| is_unknown(name))
        .collect();
    let called = reads
        .iter()
        .filter(|(name, read)| is_unknown(name) && read.is_called && !unset.contains(*name))
        .map(|(name, read)| format!("  {name}, at {}", read.place));
    let called: Vec<String> = called.collect();
    if !called.is_empty() {
        warnings.push(format!(
            "the code calls methods of members of `env` that are not set. Bindings of Workers do not exist here: use ctx.memory, or a service over the network\n{}",
            listed(called.into_iter())
        ));
    }
    if !unset.is_empty() {
        let lines = unset.iter().map(|name| match reads.get(name) {
            Some(read) => format!("  {name}, at {}", read.place),
            None => format!("  {name}, of `vars` in {}", declared.file),
        });
        let lines = listed(lines);
        let first = unset.first().copied().unwrap_or_default();
        warnings.push(format!(
            "the code may read members of `env` that are not set. To set one: jelou secrets set {slug} {first}=...\n{lines}"
        ));
    }
    warnings
}

fn listed(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<_> = lines.collect();
    let more = lines.len().saturating_sub(MAX_NAMED);
    lines.truncate(MAX_NAMED);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

/// The bindings and variables that the project's configuration declares.
#[derive(Debug, Default)]
struct Declared {
    file: &'static str,
    /// The kind of each binding, by name.
    bindings: BTreeMap<String, String>,
    /// The names of plain variables (`vars`).
    variables: Vec<String>,
}

impl Declared {
    fn of(tree: &SourceTree) -> Self {
        let found = WRANGLER
            .into_iter()
            .find_map(|file| Some((file, tree.file(file)?)));
        let Some((file, source)) = found else {
            return Self::default();
        };
        let members = settings(file, &source.content).unwrap_or_default();
        let variables = members.get("vars").and_then(Value::as_object);
        let kinds = members.iter().filter(|(kind, _)| *kind != "vars");
        Self {
            file,
            bindings: kinds
                .flat_map(|(kind, value)| {
                    let mut names = Vec::new();
                    bindings_in(kind, value, &mut names);
                    names.into_iter().map(|name| (name, kind.clone()))
                })
                .collect(),
            variables: variables
                .into_iter()
                .flat_map(|variables| variables.keys().cloned())
                .collect(),
        }
    }
}

/// Kinds of bindings whose name is in the key `name`. The name of all other kinds is in `binding`.
const NAMED: [&str; 2] = ["durable_objects", "send_email"];

/// Collects the names of the bindings in a part of wrangler's configuration.
fn bindings_in(kind: &str, value: &Value, names: &mut Vec<String>) {
    let key = if NAMED.contains(&kind) {
        "name"
    } else {
        "binding"
    };
    match value {
        Value::Array(items) => items.iter().for_each(|item| bindings_in(kind, item, names)),
        Value::Object(members) => match members.get(key) {
            Some(Value::String(name)) => names.push(name.clone()),
            // `durable_objects` has its list in `bindings`.
            _ => members.iter().for_each(|(member, value)| {
                let kind = if member == "bindings" { kind } else { member };
                bindings_in(kind, value, names);
            }),
        },
        _ => {}
    }
}

/// The first read of a member of `env`.
#[derive(Debug)]
struct Read {
    /// File and line.
    place: String,
    /// Whether the code calls a method of the member that strings do not have. If so, the member is most likely a
    /// binding, because a secret is a string.
    is_called: bool,
}

/// Methods of strings. Secrets have them, bindings do not.
const OF_TEXTS: [&str; 12] = [
    "split",
    "trim",
    "replace",
    "replaceAll",
    "startsWith",
    "endsWith",
    "includes",
    "toLowerCase",
    "toUpperCase",
    "toString",
    "slice",
    "match",
];

fn reads<'a>(
    tree: &'a SourceTree,
    used: &'a BTreeMap<String, FileKind>,
) -> BTreeMap<&'a str, Read> {
    let mut reads: BTreeMap<&str, Read> = BTreeMap::new();
    for (path, number, line) in lines(tree, used) {
        for found in READS.iter().flat_map(|reads| reads.captures_iter(line)) {
            let Some(name) = found.get(1) else { continue };
            if ORDINARY.contains(&name.as_str()) {
                continue;
            }
            let method = found.get(2).map(|method| method.as_str());
            let is_called = method.is_some_and(|method| {
                let method = method.trim_matches(|c: char| !c.is_alphanumeric());
                !OF_TEXTS.contains(&method)
            });
            let read = reads.entry(name.as_str()).or_insert_with(|| Read {
                place: format!("{path}:{number}"),
                is_called,
            });
            read.is_called |= is_called;
        }
    }
    reads
}

#[cfg(test)]
mod tests {
    use jelou_core::source::Declared;
    use jelou_core::{Limits, SourceFile};

    use super::*;

    fn warned(files: &[(&str, &str)], secrets: &[&str]) -> Vec<String> {
        let files = files.iter();
        let files = files.map(|(path, text)| SourceFile::new(*path, (*text).to_owned()));
        let limits = Limits::default().upload();
        let tree = SourceTree::new(files.collect(), Declared::default(), &limits).unwrap();
        let used = BTreeMap::from([("index.ts".to_owned(), FileKind::Module)]);
        let slug = "mi-funcion".parse().unwrap();
        warnings(&slug, &tree, &used, &secrets.iter().copied().collect())
    }

    #[test]
    fn the_warning_lists_declared_bindings_with_alternatives() {
        let toml = "name = \"a\"\n[vars]\nHOST = \"x\"\nSET = \"y\"\n[[kv_namespaces]]\nbinding = \"CACHE\"\nid = \"1\"\n\
                    [durable_objects]\nbindings = [{ name = \"ROOM\", class_name = \"Room\" }]\n\
                    [[queues.producers]]\nqueue = \"q\"\nbinding = \"JOBS\"\n[ai]\nbinding = \"AI\"\n\
                    [[send_email]]\nname = \"MAIL\"\n[[workflows]]\nname = \"w\"\nbinding = \"FLOW\"\nclass_name = \"Flow\"\n";
        let code = "export default { fetch: (r, env) => env.CACHE.get('a') };";
        let warned = warned(&[("index.ts", code), ("wrangler.toml", toml)], &["SET"]);
        assert_eq!(
            warned[0],
            "wrangler.toml declares bindings, which do not exist here; `env` has secrets only:\n  \
             AI (ai): call a provider's API with fetch\n  \
             CACHE (kv_namespaces), read at index.ts:1: use ctx.memory or a key-value store over the network\n  \
             FLOW (workflows): use a service over the network\n  \
             JOBS (queues): use ctx.waitUntil, or a queue over the network\n  \
             MAIL (send_email): use a service over the network\n  \
             ROOM (durable_objects): use ctx.memory or a database over the network"
        );
        assert_eq!(
            warned[1],
            "the code may read members of `env` that are not set. To set one: jelou secrets set mi-funcion HOST=...\n  \
             HOST, of `vars` in wrangler.toml"
        );
        assert_eq!(warned.len(), 2);
    }

    #[test]
    fn unset_secrets_of_the_environment() {
        let code = "const url = Deno.env.get('URL') ?? '';\nconst a = Deno.env.get(\"MODE\") ?? \"test\";\n\
                    // Deno.env.get('COMMENT')\nconst port = process.env.PORT;\nconst key = process.env.KEY!;\n\
                    const b = process.env['TOKEN'];\nprocess.env.OWN = 'x';\nconst set = process.env.SET;\n\
                    const n = Number(process.env.COUNT || 10);\n";
        let file = SourceFile::new("index.ts", code.to_owned());
        let limits = Limits::default().upload();
        let tree = SourceTree::new(vec![file], Declared::default(), &limits).unwrap();
        let used = BTreeMap::from([("index.ts".to_owned(), FileKind::Module)]);
        let slug = "mi-funcion".parse().unwrap();
        assert_eq!(
            unset_secrets(&slug, &tree, &used, &BTreeSet::from(["SET"])).as_deref(),
            Some(
                "the code reads secrets that are not set. To set one: jelou secrets set mi-funcion KEY=...\n  \
                 KEY, at index.ts:5\n  TOKEN, at index.ts:6\n  URL, at index.ts:1"
            )
        );
    }

    #[test]
    fn reads_of_undeclared_members_of_env() {
        let code = "// env.COMMENT\nenv.KEY;\nc.env.DB.prepare('x');\nprocess.env.OTHER;\nenv.LIST.split(',');\nenv.SET;\nmyenv.NO";
        let jsonc = "{ // a comment\n \"name\": \"a\", }";
        let warned = warned(&[("index.ts", code), ("wrangler.jsonc", jsonc)], &["SET"]);
        assert!(warned[0].ends_with("\n  DB, at index.ts:3"), "{warned:?}");
        assert!(
            warned[1].ends_with("mi-funcion KEY=...\n  KEY, at index.ts:2\n  LIST, at index.ts:5"),
            "{warned:?}"
        );
        assert_eq!(warned.len(), 2);
    }
}
