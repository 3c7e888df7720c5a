//! Trust policies: list, creation and deletion.

use std::collections::BTreeMap;
use std::sync::Arc;

use jelou_core::api::{CreateTrust, TrustPolicy};
use jelou_core::trust::Issuer;
use jelou_core::{Scope, TokenName};
use jelou_store::{Actor, Readable, TrustTerms};

use super::unapplied::{Part, all_read};
use super::{Control, ControlError};
use crate::oidc;
use crate::registry::TrustPolicies;

const MAX_POLICIES: usize = 1_000;

impl Control {
    pub(crate) async fn trust_policies(&self) -> Result<Readable<TrustPolicy>, ControlError> {
        let policies = self.store.trust_policies().await?;
        Ok(policies.map(TrustPolicy::from))
    }

    pub(crate) async fn trust_policy(&self, reference: &str) -> Result<TrustPolicy, ControlError> {
        Ok(self.store.trust_policy(reference).await?.into())
    }

    pub(crate) async fn create_trust(
        self: &Arc<Self>,
        actor: Actor,
        new: CreateTrust,
    ) -> Result<TrustPolicy, ControlError> {
        let (name, terms, pinned) = checked(new)?;
        self.change(|control| async move {
            if control.registry.trust.load().count() >= MAX_POLICIES {
                return Err(invalid(
                    format!("there are {MAX_POLICIES} trust policies already"),
                    "delete those that are not used: `jelou trust list` shows the last exchange of each",
                ));
            }
            if let Some(call) = &terms.call {
                control.store.function_id(&call.function).await?;
            }
            let policy = control.store.create_trust(&actor, name, terms, pinned).await?;
            control.reload_trust().await?;
            Ok(policy.into())
        })
        .await
    }

    /// Deletes a policy. Tokens that were exchanged under the policy become invalid now.
    pub(crate) async fn delete_trust(
        self: &Arc<Self>,
        actor: Actor,
        reference: String,
    ) -> Result<(), ControlError> {
        self.change(|control| async move {
            let (_, ended) = control.store.delete_trust(&actor, &reference).await?;
            control.reload_trust().await?;
            for token in &ended {
                control.end_exchanged(token);
            }
            Ok(())
        })
        .await
    }

    /// Loads the policies and the tokens that were exchanged under them. Those that cannot be read are left out.
    ///
    /// # Errors
    /// [`ControlError::Unreadable`] names the rows that were left out; the others are loaded. [`ControlError::Store`].
    pub(crate) async fn load_trust(&self) -> Result<(), ControlError> {
        let policies = self.store.trust_policies().await?;
        let known = TrustPolicies::new(policies.rows);
        self.registry.trust.store(Arc::new(known));
        self.load_exchanged().await?;
        all_read(&policies.unreadable)
    }

    /// Loads the exchanged tokens, and ends those that do not exist any more.
    ///
    /// # Errors
    /// Those of [`Self::load_trust`].
    pub(super) async fn load_exchanged(&self) -> Result<(), ControlError> {
        let exchanged = self.store.exchanged_tokens().await?;
        self.retain_exchanged(&exchanged.rows);
        for token in &exchanged.rows {
            self.put_exchanged(token);
        }
        all_read(&exchanged.unreadable)
    }

    /// Loads the policies that can be read.
    pub(super) async fn reload_trust(&self) -> Result<(), ControlError> {
        let policies = self.store.trust_policies().await?.rows;
        let known = TrustPolicies::new(policies);
        self.registry.trust.store(Arc::new(known));
        Ok(())
    }

    /// Loads the trust policies at the start of the server.
    pub(crate) async fn start_trust(&self) -> Result<(), ControlError> {
        self.unapplied.note(Part::Trust, self.load_trust().await)
    }
}

fn invalid(detail: impl Into<String>, hint: &'static str) -> ControlError {
    ControlError::Invalid {
        detail: detail.into(),
        hint,
    }
}

/// Returns the parts of a new policy if they are valid.
fn checked(
    new: CreateTrust,
) -> Result<(TokenName, TrustTerms, BTreeMap<String, String>), ControlError> {
    let url = new.issuer_url.as_deref().or(new.issuer.default_url());
    let Some(issuer_url) = url else {
        return Err(invalid(
            "the issuer has no URL",
            "send issuerUrl: the `iss` of its identity tokens",
        ));
    };
    if !oidc::is_allowed(issuer_url) {
        return Err(invalid(
            format!(
                "the issuer is `{}`; it must be an https:// URL",
                issuer_url.escape_debug()
            ),
            "keys that are fetched without TLS can be forged",
        ));
    }
    if new.audience.trim().is_empty() {
        return Err(invalid(
            "the audience is empty",
            "use the address of this server: an identity token for another server must not work here",
        ));
    }
    new.conditions.validate(new.issuer).map_err(|error| {
        invalid(
            error.to_string(),
            "docs/ci.md has the conditions of each issuer",
        )
    })?;
    match (&new.scopes, &new.call) {
        (Some(scopes), None) if !scopes.is_empty() => {}
        (None, Some(_)) => {}
        _ => {
            return Err(invalid(
                "a policy is for an access token (scopes) or for a runtime token (call): give one of them",
                "for instance the scope deploy:mi-funcion",
            ));
        }
    }
    // Access tokens that a pipeline creates would outlive the pipeline's access, so no policy has this scope.
    if new
        .scopes
        .as_ref()
        .is_some_and(|scopes| scopes.allows(&Scope::Admin))
    {
        return Err(invalid(
            "a trust policy cannot have the scope `admin`",
            "a pipeline with this scope could create access tokens that never expire; use the scopes that it needs, such as deploy:mi-funcion",
        ));
    }
    let mut conditions = new.conditions;
    // Ids that the request names are pinned from the start.
    let pinned: BTreeMap<_, _> = new
        .issuer
        .pinned_claims()
        .iter()
        .filter_map(|claim| conditions.claims.remove_entry(*claim))
        .collect();
    let name = match new.name {
        Some(name) => name,
        None => name_for(new.issuer, conditions.repository.as_deref())?,
    };
    let terms = TrustTerms {
        issuer: new.issuer,
        issuer_url: issuer_url.to_owned(),
        audience: new.audience,
        conditions,
        scopes: new.scopes,
        call: new.call,
    };
    Ok((name, terms, pinned))
}

fn name_for(issuer: Issuer, repository: Option<&str>) -> Result<TokenName, ControlError> {
    let repository = repository.unwrap_or_default().to_ascii_lowercase();
    let name = format!("{issuer}-{repository}").replace(|c: char| !is_name_character(c), "-");
    name.trim_end_matches('-').parse().map_err(|error| {
        invalid(
            format!("no name can be made from the repository: {error}"),
            "give the policy a name",
        )
    })
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-')
}
