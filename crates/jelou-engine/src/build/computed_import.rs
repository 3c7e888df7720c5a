//! Dynamic imports with a computed name (`import(name)`). At run time, Deno refuses such an import if it needs files or
//! network. In the bundle, these imports call a wrapper function instead, which replaces Deno's error by an
//! explanation.

use super::esbuild::Place;

/// The name of the wrapper function. It is as long as the keyword, so that no column moves.
const NAME: &str = "__impo";
const KEYWORD: &str = "import";

/// Returns the source with calls of the wrapper function in place of the imports at `places`.
pub(super) fn explained(source: &str, places: &[Place]) -> String {
    let mut lines: Vec<_> = source.split('\n').map(str::to_owned).collect();
    for place in places {
        let line = usize::try_from(place.line).ok();
        let line = line.and_then(|line| lines.get_mut(line.checked_sub(1)?));
        let (Some(line), Ok(start)) = (line, usize::try_from(place.column)) else {
            continue;
        };
        let keyword = start..start + KEYWORD.len();
        if line.get(keyword.clone()) == Some(KEYWORD) {
            line.replace_range(keyword, NAME);
        }
    }
    lines.join("\n")
}

/// Returns the wrapper function, for the first line of a bundle that calls it.
pub(super) fn header(code: &str) -> Option<&'static str> {
    code.contains(NAME).then_some(
        "const __impo = (name, options) => import(name, options).catch((error) => { \
         if (!/^Requires \\w+ access to/.test(error?.message)) throw error; \
         throw Object.assign(new TypeError(`\\`${name}\\` cannot be imported at run time; \
         import it by a constant name, so that the deploy puts it into the bundle`), { code: error.code }); }); ",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keyword_of_an_import_is_replaced() {
        let place = |line, column| Place {
            file: String::new(),
            line,
            column,
        };
        let source = "const a = 'ñ'; await import(a);\nimport(\"node:fs\"); import(b)";
        assert_eq!(
            explained(
                source,
                &[place(1, 22), place(2, 19), place(2, 4), place(9, 0)]
            ),
            "const a = 'ñ'; await __impo(a);\nimport(\"node:fs\"); __impo(b)"
        );
        // The column is inside a character.
        assert_eq!(explained(source, &[place(1, 12)]), source);
        assert_eq!(header("import(x)"), None);
        assert!(!header("__impo(x)").unwrap().contains('\n'));
    }
}
