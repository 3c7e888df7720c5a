//! The provenance of a deployment's files: the commit, and the pipeline that deployed them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Maximum bytes of each text, and of a deployment's message.
pub const MAX_TEXT_BYTES: usize = 500;
/// Maximum bytes of a deployment's tag.
pub const MAX_TAG_BYTES: usize = 64;

/// The commit and the pipeline of a deployment. Unknown fields are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provenance {
    /// The hash of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Whether the project's folder differs from the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dirty: Option<bool>,
    /// The name of the commit's author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The first line of the commit's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// URL of the repository, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// URL of the pipeline's run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_url: Option<String>,
}

impl Provenance {
    /// Whether every field is unknown.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Cleans every text with [`clean`]. Also removes the query and the fragment of URLs, because they often contain a
    /// token.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let text = |text: Option<String>| text.and_then(|text| clean(&text));
        let address = |address: Option<String>| {
            let address = address?;
            let end = address.find(['?', '#']).unwrap_or(address.len());
            clean(&address[..end])
        };
        Self {
            commit: text(self.commit),
            branch: text(self.branch),
            dirty: self.dirty,
            author: text(self.author),
            subject: text(self.subject),
            repository: address(self.repository),
            ci_url: address(self.ci_url),
        }
    }
}

/// Removes URL credentials, shortens tokens, replaces control characters by spaces, and truncates to
/// [`MAX_TEXT_BYTES`]. `None` if nothing is left.
pub fn clean(text: &str) -> Option<String> {
    let text = jelou_token::redact(text.trim());
    let text = without_credentials(&text);
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let text = shortened(text.trim(), MAX_TEXT_BYTES);
    (!text.is_empty()).then(|| text.to_owned())
}

/// Removes `user:password@` from each URL of the text.
fn without_credentials(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + "://".len());
        cleaned.push_str(before);
        // The authority ends at the path (RFC 3986, section 3.2). A password may itself contain `@`.
        let end = after
            .find(|c: char| {
                c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>')
            })
            .unwrap_or(after.len());
        let host = after[..end].rfind('@').map_or(0, |at| at + 1);
        cleaned.push_str(&after[host..end]);
        rest = &after[end..];
    }
    cleaned.push_str(rest);
    Cow::Owned(cleaned)
}

fn shortened(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_removed() {
        for (text, cleaned) in [
            ("https://github.com/a/b.git", "https://github.com/a/b.git"),
            (
                "https://oauth2:glpat-1@gitlab.com/a",
                "https://gitlab.com/a",
            ),
            ("https://ghp_1@github.com/a", "https://github.com/a"),
            ("https://a:p@ss@host:8080/x", "https://host:8080/x"),
            ("ssh://git:pw@host/x", "ssh://host/x"),
            ("git@github.com:a/b.git", "git@github.com:a/b.git"),
            (
                "see https://a:b@c/d and http://e:f@g, ana@example.com",
                "see https://c/d and http://g, ana@example.com",
            ),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(clean(text).unwrap(), cleaned, "{text}");
        }
        assert_eq!(clean(" \n"), None);
    }

    #[test]
    fn tokens_and_queries_are_removed() {
        let token = jelou_token::RuntimeToken::mint().unwrap();
        let cleaned = Provenance {
            subject: Some(format!("Use {}", token.expose())),
            repository: Some("https://host/a?private_token=1".to_owned()),
            ci_url: Some("https://a:b@host/runs/1#step".to_owned()),
            ..Provenance::default()
        }
        .cleaned();
        assert!(!cleaned.subject.unwrap().contains(token.expose()));
        assert_eq!(cleaned.repository.unwrap(), "https://host/a");
        assert_eq!(cleaned.ci_url.unwrap(), "https://host/runs/1");
    }

    #[test]
    fn a_long_text_is_truncated_between_characters() {
        let long = clean(&"ñ".repeat(MAX_TEXT_BYTES)).unwrap();
        assert_eq!(long.len(), MAX_TEXT_BYTES);
    }
}
