//! The labels of a token: notes of its owners. Labels never decide whether a call is allowed.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::text_newtype;

/// Maximum length of a [`Note`] in characters.
pub const MAX_NOTE_LENGTH: usize = 200;
/// Maximum length of a [`Tag`] in characters.
pub const MAX_TAG_LENGTH: usize = 64;
/// Maximum number of tags of one token.
pub const MAX_TAGS: usize = 16;

/// The labels of a token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenLabels {
    /// The person or team that is responsible for the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Note>,
    /// What the token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Note>,
    /// The groups that the token belongs to, for example to revoke several tokens at once.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

impl TokenLabels {
    /// Whether the token has no label.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One line of text: 1 to 200 characters, without control characters. Tokens in it are shortened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 200, example = "payments team")]
pub struct Note(String);

/// The text is not a note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseNoteError {
    #[error("the text is empty; leave it out instead")]
    Empty,
    #[error("the text is {0} characters long; the limit is {MAX_NOTE_LENGTH}")]
    TooLong(usize),
    #[error("the text contains a control character, such as a line break")]
    ControlCharacter,
}

text_newtype!(Note);

impl FromStr for Note {
    type Err = ParseNoteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ParseNoteError::Empty);
        }
        let length = text.chars().count();
        if length > MAX_NOTE_LENGTH {
            return Err(ParseNoteError::TooLong(length));
        }
        if text.chars().any(char::is_control) {
            return Err(ParseNoteError::ControlCharacter);
        }
        // Someone may paste a token into the wrong option. Labels are listed and exported.
        Ok(Self(jelou_token::redact(text).into_owned()))
    }
}

/// A group of tokens, such as `ci` or `team:payments`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._:-]{0,63}$", example = "ci")]
pub struct Tag(String);

/// The text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a tag: it has 1 to {MAX_TAG_LENGTH} of `a-z 0-9 . _ : -` and starts with a letter or a digit"
)]
pub struct ParseTagError(String);

text_newtype!(Tag);

impl FromStr for Tag {
    type Err = ParseTagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | ':' | '-');
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.chars().all(allowed) && text.len() <= MAX_TAG_LENGTH {
            Ok(Self(text.to_owned()))
        } else {
            let shown = jelou_token::redact(text);
            Err(ParseTagError(shown.escape_debug().to_string()))
        }
    }
}

/// The tags of a token: at most 16.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "Vec<Tag>", into = "Vec<Tag>")]
#[schema(value_type = Vec<Tag>, max_items = 16)]
pub struct Tags(BTreeSet<Tag>);

/// The token has too many tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} tags are too many; a token has at most {MAX_TAGS}")]
pub struct TooManyTagsError(usize);

impl Tags {
    /// Whether there is no tag.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the token has this tag.
    pub fn contains(&self, tag: &Tag) -> bool {
        self.0.contains(tag)
    }

    /// Returns the tags in order.
    pub fn iter(&self) -> impl Iterator<Item = &Tag> {
        self.0.iter()
    }
}

impl TryFrom<Vec<Tag>> for Tags {
    type Error = TooManyTagsError;

    fn try_from(tags: Vec<Tag>) -> Result<Self, Self::Error> {
        let tags: BTreeSet<Tag> = tags.into_iter().collect();
        if tags.len() > MAX_TAGS {
            return Err(TooManyTagsError(tags.len()));
        }
        Ok(Self(tags))
    }
}

impl From<Tags> for Vec<Tag> {
    fn from(tags: Tags) -> Self {
        tags.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line() {
        let note: Note = "  Pagos, María José  ".parse().unwrap();
        assert_eq!(note.as_str(), "Pagos, María José");
        assert_eq!("  ".parse::<Note>(), Err(ParseNoteError::Empty));
        assert_eq!(
            "a\nb".parse::<Note>(),
            Err(ParseNoteError::ControlCharacter)
        );
        assert!("ñ".repeat(200).parse::<Note>().is_ok());
        assert_eq!(
            "ñ".repeat(201).parse::<Note>(),
            Err(ParseNoteError::TooLong(201))
        );
    }

    #[test]
    fn a_token_in_a_label_is_truncated() {
        let token = jelou_token::RuntimeToken::mint().unwrap();
        let token = token.expose();
        for text in [token.to_owned(), format!("use {token}, please")] {
            let note: Note = text.parse().unwrap();
            assert_eq!(note.as_str(), text.replace(&token[11..], "..."));
            let error = text.parse::<Tag>().unwrap_err().to_string();
            assert!(!error.contains(token), "{error}");
        }
    }

    #[test]
    fn the_grammar_of_a_tag() {
        for good in ["ci", "team:payments", "0", "a.b_c-d"] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", "-a", ":a", "CI", "a b", "ñ", &"a".repeat(65)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_are_a_limited_set() {
        let tags = |count: usize| {
            let tags = (0..count).map(|n| format!("t{n}").parse().unwrap());
            Tags::try_from(tags.collect::<Vec<Tag>>())
        };
        assert!(tags(16).is_ok());
        assert_eq!(tags(17), Err(TooManyTagsError(17)));
        let twice: Tags = serde_json::from_str(r#"["ci","ci"]"#).unwrap();
        assert_eq!(serde_json::to_string(&twice).unwrap(), r#"["ci"]"#);
    }
}
