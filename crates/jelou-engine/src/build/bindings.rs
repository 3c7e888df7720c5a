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

/// The variables that a function has, and how to set others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variables<'a> {
    pub(super) slug: &'a Slug,
    /// The file with the secrets in development. `None` on a server, which stores them.
    pub(super) env_file: Option<&'a str>,
    pub(super) set: &'a BTreeSet<&'a str>,
}

impl Variables<'_> {
    fn has(self, name: &str) -> bool {
        self.set.contains(name)
    }

    fn how_to_set(self, name: &str) -> String {
        match self.env_file {
            None => format!("To set one: jelou secrets set {} {name}=...", self.slug),
            Some(file) => format!("To set one, add to {file}: {name}=..."),
        }
    }
}

/// Returns the warnings about secrets and bindings that the code uses and that are not set. `has_env`: whether the
/// handler gets secrets as `env`, as in Workers.
pub(super) fn warnings(
    variables: Variables<'_>,
    has_env: bool,
    tree: &SourceTree,
    used: &BTreeMap<String, FileKind>,
) -> Vec<String> {
    let mut read_variables = BTreeMap::new();
    let mut read_members = BTreeMap::new();
    for (path, number, line) in lines(tree, used) {
        let place = || format!("{path}:{number}");
        for name in variables_in(line).filter(|name| !variables.has(name)) {
            read_variables.entry(name).or_insert_with(place);
        }
        if has_env {
            note_members(line, place, &mut read_members);
        }
    }
    let mut warnings = if has_env {
        of_members(variables, &Declared::of(tree), &read_members)
    } else {
        Vec::new()
    };
    if let Some(first) = read_variables.keys().next() {
        let how = variables.how_to_set(first);
        let names = read_variables.iter();
        let names = names.map(|(name, place)| format!("  {name}, at {place}"));
        warnings.push(format!(
            "the code reads secrets that are not set. {how}\n{}",
            listed(names)
        ));
    }
    warnings
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

/// Returns the variables of the environment that the line reads without another value.
fn variables_in(line: &str) -> impl Iterator<Item = &str> {
    let found = VARIABLES.iter().flat_map(|reads| reads.captures_iter(line));
    found.filter_map(|found| {
        let name = found.iter().skip(1).flatten().next()?.as_str();
        let after = &line[found.get(0)?.end()..];
        let fallback = FALLBACKS.as_ref().and_then(|other| other.captures(after));
        let has_fallback = fallback.is_some_and(|fallback| fallback.get(1).is_none());
        let is_written =
            after.trim_start().starts_with('=') && !after.trim_start().starts_with("==");
        let is_needed = !has_fallback && !is_written && !ORDINARY.contains(&name);
        is_needed.then_some(name)
    })
}

/// Returns the warnings about declared bindings and unset members of `env`.
fn of_members(
    variables: Variables<'_>,
    declared: &Declared,
    reads: &BTreeMap<&str, Read>,
) -> Vec<String> {
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
    let is_unknown = |name: &str| !variables.has(name) && !declared.bindings.contains_key(name);
    let unset: BTreeSet<&str> = reads
        .iter()
        .filter(|(_, read)| !read.is_called)
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
    if let Some(first) = unset.first() {
        let how = variables.how_to_set(first);
        let lines = unset.iter().map(|name| match reads.get(name) {
            Some(read) => format!("  {name}, at {}", read.place),
            None => format!("  {name}, of `vars` in {}", declared.file),
        });
        warnings.push(format!(
            "the code may read members of `env` that are not set. {how}\n{}",
            listed(lines)
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

/// Adds the members of `env` that the line reads.
fn note_members<'a>(
    line: &'a str,
    place: impl Fn() -> String,
    reads: &mut BTreeMap<&'a str, Read>,
) {
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
            place: place(),
            is_called,
        });
        read.is_called |= is_called;
    }
}

#[cfg(test)]
mod tests {
    use jelou_core::source::Declared;
    use jelou_core::{Limits, SourceFile};

    use super::*;

    fn warned(
        files: &[(&str, &str)],
        set: &[&str],
        (has_env, env_file): (bool, Option<&str>),
    ) -> Vec<String> {
        let files = files.iter();
        let files = files.map(|(path, text)| SourceFile::new(*path, (*text).to_owned()));
        let limits = Limits::default().upload();
        let tree = SourceTree::new(files.collect(), Declared::default(), &limits).unwrap();
        let used = BTreeMap::from([("index.ts".to_owned(), FileKind::Module)]);
        let variables = Variables {
            slug: &"mi-funcion".parse().unwrap(),
            env_file,
            set: &set.iter().copied().collect(),
        };
        warnings(variables, has_env, &tree, &used)
    }

    #[test]
    fn the_warning_lists_declared_bindings_with_alternatives() {
        let toml = "name = \"a\"\n[vars]\nHOST = \"x\"\nSET = \"y\"\n[[kv_namespaces]]\nbinding = \"CACHE\"\nid = \"1\"\n\
                    [durable_objects]\nbindings = [{ name = \"ROOM\", class_name = \"Room\" }]\n\
                    [[queues.producers]]\nqueue = \"q\"\nbinding = \"JOBS\"\n[ai]\nbinding = \"AI\"\n\
                    [[send_email]]\nname = \"MAIL\"\n[[workflows]]\nname = \"w\"\nbinding = \"FLOW\"\nclass_name = \"Flow\"\n";
        let code = "export default { fetch: (r, env) => env.CACHE.get('a') };";
        let warned = warned(
            &[("index.ts", code), ("wrangler.toml", toml)],
            &["SET"],
            (true, None),
        );
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
        let places = "\n  KEY, at index.ts:5\n  TOKEN, at index.ts:6\n  URL, at index.ts:1";
        for (env_file, how) in [
            (None, "To set one: jelou secrets set mi-funcion KEY=..."),
            (Some("../dev.env"), "To set one, add to ../dev.env: KEY=..."),
        ] {
            assert_eq!(
                warned(&[("index.ts", code)], &["SET"], (false, env_file)),
                [format!(
                    "the code reads secrets that are not set. {how}{places}"
                )]
            );
        }
    }

    #[test]
    fn reads_of_undeclared_members_of_env() {
        let code = "// env.COMMENT\nenv.KEY;\nc.env.DB.prepare('x');\nprocess.env.OTHER;\nenv.LIST.split(',');\nenv.SET;\nmyenv.NO";
        let jsonc = "{ // a comment\n \"name\": \"a\", }";
        let warned = warned(
            &[("index.ts", code), ("wrangler.jsonc", jsonc)],
            &["SET"],
            (true, Some(".env")),
        );
        assert!(warned[0].ends_with("\n  DB, at index.ts:3"), "{warned:?}");
        assert!(
            warned[1].ends_with(
                "To set one, add to .env: KEY=...\n  KEY, at index.ts:2\n  LIST, at index.ts:5"
            ),
            "{warned:?}"
        );
        assert!(
            warned[2].ends_with("add to .env: OTHER=...\n  OTHER, at index.ts:4"),
            "{warned:?}"
        );
        assert_eq!(warned.len(), 3);
    }
}
