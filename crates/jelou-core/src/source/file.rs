//! One file of an upload, and its form in JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A file of an upload. Its path is relative to the project's folder, with `/` between segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EncodedFile", into = "EncodedFile")]
pub struct SourceFile {
    pub path: String,
    /// The content. Cheap to clone.
    pub content: Bytes,
}

/// A file of an upload.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SourceFile)]
pub struct EncodedFile {
    /// Relative to the project's folder, with `/` between segments.
    path: String,
    /// The text, or the bytes in base64.
    content: String,
    /// The encoding of `content`. Default: text.
    #[serde(default, skip_serializing_if = "Encoding::is_text")]
    encoding: Encoding,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    Text,
    #[serde(rename = "base64")]
    Base64,
}

impl Encoding {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// The content of a file is not base64.
#[derive(Debug, thiserror::Error)]
#[error("the content of `{path}` is not base64: {reason}")]
pub struct DecodeError {
    path: String,
    reason: base64::DecodeError,
}

impl SourceFile {
    pub fn new(path: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self {
            path: path.into(),
            content: content.into(),
        }
    }

    /// Returns the content as text. `None` if the file is not UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.content).ok()
    }

    pub fn bytes(&self) -> u64 {
        self.content.len() as u64
    }
}

impl TryFrom<EncodedFile> for SourceFile {
    type Error = DecodeError;

    fn try_from(file: EncodedFile) -> Result<Self, DecodeError> {
        let content = match file.encoding {
            Encoding::Text => file.content.into_bytes(),
            Encoding::Base64 => STANDARD
                .decode(file.content)
                .map_err(|reason| DecodeError {
                    path: file.path.clone(),
                    reason,
                })?,
        };
        Ok(Self::new(file.path, content))
    }
}

impl From<SourceFile> for EncodedFile {
    /// Encodes text unchanged. Other content, and text with null bytes, is encoded in base64, because an escaped null
    /// byte takes six bytes in JSON.
    fn from(file: SourceFile) -> Self {
        let (content, encoding) = match file.text().filter(|text| !text.contains('\0')) {
            Some(text) => (text.to_owned(), Encoding::Text),
            None => (STANDARD.encode(&file.content), Encoding::Base64),
        };
        Self {
            path: file.path,
            content,
            encoding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_as_text_and_bytes_in_base64() {
        for (content, json) in [
            (&b"a\n"[..], r#"{"path":"x","content":"a\n"}"#),
            (
                b"\xff\xfe",
                r#"{"path":"x","content":"//4=","encoding":"base64"}"#,
            ),
            (
                b"a\0",
                r#"{"path":"x","content":"YQA=","encoding":"base64"}"#,
            ),
        ] {
            let file = SourceFile::new("x", content);
            assert_eq!(serde_json::to_string(&file).unwrap(), json);
            assert_eq!(serde_json::from_str::<SourceFile>(json).unwrap(), file);
        }
        let said = r#"{"path":"x","content":"a","encoding":"utf-8"}"#;
        assert_eq!(
            serde_json::from_str::<SourceFile>(said).unwrap(),
            SourceFile::new("x", "a")
        );
        let error =
            serde_json::from_str::<SourceFile>(r#"{"path":"x","content":"*","encoding":"base64"}"#)
                .unwrap_err();
        assert!(error.to_string().contains("`x` is not base64"), "{error}");
    }
}
