//! The address of a module: `__dirname`, `__filename` and `import.meta`.
//!
//! In a bundle, all modules would have the bundle's address. Instead, each module that uses its address gets its
//! original path below the folder of the function's files, where its data files also are.

use super::computed_import;

/// The expressions with which a module reads its own address, and the field of [`HERE`] that replaces each.
const EXPRESSIONS: [(&str, &str); 5] = [
    ("__dirname", "dirname"),
    ("__filename", "filename"),
    ("import.meta.url", "url"),
    ("import.meta.dirname", "dirname"),
    ("import.meta.filename", "filename"),
];
/// The variable that contains a module's own address. It is declared in each module that uses its address.
const HERE: &str = "__jelouHere";
/// The function in the bundle that computes an address from a path.
const AT: &str = "__jelouAt";
/// The code with which esbuild's helper for `require` searches for a global `require`.
const REQUIRE: &str = "typeof require !== \"undefined\" ? require";

/// Returns the bundler's options that replace the expressions in modules.
pub(super) fn options() -> impl Iterator<Item = String> {
    EXPRESSIONS
        .iter()
        .map(|(expression, field)| format!("--define:{expression}={HERE}.{field}"))
}

/// Returns whether the module uses its own address.
pub(super) fn uses_address(source: &str) -> bool {
    EXPRESSIONS
        .iter()
        .any(|(expression, _)| source.contains(expression))
}

/// Returns the source with a declaration of the variable [`HERE`]. `path` is the module's path, relative to the folder
/// of the function. Line numbers do not change.
pub(super) fn with_address(source: &str, path: &str) -> String {
    let at = after_directives(source);
    let path = serde_json::Value::from(path);
    format!(
        "{};var {HERE} = {AT}({path});{}",
        &source[..at],
        &source[at..]
    )
}

/// Returns the first line of a bundle, which declares the functions that its modules use. `None` if they use none.
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

/// Returns the position after the last directive (`"use strict"`), or after the first line if that is a `#!` line.
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
    // The string may be the start of an expression.
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
    fn directives_and_line_numbers_are_unchanged() {
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
    fn a_bundle_declares_only_the_functions_that_it_uses() {
        assert_eq!(header("var x = 1;"), None);
        assert!(
            header("typeof require !== \"undefined\" ? require : 0")
                .unwrap()
                .contains("node:module")
        );
        let address = header("var here = __jelouAt(\"a\")").unwrap();
        assert!(!address.contains("node:module") && !address.contains('\n'));
        assert!(uses_address("join(__dirname)") && !uses_address("dirname"));
    }
}
