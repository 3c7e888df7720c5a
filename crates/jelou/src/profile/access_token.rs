//! Parses an access token in the form in which users and CI services store it, and explains why a value is invalid.

use jelou_token::{AccessToken, RuntimeToken};

use crate::exit::Failure;

/// Parses the access token in `value`, ignoring white space around it. `place` names the source of the value in
/// messages.
///
/// # Errors
///
/// Says which rule the value violates. The message never contains a part of the value.
pub(crate) fn read_access_token(value: &str, place: &str) -> anyhow::Result<AccessToken> {
    let value = trim(value);
    let error = match AccessToken::parse(value) {
        Ok(token) => return Ok(token),
        Err(error) => error,
    };
    let text = value.as_bytes();
    if text
        .windows(RuntimeToken::LEN)
        .any(|part| RuntimeToken::parse_bytes(part).is_ok())
    {
        return Err(Failure::auth(format!(
            "{place} is a runtime token: it calls one function and cannot log in"
        ))
        .hint("use an access token, which starts with `jfn_pat_`; the server shows one at its first start, and `jelou access-tokens create` makes more")
        .into());
    }
    let surrounded = text
        .windows(AccessToken::LEN)
        .any(|part| AccessToken::parse_bytes(part).is_ok());
    if surrounded {
        let (surroundings, hint) = surroundings(value);
        return Err(
            Failure::auth(format!("{place} is an access token with {surroundings}"))
                .hint(hint)
                .into(),
        );
    }
    Err(Failure::auth(format!("{place} is not an access token"))
        .because(error)
        .hint("copy the whole value: `jfn_pat_` and 38 characters; `jelou login` saves another one")
        .into())
}

/// Removes the white space, line breaks and byte order marks around a copied value.
pub(crate) fn trim(value: &str) -> &str {
    value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
}

fn surroundings(value: &str) -> (&'static str, &'static str) {
    let quotes = ['"', '\'', '`', '“', '”', '‘', '’', '«', '»'];
    if value.starts_with(quotes) || value.ends_with(quotes) {
        return (
            "quotes around it",
            "remove the quotes: where a CI service stores a value, they become a part of it",
        );
    }
    let lower = value.to_ascii_lowercase();
    if lower.starts_with("bearer") || lower.starts_with("authorization") {
        return (
            "`Bearer` before it",
            "give the token alone, from `jfn_pat_` on; the command line writes the header itself",
        );
    }
    (
        "other text around it",
        "give the token alone: `jfn_pat_` and 38 characters",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_surrounds_a_token_is_trimmed_or_named() {
        let token = AccessToken::mint().unwrap();
        let token = token.expose();
        for value in [
            format!("{token}\n"),
            format!(" \t{token}\r\n"),
            format!("\u{feff}{token}"),
        ] {
            assert_eq!(
                read_access_token(&value, "it").unwrap().expose(),
                token,
                "{value:?}"
            );
        }
        let runtime = RuntimeToken::mint().unwrap();
        let runtime = runtime.expose();
        for (value, words) in [
            (format!("\"{token}\""), "quotes"),
            (format!("'{token}'\n"), "quotes"),
            (format!("Bearer {token}"), "`Bearer`"),
            (format!("authorization: bearer {token}"), "`Bearer`"),
            (format!("JELOU_TOKEN={token}"), "other text"),
            (format!("{token}\n{token}"), "other text"),
            (runtime.to_owned(), "runtime token"),
            (format!("\"{runtime}\"\n"), "runtime token"),
            (token[1..].to_owned(), "not an access token"),
            ("jfn_pat_ñandú".to_owned(), "not an access token"),
            (String::new(), "not an access token"),
        ] {
            let error = read_access_token(&value, "JELOU_TOKEN").unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(words), "{words}: {error}");
            assert!(!error.contains(&token[8..]), "{error}");
        }
    }
}
