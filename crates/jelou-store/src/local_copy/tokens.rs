//! Runtime tokens in a local copy: a line of a compact binary format for each.

use std::collections::HashMap;

use jelou_core::{FunctionId, TokenPolicy};
use jelou_token::TokenHash;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LocalCopyError;
use crate::runtime_tokens::{PreviousTokenValue, QuotaUse, RuntimeTokenCredential};

/// Collects tokens as lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    /// The functions that the lines name by their numbers.
    pub(super) functions: Vec<FunctionId>,
    numbers: HashMap<FunctionId, u32>,
    /// The first failure.
    pub(super) error: Option<LocalCopyError>,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    hash: [u8; 32],
    #[serde(borrow)]
    id: &'a str,
    function: u32,
    expires_at_ms: Option<i64>,
    used_at_ms: Option<i64>,
    is_disabled: bool,
    /// JSON of [`Rest`], which few tokens have.
    #[serde(borrow)]
    rest: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct Rest {
    policy: Option<Box<TokenPolicy>>,
    quota: Option<QuotaUse>,
    previous: Option<Box<PreviousTokenValue>>,
}

impl Extend<RuntimeTokenCredential> for Lines {
    fn extend<T: IntoIterator<Item = RuntimeTokenCredential>>(&mut self, tokens: T) {
        for token in tokens {
            if let Err(error) = self.add(token) {
                self.error.get_or_insert(error);
            }
        }
    }
}

impl Lines {
    fn add(&mut self, token: RuntimeTokenCredential) -> Result<(), LocalCopyError> {
        let function = match self.numbers.get(&token.function_id) {
            Some(number) => *number,
            None => {
                let number =
                    u32::try_from(self.functions.len()).map_err(|_| LocalCopyError::Form)?;
                self.functions.push(token.function_id.clone());
                self.numbers.insert(token.function_id, number);
                number
            }
        };
        let rest = Rest {
            policy: token.policy,
            quota: token.quota,
            previous: token.previous,
        };
        let has_rest = rest.policy.is_some() || rest.quota.is_some() || rest.previous.is_some();
        let rest = has_rest.then(|| serde_json::to_string(&rest)).transpose()?;
        let line = Line {
            hash: *token.hash.as_bytes(),
            id: token.id.as_str(),
            function,
            expires_at_ms: token.expires_at.map(Timestamp::as_millisecond),
            used_at_ms: token.value_last_used_at.map(Timestamp::as_millisecond),
            is_disabled: token.is_disabled,
            rest: rest.as_deref(),
        };
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = postcard::to_extend(&line, bytes)?;
        Ok(())
    }
}

pub(super) fn read<Tokens>(
    mut lines: &[u8],
    functions: &[FunctionId],
) -> Result<Tokens, LocalCopyError>
where
    Tokens: Default + Extend<RuntimeTokenCredential>,
{
    let time = |ms: Option<i64>| ms.map(Timestamp::from_millisecond).transpose();
    let mut tokens = Tokens::default();
    while !lines.is_empty() {
        let (line, remaining) = postcard::take_from_bytes::<Line<'_>>(lines)?;
        lines = remaining;
        let rest: Option<Rest> = line.rest.map(serde_json::from_str).transpose()?;
        let function = functions.get(line.function as usize);
        let (policy, quota, previous) = match rest {
            Some(rest) => (rest.policy, rest.quota, rest.previous),
            None => (None, None, None),
        };
        tokens.extend([RuntimeTokenCredential {
            hash: TokenHash::from_bytes(line.hash),
            id: line.id.parse().map_err(|_| LocalCopyError::Form)?,
            function_id: function.ok_or(LocalCopyError::Form)?.clone(),
            expires_at: time(line.expires_at_ms)?,
            is_disabled: line.is_disabled,
            value_last_used_at: time(line.used_at_ms)?,
            quota,
            policy,
            previous,
        }]);
    }
    Ok(tokens)
}
