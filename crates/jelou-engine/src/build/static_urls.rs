//! Finds the files that a module names with `new URL("./file", import.meta.url)`. They become assets of the deployment,
//! and `import.meta.url` is set so that these URLs resolve to the assets.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use url::Url;

/// Matches the whole expression. Its literal must have no escapes and no placeholders.
const EXPRESSION: &str = r#"\bnew\s+URL\(\s*(?:"([^"\\\n]+)"|'([^'\\\n]+)'|`([^`\\$\n]+)`)\s*,\s*import\.meta\.url\s*,?\s*\)"#;

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(EXPRESSION).ok());

/// Returns the paths in the upload that the module at the path `module` names.
pub(super) fn targets(module: &str, code: &str) -> Vec<String> {
    find(code)
        .filter_map(|found| {
            let path = resolve(module, literal(&found)?)?.to_file_path().ok()?;
            path.to_str().map(|path| path[1..].to_owned())
        })
        .collect()
}

fn find(code: &str) -> impl Iterator<Item = Captures<'_>> {
    PATTERN
        .iter()
        .flat_map(|pattern| pattern.captures_iter(code))
}

fn matched<'a>(found: &Captures<'a>) -> Option<regex::Match<'a>> {
    (1..=3).find_map(|group| found.get(group))
}

fn literal<'a>(found: &Captures<'a>) -> Option<&'a str> {
    matched(found).map(|matched| matched.as_str())
}

/// Resolves the literal to a URL whose root is the project's folder. Returns `None` for an absolute path or URL.
fn resolve(module: &str, literal: &str) -> Option<Url> {
    if literal.starts_with('/') || Url::parse(literal).is_ok() {
        return None;
    }
    let base = Url::from_file_path(format!("/{module}")).ok()?;
    base.join(literal).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found() {
        for (module, code, target) in [
            (
                "lib/mail.ts",
                "read(new URL(\"./mail.txt\", import.meta.url))",
                "lib/mail.txt",
            ),
            (
                "lib/a/b.ts",
                "new  URL( '../un texto.txt',\n import.meta.url, )",
                "lib/un texto.txt",
            ),
            (
                "src/index.ts",
                "new URL(`../ñ.wasm`, import.meta.url); new URL('data/x.json', import.meta.url)",
                "ñ.wasm",
            ),
            (
                "index.ts",
                "new URL('mail.txt', import.meta.url)",
                "mail.txt",
            ),
        ] {
            assert_eq!(targets(module, code)[0], target, "{code}");
        }
    }

    #[test]
    fn other_urls_are_ignored() {
        for code in [
            "new URL(\"https://example.com/a\", import.meta.url)",
            "new URL(\"/etc/passwd\", import.meta.url)",
            "new URL(`./${name}.txt`, import.meta.url)",
            "new URL(name, import.meta.url)",
            "new URL(\"./a.txt\", base)",
        ] {
            assert!(targets("lib/a.ts", code).is_empty(), "{code}");
        }
    }
}
