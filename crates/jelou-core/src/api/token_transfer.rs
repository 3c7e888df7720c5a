//! Moves runtime tokens between servers, by the hashes of their values. No server stores the values.

use jelou_token::TokenHash;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::{Cidrs, HttpMethods, Quota, Rate, RuntimeScopes};
use crate::token_labels::{Note, Tags};
use crate::{Slug, TokenId, TokenLabels, TokenName, TokenPolicy};

/// The exported tokens of a function. This is also the format of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenExport {
    /// The function that the tokens call.
    #[schema(value_type = String)]
    pub function: Slug,
    /// The unrevoked tokens, oldest first.
    pub tokens: Vec<ExportedToken>,
}

/// A token without its value. Unknown fields are an error, so that an import does not lose a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportedToken {
    /// The id of the token. Default: the import generates one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<TokenId>,
    pub name: TokenName,
    /// SHA-256 of the whole value, in lower-case hexadecimal.
    #[serde(with = "hexadecimal")]
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub hash: TokenHash,
    /// The first 11 characters of the value.
    #[schema(example = "jfn_rt_abc1")]
    pub prefix: String,
    /// When the token was created. Default: the time of the import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<RuntimeScopes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidrs: Option<Cidrs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<HttpMethods>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Note>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Note>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// The old value of a rotated token, in its grace period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ExportedValue>,
}

/// The old value of a rotated token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportedValue {
    /// SHA-256 of the whole value, in lower-case hexadecimal.
    #[serde(with = "hexadecimal")]
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub hash: TokenHash,
    pub prefix: String,
    /// The end of the value's grace period.
    #[schema(value_type = String, format = DateTime)]
    pub valid_until: Timestamp,
}

impl ExportedToken {
    pub fn policy(&self) -> TokenPolicy {
        TokenPolicy {
            scopes: self.scopes.clone(),
            cidrs: self.cidrs.clone(),
            methods: self.methods.clone(),
            rate: self.rate,
            quota: self.quota.clone(),
        }
    }

    pub fn labels(&self) -> TokenLabels {
        TokenLabels {
            owner: self.owner.clone(),
            purpose: self.purpose.clone(),
            tags: self.tags.clone(),
        }
    }
}

/// Imports tokens into a function, either all or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportTokens {
    pub tokens: Vec<ExportedToken>,
    /// Revoke tokens that have the name of an imported token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// Change nothing, only report.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// The result of an import, or the expected result of a dry run. The items are in the order of the tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    pub dry_run: bool,
    pub items: Vec<ImportedToken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedToken {
    pub name: TokenName,
    /// The id of the token. Null for a clash.
    pub id: Option<TokenId>,
    pub outcome: ImportOutcome,
    /// The reason for a clash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ImportOutcome {
    Imported,
    /// Imported. The earlier token with this name was revoked.
    Replaced,
    /// The function has a token with this value.
    AlreadyHere,
    /// Cannot be imported. Only in the report of a dry run, because a clash rejects the whole import.
    Clash,
}

/// Serializes a hash as lower-case hexadecimal text.
mod hexadecimal {
    use std::fmt::Write as _;

    use jelou_token::TokenHash;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        hash: &TokenHash,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(64);
        for byte in hash.as_bytes() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TokenHash, D::Error> {
        // The error does not quote the text, because a user may have put a token there.
        let wrong = || D::Error::custom("a hash is the SHA-256 of a token: 64 of `0-9 a-f`");
        let text = String::deserialize(deserializer)?;
        let digits = text.as_bytes();
        let is_hex = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 64 || !digits.iter().all(is_hex) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(TokenHash::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_token::RuntimeToken;
    use serde_json::json;

    #[test]
    fn a_hash_is_hexadecimal_and_an_error_does_not_show_it() {
        let value = RuntimeToken::mint().unwrap();
        let read = |hash: &str| {
            let token = json!({ "name": "ci", "hash": hash, "prefix": "jfn_rt_abc1" });
            serde_json::from_value::<ExportedToken>(token)
        };
        let token = read(&"0f".repeat(32)).unwrap();
        assert_eq!(token.hash.as_bytes(), &[0x0f; 32]);
        let written = serde_json::to_value(&token).unwrap();
        assert_eq!(written["hash"], "0f".repeat(32));
        for hash in ["", "0f", &"0F".repeat(32), &"é".repeat(32), value.expose()] {
            let error = read(hash).unwrap_err().to_string();
            assert!(error.contains("SHA-256"), "{error}");
            assert!(!error.contains(value.expose()), "{error}");
        }
    }
}
