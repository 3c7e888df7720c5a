//! Runtime tokens: export, and import on another server.

use std::sync::Arc;

use jelou_core::Slug;
use jelou_core::api::{
    ExportedToken, ExportedValue, ImportOutcome, ImportReport, ImportTokens, ImportedToken,
    TokenExport,
};
use jelou_store::{
    Actor, ImportRules, ImportToken, Imported, PreviousTokenValue, RuntimeTokenRecord,
};
use jelou_token::DisplayPrefix;
use jiff::Timestamp;

use super::{Control, ControlError};

/// Maximum number of tokens in an import.
const MAX_TOKENS: usize = 10_000;

impl Control {
    pub(crate) async fn export_tokens(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
    ) -> Result<TokenExport, ControlError> {
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let tokens = control.store.export_tokens(&actor, &function).await?;
            let now = control.clock.now();
            Ok(TokenExport {
                function: slug,
                tokens: tokens
                    .into_iter()
                    .map(|token| exported(token, now))
                    .collect(),
            })
        })
        .await
    }

    pub(crate) async fn import_tokens(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        import: ImportTokens,
    ) -> Result<ImportReport, ControlError> {
        self.may_create_tokens()?;
        let names: Vec<_> = import
            .tokens
            .iter()
            .map(|token| token.name.clone())
            .collect();
        if names.is_empty() || names.len() > MAX_TOKENS {
            return Err(ControlError::Invalid {
                detail: format!(
                    "the import has {} tokens; it must have 1 to {MAX_TOKENS}",
                    names.len()
                ),
                hint: "import more tokens in several parts",
            });
        }
        for token in &import.tokens {
            self.check_life(token.expires_at)
                .map_err(|error| of_token(&token.name, &error))?;
        }
        let tokens: Vec<_> = import
            .tokens
            .into_iter()
            .map(imported)
            .collect::<Result<_, _>>()?;
        let rules = ImportRules {
            replace: import.replace,
            dry_run: import.dry_run,
            max_tokens: self.token_rules.max_per_function,
        };
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let outcomes = control
                .store
                .import_tokens(&actor, &function, tokens, rules)
                .await?;
            let report = ImportReport {
                dry_run: rules.dry_run,
                items: names
                    .into_iter()
                    .zip(&outcomes)
                    .map(|(name, outcome)| item(name, outcome))
                    .collect(),
            };
            if rules.dry_run {
                return Ok(report);
            }
            refuse_clashes(&report)?;
            for outcome in outcomes {
                let Imported::Added { token, former } = outcome else {
                    continue;
                };
                if let Some(former) = former {
                    control.registry.tokens.remove(&former);
                }
                control.registry.tokens.put((&*token).into());
            }
            Ok(report)
        })
        .await
    }
}

fn exported(token: RuntimeTokenRecord, now: Timestamp) -> ExportedToken {
    let previous = token.previous.filter(|previous| previous.valid_until > now);
    ExportedToken {
        id: Some(token.id),
        name: token.name,
        hash: token.hash,
        prefix: token.prefix.to_string(),
        created_at: Some(token.created_at),
        expires_at: token.expires_at,
        disabled_at: token.disabled_at,
        scopes: token.policy.scopes,
        cidrs: token.policy.cidrs,
        methods: token.policy.methods,
        rate: token.policy.rate,
        quota: token.policy.quota,
        owner: token.labels.owner,
        purpose: token.labels.purpose,
        tags: token.labels.tags,
        previous: previous.map(|previous| ExportedValue {
            hash: previous.hash,
            prefix: previous.prefix.to_string(),
            valid_until: previous.valid_until,
        }),
    }
}

fn imported(token: ExportedToken) -> Result<ImportToken, ControlError> {
    let prefix = |text: &str| -> Result<DisplayPrefix, ControlError> {
        text.parse().map_err(|_| ControlError::Invalid {
            detail: format!(
                "the prefix of the token `{}` is not the first 11 characters of a runtime token",
                token.name
            ),
            hint: "such as jfn_rt_abc1",
        })
    };
    let (policy, labels) = (token.policy(), token.labels());
    Ok(ImportToken {
        prefix: prefix(&token.prefix)?,
        previous: match &token.previous {
            None => None,
            Some(previous) => Some(PreviousTokenValue {
                hash: previous.hash,
                prefix: prefix(&previous.prefix)?,
                valid_until: previous.valid_until,
                last_used_at: None,
            }),
        },
        id: token.id,
        name: token.name,
        hash: token.hash,
        created_at: token.created_at,
        expires_at: token.expires_at,
        disabled_at: token.disabled_at,
        policy,
        labels,
    })
}

fn item(name: jelou_core::TokenName, outcome: &Imported) -> ImportedToken {
    let (id, outcome, reason) = match outcome {
        Imported::Added { token, former } => {
            let outcome = match former {
                Some(_) => ImportOutcome::Replaced,
                None => ImportOutcome::Imported,
            };
            (Some(token.id.clone()), outcome, None)
        }
        Imported::AlreadyHere(id) => (Some(id.clone()), ImportOutcome::AlreadyHere, None),
        Imported::Clash(reason) => (None, ImportOutcome::Clash, Some(reason.clone())),
    };
    ImportedToken {
        name,
        id,
        outcome,
        reason,
    }
}

/// # Errors
/// Some tokens clash. The error names each.
fn refuse_clashes(report: &ImportReport) -> Result<(), ControlError> {
    let clashes: Vec<_> = report
        .items
        .iter()
        .filter_map(|item| Some(format!("\n`{}`: {}", item.name, item.reason.as_ref()?)))
        .collect();
    if clashes.is_empty() {
        return Ok(());
    }
    Err(ControlError::Clashes(clashes.concat()))
}

fn of_token(name: &jelou_core::TokenName, error: &ControlError) -> ControlError {
    ControlError::TokenRule(format!("the token `{name}`: {error}"))
}
