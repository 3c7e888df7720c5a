//! Reads a `.env` file. Error messages never contain a value.

use std::collections::BTreeMap;
use std::path::Path;

use fs_err as fs;
use jelou_core::SecretKey;

use super::values::parse_key;
use crate::exit::Failure;

const EXAMPLE: &str = "a line looks like KEY=VALUE; comments start with #";

/// Reads the variables of a file, which may be empty.
pub(in crate::commands) fn read(path: &Path) -> anyhow::Result<BTreeMap<SecretKey, String>> {
    let place = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::input(format!("{place} cannot be read")).because(error))?;
    parse(&text, &place)
}

/// # Errors
///
/// If there are no variables.
pub(super) fn some(
    variables: BTreeMap<SecretKey, String>,
    place: &str,
) -> anyhow::Result<BTreeMap<SecretKey, String>> {
    if variables.is_empty() {
        let message = format!("{place} has no variables");
        return Err(Failure::validation(message).hint(EXAMPLE).into());
    }
    Ok(variables)
}

/// Parses variables. Values are literal: a `$` in a password does not begin a variable.
pub(super) fn parse(text: &str, place: &str) -> anyhow::Result<BTreeMap<SecretKey, String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((line, problem)) = fault(text) {
        let message = format!("line {line} of {place} {problem}");
        return Err(Failure::validation(message).hint(EXAMPLE).into());
    }
    let mut variables = Vec::new();
    deno_dotenv::parse_env_content_hook(text, &mut |key, value| {
        variables.push((key.to_owned(), value.to_owned()));
    });
    variables
        .into_iter()
        .map(|(key, value)| Ok((parse_key(&key)?, value)))
        .collect()
}

/// Finds the first line that is neither a variable nor a comment, which the parser would silently skip. Returns its
/// number and the problem.
fn fault(text: &str) -> Option<(usize, &'static str)> {
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((_, value)) = line.split_once('=') else {
            return Some((index + 1, "has no `=`"));
        };
        let value = value.trim_start();
        let Some(quote) = value
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\'' | '`'))
        else {
            continue;
        };
        // A quoted value may have several lines.
        if !value[1..].contains(quote) && !lines.any(|(_, line)| line.contains(quote)) {
            return Some((index + 1, "has a quote that is not closed"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_files_keep_values_as_they_are() {
        let secrets = parse(
            "\u{feff}# comment\nexport A=one two # note\nB='p$HOME'\nC=\"x\\ny\"\r\nD=pa$$w\n\nE=\n",
            ".env",
        )
        .unwrap();
        let values: Vec<(&str, &str)> = secrets
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            values,
            [
                ("A", "one two"),
                ("B", "p$HOME"),
                ("C", "x\ny"),
                ("D", "pa$$w"),
                ("E", "")
            ]
        );
        assert!(parse("lower=1", ".env").is_err());
    }

    #[test]
    fn a_line_that_is_no_variable_is_an_error() {
        let pem = "A=\"-----BEGIN KEY-----\r\nMIIE\r\n-----END KEY-----\"\r\nB='x'\r\n";
        assert_eq!(fault(pem), None);
        for (text, expected) in [
            ("A=1\nmal linea\n", (2, "has no `=`")),
            ("# c\n\nAPI_KEY: abc\n", (3, "has no `=`")),
            (
                "A=1\nB=\"abierto\nC=2\n",
                (2, "has a quote that is not closed"),
            ),
            ("A=\"dos\nlineas\"\nfin\n", (3, "has no `=`")),
            ("export KEY\n", (1, "has no `=`")),
        ] {
            assert_eq!(fault(text), Some(expected), "{text}");
            let error = parse(text, ".env").unwrap_err().to_string();
            assert!(!error.contains("ab"), "{error}");
        }
    }
}
