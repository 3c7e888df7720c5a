//! The address of a module: `__dirname`, `__filename` and `import.meta`.
//!
//! In a bundle, all modules would share the bundle's address. Each module that asks gets the address that it has in the
//! folder of the function's files, where the files beside it are, too.

use super::computed_import;

/// What a module calls its address, and the bundle's name for it.
const WORDS: [(&str, &str); 5] = [
    ("__dirname", "dirname"),
    ("__filename", "filename"),
    ("import.meta.url", "url"),
    ("import.meta.dirname", "dirname"),
    ("import.meta.filename", "filename"),
];
/// The variable of each module that asks for its address.
const HERE: &str = "__jelouHere";
/// The bundle's function that makes the address.
const AT: &str = "__jelouAt";
/// How esbuild's helper for `require` begins to look for one.
const REQUIRE: &str = "typeof require !== \"undefined\" ? require";

/// The bundler's options that replace the words in modules.
pub(super) fn options() -> impl Iterator<Item = String> {
    WORDS
        .iter()
        .map(|(word, field)| format!("--define:{word}={HERE}.{field}"))
}

/// Whether the module asks for its address.
pub(super) fn is_asked(source: &str) -> bool {
    WORDS.iter().any(|(word, _)| source.contains(word))
}

/// The source with its address. `path` is relative to the folder of the function. No line moves.
pub(super) fn with_address(source: &str, path: &str) -> String {
    let at = after_directives(source);
    let path = serde_json::Value::from(path);
    format!(
        "{};var {HERE} = {AT}({path});{}",
        &source[..at],
        &source[at..]
    )
}

/// The first line of a bundle: what its modules use. `None` for a bundle that uses nothing.
pub(super) fn header(code: &str) -> Option<String> {
    let mut header = String::new();
    if code.contains(REQUIRE) {
        header.push_str(
            "import { createRequire as __jelouCreateRequire } from \"node:module\"; \
             const require = __jelouCreateRequire(import.meta.url); ",
        );
    }
    if code.contains(AT) {
        header.push_str(
            "const __jelouAt = (path) => { \
             const url = new URL(path, import.meta.url).href, filename = decodeURIComponent(new URL(url).pathname); \
             return { url, filename, dirname: filename.slice(0, filename.lastIndexOf(\"/\")) || \"/\" }; }; ",
        );
    }
    if let Some(import) = computed_import::header(code) {
        header.push_str(import);
    }
    (!header.is_empty()).then(|| header.trim_end().to_owned())
}

/// The position after comments and directives such as `"use strict"`.
fn after_directives(source: &str) -> usize {
    let mut at = 0;
    if let Some(rest) = source.strip_prefix('\u{feff}') {
        at = source.len() - rest.len();
    }
    if source[at..].starts_with("#!") {
        at += line(&source[at..]);
    }
    let mut end = at;
    loop {
        let rest = &source[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if trimmed.starts_with("//") {
            at += line(trimmed);
        } else if let Some(comment) = trimmed.strip_prefix("/*") {
            let Some(length) = comment.find("*/") else {
                return end;
            };
            at += length + 4;
        } else if let Some(length) = directive(trimmed) {
            at += length;
            end = at;
        } else {
            return end;
        }
    }
}

fn line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |position| position + 1)
}

fn directive(text: &str) -> Option<usize> {
    let quoted = ["\"use strict\"", "'use strict'"];
    let length = quoted
        .iter()
        .find(|quoted| text.starts_with(**quoted))?
        .len();
    // The text may be the start of an expression.
    let rest = text[length..].trim_start_matches([' ', '\t']);
    match rest.chars().next() {
        None | Some('\n' | '\r' | '}') => Some(length),
        Some(';') => Some(text.len() - rest.len() + 1),
        _ if text[length..].starts_with([' ', '\t']) && rest.starts_with("//") => Some(length),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_and_lines_stay() {
        let here = ";var __jelouHere = __jelouAt(\"a.js\");";
        for (source, expected) in [
            ("x", format!("{here}x")),
            ("\"use strict\";\nx", format!("\"use strict\";{here}\nx")),
            (
                "#!/usr/bin/env node\n/* a */ 'use strict' // b\nx",
                format!("#!/usr/bin/env node\n/* a */ 'use strict'{here} // b\nx"),
            ),
            ("// only\nx", format!("{here}// only\nx")),
            ("#!/bin/node\nx", format!("#!/bin/node\n{here}x")),
            (
                "\"use strict\".length",
                format!("{here}\"use strict\".length"),
            ),
            ("/* open", format!("{here}/* open")),
        ] {
            assert_eq!(with_address(source, "a.js"), expected);
        }
    }

    #[test]
    fn a_bundle_has_only_what_it_uses() {
        assert_eq!(header("var x = 1;"), None);
        assert!(
            header("typeof require !== \"undefined\" ? require : 0")
                .unwrap()
                .contains("node:module")
        );
        let address = header("var here = __jelouAt(\"a\")").unwrap();
        assert!(!address.contains("node:module") && !address.contains('\n'));
        assert!(is_asked("join(__dirname)") && !is_asked("dirname"));
    }
}
