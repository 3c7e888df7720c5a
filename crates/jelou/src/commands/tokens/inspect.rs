//! `jelou tokens inspect`.

use jelou_token::{AccessToken, ParseTokenError, RuntimeToken};
use serde::Serialize;

use super::input::{Input, no_token};
use crate::cli::tokens::InspectArgs;
use crate::context::Context;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inspected {
    kind: Kind,
    /// The first characters. `null` if the text is too short.
    prefix: Option<String>,
    valid: bool,
    /// The rule of the token format that the text violates.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    RuntimeToken,
    AccessToken,
    Unknown,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::RuntimeToken => "runtime token",
            Self::AccessToken => "access token",
            Self::Unknown => "unknown token",
        }
    }
}

impl Inspected {
    fn of(text: &str) -> Self {
        let (kind, parsed) = if text.starts_with("jfn_rt_") {
            let parsed = RuntimeToken::parse(text).map(|token| token.display_prefix().to_string());
            (Kind::RuntimeToken, parsed)
        } else if text.starts_with("jfn_pat_") {
            let parsed = AccessToken::parse(text).map(|token| token.display_prefix().to_string());
            (Kind::AccessToken, parsed)
        } else {
            let expected = "jfn_rt_";
            (Kind::Unknown, Err(ParseTokenError::Prefix { expected }))
        };
        match parsed {
            Ok(prefix) => Self {
                kind,
                prefix: Some(prefix),
                valid: true,
                fault: None,
            },
            Err(error) => Self {
                kind,
                prefix: None,
                valid: false,
                fault: Some(error.to_string()),
            },
        }
    }
}

pub(crate) fn run(args: &InspectArgs, context: &Context) -> anyhow::Result<()> {
    let input = Input::read(&args.input)?;
    let (tokens, fragments) = (input.tokens(), input.fragments());
    if tokens.is_empty() && fragments.is_empty() {
        return Err(no_token().into());
    }
    let inspected: Vec<_> = tokens
        .into_iter()
        .chain(fragments)
        .map(Inspected::of)
        .collect();
    context.output.result(&inspected, |human| {
        inspected.iter().try_for_each(|token| {
            let kind = token.kind.as_str();
            match (&token.prefix, &token.fault) {
                (Some(prefix), _) => human.success(&format!("{prefix}...  {kind}, well-formed")),
                (None, fault) => human.failure(&format!(
                    "{kind}: {}",
                    fault.as_deref().unwrap_or("malformed")
                )),
            }
        })
    })?;
    Ok(())
}
