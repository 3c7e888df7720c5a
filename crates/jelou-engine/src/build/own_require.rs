//! Modules that create their own `require`, with `createRequire(import.meta.url)`.
//!
//! The bundler follows a call of `require` only if the module does not declare this name. So the module must use the
//! bundler's `require` instead of its own. A declared variable `require` is renamed, so that the name means the
//! bundler's `require`. If the variable has another name, its calls with a literal are rewritten. Line numbers do not
//! change.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Matches the declaration: keyword, name, and call. The imported function `createRequire` may have another name.
const DECLARATION: &str = r"\b(const|let|var)\s+([\w$]+)(\s*=\s*(?:[\w$]+\.)?[\w$]*[cC]reateRequire[\w$]*\(\s*import\.meta\.url\s*\))";
/// The new name of a declared variable `require`.
const REPLACED: &str = "__jelouOwnRequire";

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(DECLARATION).ok());

/// Rewrites the source so that the bundler follows its calls of `require`.
pub(super) fn with_bundler_require(source: &str) -> Cow<'_, str> {
    let Some(found) = PATTERN.iter().find_map(|pattern| pattern.captures(source)) else {
        return Cow::Borrowed(source);
    };
    let (whole, name) = (&found[0], &found[2]);
    if name == "require" {
        let renamed = format!("{} {REPLACED}{}", &found[1], &found[3]);
        return Cow::Owned(source.replacen(whole, &renamed, 1));
    }
    let call = format!(
        r#"(^|[^\w$.]){}\(\s*("[^"\\\n]+"|'[^'\\\n]+')\s*\)"#,
        regex::escape(name)
    );
    match Regex::new(&call) {
        Ok(call) => call.replace_all(source, |call: &Captures<'_>| {
            format!("{}require({})", &call[1], &call[2])
        }),
        Err(_) => Cow::Borrowed(source),
    }
}

#[cfg(test)]
mod tests {
    use super::with_bundler_require;

    #[test]
    fn calls_with_a_literal_use_the_bundlers_require() {
        for (source, expected) in [
            (
                "const require = createRequire(import.meta.url);\nrequire('./a.cjs');",
                "const __jelouOwnRequire = createRequire(import.meta.url);\nrequire('./a.cjs');",
            ),
            (
                "var require$1 = module.createRequire( import.meta.url );\nx(require$1('#a'), require$1(b), a.require$1('c'));",
                "var require$1 = module.createRequire( import.meta.url );\nx(require('#a'), require$1(b), a.require$1('c'));",
            ),
            (
                "let r = _createRequire(import.meta.url); r(\"./a.json\")",
                "let r = _createRequire(import.meta.url); require(\"./a.json\")",
            ),
            (
                "const require = createRequire('/x');",
                "const require = createRequire('/x');",
            ),
            ("require('a')", "require('a')"),
        ] {
            assert_eq!(with_bundler_require(source), expected);
        }
    }
}
