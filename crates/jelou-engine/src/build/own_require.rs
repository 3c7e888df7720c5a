//! Modules that make a `require` of their own, with `createRequire(import.meta.url)`.
//!
//! The bundler follows calls of `require` only where no module declares that name. So the module gets the bundler's
//! `require` in place of its own, for every call with a literal. No line moves.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The declaration: keyword, name, and the call. The imported function may have another name.
const DECLARATION: &str = r"\b(const|let|var)\s+([\w$]+)(\s*=\s*(?:[\w$]+\.)?[\w$]*[cC]reateRequire[\w$]*\(\s*import\.meta\.url\s*\))";
/// The name of a declared `require` that the bundler's replaces.
const REPLACED: &str = "__jelouOwnRequire";

static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(DECLARATION).ok());

/// The source in which the bundler finds what the module requires.
pub(super) fn visible(source: &str) -> Cow<'_, str> {
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
    use super::visible;

    #[test]
    fn calls_with_a_literal_are_the_bundlers() {
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
            assert_eq!(visible(source), expected);
        }
    }
}
