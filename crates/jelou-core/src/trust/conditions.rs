//! The claims that a trust policy requires, and the pipeline events that are never accepted.
//!
//! GitHub's claims: <https://docs.github.com/en/actions/reference/security/oidc>; GitLab's:
//! <https://docs.gitlab.com/ci/secrets/id_token_authentication/>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Claims, Issuer, text_of};
use crate::printable::is_invisible;

/// The required claims of an identity token. All of them must match.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conditions {
    /// `owner/name` on GitHub, the path of the project on GitLab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "org/repo")]
    pub repository: Option<String>,
    /// The file of the pipeline: a name below `.github/workflows/` on GitHub, a path on GitLab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "deploy.yml")]
    pub workflow: Option<String>,
    /// The environment of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "production")]
    pub environment: Option<String>,
    /// The branch or tag, such as `refs/heads/main`.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    #[schema(example = "refs/heads/main")]
    pub git_ref: Option<String>,
    /// Other required claims with their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
}

/// The error for conditions that are too broad, or do not apply to the issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionsError {
    #[error("a policy for {0} needs a repository")]
    NoRepository(Issuer),
    #[error("the repository is `{0}`; write it as owner/name")]
    Repository(String),
    #[error("the workflow is `{0}`; write the name of its file, such as deploy.yml")]
    Workflow(String),
    #[error("{0} is a condition for github and gitlab; use a claim for other issuers")]
    OnlyForPipelines(&'static str),
    #[error("a policy for another issuer needs at least one claim, such as `sub`")]
    NoClaim,
    #[error("the claim `{0}` is always checked, and cannot be a condition")]
    Reserved(String),
    #[error("`{0}` contains a control character or an invisible character; remove it")]
    Invisible(String),
}

/// The error for an identity token whose claims do not match the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("the claim `{claim}` is {}, not `{wanted}`", shown(.found.as_deref()))]
    Claim {
        claim: String,
        wanted: String,
        found: Option<String>,
    },
    #[error(
        "`{claim}` is `{event}`: such a pipeline can run the code of a fork or of anybody who opens a pull request"
    )]
    Event { claim: &'static str, event: String },
    #[error(
        "the token is of the preview `{}`; anybody who may deploy previews can get such a token. A policy for the preview needs the condition `preview`",
        .0.escape_debug()
    )]
    Preview(String),
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(
        || "absent".to_owned(),
        |value| format!("`{}`", value.escape_debug()),
    )
}

/// The claim that only identity tokens of previews have.
const PREVIEW: &str = "preview";

impl Conditions {
    /// # Errors
    /// The first rule that the conditions break.
    pub fn validate(&self, issuer: Issuer) -> Result<(), ConditionsError> {
        for claim in ["iss", "aud", "exp", "nbf", "iat", "jti"] {
            if self.claims.contains_key(claim) {
                return Err(ConditionsError::Reserved(claim.to_owned()));
            }
        }
        let named = [
            &self.repository,
            &self.workflow,
            &self.environment,
            &self.git_ref,
        ];
        let texts = named.into_iter().flatten();
        for text in texts.chain(self.claims.iter().flat_map(|(name, value)| [name, value])) {
            if text.contains(|c: char| c.is_control() || is_invisible(c)) {
                return Err(ConditionsError::Invisible(text.escape_debug().to_string()));
            }
        }
        if issuer == Issuer::Other {
            let pipelines = [
                ("repository", &self.repository),
                ("workflow", &self.workflow),
                ("environment", &self.environment),
                ("ref", &self.git_ref),
            ];
            if let Some((name, _)) = pipelines.iter().find(|(_, value)| value.is_some()) {
                return Err(ConditionsError::OnlyForPipelines(name));
            }
            return if self.claims.is_empty() {
                Err(ConditionsError::NoClaim)
            } else {
                Ok(())
            };
        }
        let repository = self.repository.as_deref();
        let repository = repository.ok_or(ConditionsError::NoRepository(issuer))?;
        let parts: Vec<_> = repository.split('/').collect();
        let is_path = parts.iter().all(|part| !part.is_empty());
        if !is_path || parts.len() < 2 || (issuer == Issuer::Github && parts.len() > 2) {
            return Err(ConditionsError::Repository(repository.to_owned()));
        }
        match &self.workflow {
            Some(workflow) if workflow.is_empty() || workflow.contains('@') => {
                Err(ConditionsError::Workflow(workflow.clone()))
            }
            Some(workflow) if issuer == Issuer::Github && workflow.contains('/') => {
                Err(ConditionsError::Workflow(workflow.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Checks whether the policy accepts an identity token with these claims.
    ///
    /// # Errors
    /// The first claim that does not match.
    pub fn accept(&self, issuer: Issuer, claims: &Claims) -> Result<(), Mismatch> {
        match issuer {
            Issuer::Github => self.accept_github(claims)?,
            Issuer::Gitlab => self.accept_gitlab(claims)?,
            Issuer::Other => self.refuse_preview(claims)?,
        }
        for (claim, wanted) in &self.claims {
            require(claims, claim, wanted)?;
        }
        Ok(())
    }

    fn accept_github(&self, claims: &Claims) -> Result<(), Mismatch> {
        if let Some(repository) = &self.repository {
            require_name(claims, "repository", repository)?;
            if let Some(workflow) = &self.workflow {
                let wanted = format!("{repository}/.github/workflows/{workflow}");
                require_file(claims, "workflow_ref", &wanted)?;
            }
        }
        // `pull_request_target` and `workflow_run` run code from outside with the rights of the repository.
        self.refuse_events(
            claims,
            "event_name",
            &["pull_request_target", "workflow_run"],
            &["pull_request"],
        )?;
        if let Some(environment) = &self.environment {
            require(claims, "environment", environment)?;
        }
        match &self.git_ref {
            Some(git_ref) => require(claims, "ref", git_ref),
            None => Ok(()),
        }
    }

    fn accept_gitlab(&self, claims: &Claims) -> Result<(), Mismatch> {
        if let Some(repository) = &self.repository {
            require_name(claims, "project_path", repository)?;
            if let Some(workflow) = &self.workflow {
                // `gitlab.example.com/group/project//.gitlab-ci.yml@refs/heads/main`.
                let uri = text_of(claims, "ci_config_ref_uri");
                let file = uri.as_deref().and_then(|uri| uri.split_once("//"));
                let file = file.and_then(|(_, file)| file.rsplit_once('@'));
                if file.map(|(file, _)| file) != Some(workflow) {
                    return Err(Mismatch::Claim {
                        claim: "ci_config_ref_uri".to_owned(),
                        wanted: format!("...//{workflow}@..."),
                        found: uri,
                    });
                }
            }
        }
        self.refuse_events(
            claims,
            "pipeline_source",
            &[],
            &["merge_request_event", "external_pull_request_event"],
        )?;
        if let Some(environment) = &self.environment {
            require(claims, "environment", environment)?;
        }
        match &self.git_ref {
            Some(git_ref) => require(claims, "ref_path", git_ref),
            None => Ok(()),
        }
    }

    /// Refuses an identity token of a preview, unless a condition names the preview. The other claims of the token
    /// equal those of the live function.
    fn refuse_preview(&self, claims: &Claims) -> Result<(), Mismatch> {
        match text_of(claims, PREVIEW) {
            Some(preview) if !self.claims.contains_key(PREVIEW) => Err(Mismatch::Preview(preview)),
            _ => Ok(()),
        }
    }

    /// Refuses the events in `never`, and those in `unless_named` unless a condition requires the event.
    fn refuse_events(
        &self,
        claims: &Claims,
        claim: &'static str,
        never: &[&str],
        unless_named: &[&str],
    ) -> Result<(), Mismatch> {
        let event = text_of(claims, claim).unwrap_or_default();
        let is_named = self.claims.get(claim) == Some(&event);
        let is_refused = never.contains(&event.as_str())
            || (unless_named.contains(&event.as_str()) && !is_named);
        if is_refused {
            return Err(Mismatch::Event { claim, event });
        }
        Ok(())
    }
}

fn require(claims: &Claims, claim: &str, wanted: &str) -> Result<(), Mismatch> {
    compare(claims, claim, wanted, |found| found == wanted)
}

/// Compares the name of a repository, ignoring case.
fn require_name(claims: &Claims, claim: &str, wanted: &str) -> Result<(), Mismatch> {
    compare(claims, claim, wanted, |found| {
        found.eq_ignore_ascii_case(wanted)
    })
}

/// Compares the path in a claim of the form `path@ref`. The ref may be any.
fn require_file(claims: &Claims, claim: &str, wanted: &str) -> Result<(), Mismatch> {
    compare(claims, claim, wanted, |found| {
        found
            .split_once('@')
            .is_some_and(|(file, _)| file.eq_ignore_ascii_case(wanted))
    })
}

fn compare(
    claims: &Claims,
    claim: &str,
    wanted: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(), Mismatch> {
    let found = text_of(claims, claim);
    if found.as_deref().is_some_and(is_wanted) {
        return Ok(());
    }
    Err(Mismatch::Claim {
        claim: claim.to_owned(),
        wanted: wanted.to_owned(),
        found,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn claims(value: Value) -> Claims {
        let Value::Object(claims) = value else {
            panic!("{value}");
        };
        claims
    }

    fn changed(base: &Claims, claim: &str, value: Value) -> Claims {
        let mut claims = base.clone();
        claims.insert(claim.to_owned(), value);
        claims
    }

    #[test]
    fn github_with_each_claim_wrong_once() {
        let conditions = Conditions {
            repository: Some("Org/repo".to_owned()),
            workflow: Some("deploy.yml".to_owned()),
            environment: Some("production".to_owned()),
            git_ref: Some("refs/heads/main".to_owned()),
            claims: [("runner_environment".to_owned(), "github-hosted".to_owned())].into(),
        };
        conditions.validate(Issuer::Github).unwrap();
        let good = claims(json!({
            "repository": "org/Repo",
            "workflow_ref": "org/repo/.github/workflows/deploy.yml@refs/heads/main",
            "environment": "production",
            "ref": "refs/heads/main",
            "event_name": "push",
            "runner_environment": "github-hosted",
        }));
        let accept = |claims: &Claims| conditions.accept(Issuer::Github, claims);
        assert_eq!(accept(&good), Ok(()));
        for (claim, wrong) in [
            ("repository", "fork/repo"),
            ("repository", "org/repo2"),
            ("repository", "org/repo/"),
            (
                "workflow_ref",
                "org/repo/.github/workflows/other.yml@refs/heads/main",
            ),
            (
                "workflow_ref",
                "fork/repo/.github/workflows/deploy.yml@refs/heads/main",
            ),
            ("workflow_ref", "org/repo/.github/workflows/deploy.yml"),
            (
                "workflow_ref",
                "org/repo/.github/workflows/deploy.yml/x@refs/heads/main",
            ),
            ("environment", "staging"),
            ("environment", "Production"),
            ("ref", "refs/heads/main2"),
            ("event_name", "pull_request_target"),
            ("event_name", "workflow_run"),
            ("event_name", "pull_request"),
            ("runner_environment", "self-hosted"),
        ] {
            let error = accept(&changed(&good, claim, json!(wrong))).unwrap_err();
            assert!(
                error.to_string().contains(claim),
                "{claim} {wrong}: {error}"
            );
        }
        for claim in good.keys().filter(|claim| *claim != "event_name") {
            let mut without = good.clone();
            without.remove(claim);
            assert!(accept(&without).is_err(), "{claim}");
            assert!(
                accept(&changed(&good, claim, json!(["x"]))).is_err(),
                "{claim}"
            );
        }
    }

    #[test]
    fn a_pull_request_needs_a_condition_and_its_dangerous_form_is_never_accepted() {
        let with = |event: &str| Conditions {
            repository: Some("org/repo".to_owned()),
            claims: [("event_name".to_owned(), event.to_owned())].into(),
            ..Conditions::default()
        };
        let of = |event: &str| claims(json!({ "repository": "org/repo", "event_name": event }));
        let accept = |event: &str| with(event).accept(Issuer::Github, &of(event));
        assert_eq!(accept("pull_request"), Ok(()));
        assert!(accept("pull_request_target").is_err() && accept("workflow_run").is_err());
    }

    #[test]
    fn an_identity_token_of_a_preview_needs_a_condition() {
        let accept = |conditions: &[(&str, &str)], claimed: Value| {
            let pairs = conditions.iter();
            let conditions = Conditions {
                claims: pairs
                    .map(|(name, value)| ((*name).into(), (*value).into()))
                    .collect(),
                ..Conditions::default()
            };
            conditions.accept(Issuer::Other, &claims(claimed))
        };
        let live = json!({ "function": "a" });
        let preview = json!({ "function": "a", "preview": "pr-7" });
        let refused = Err(Mismatch::Preview("pr-7".to_owned()));
        assert_eq!(accept(&[("function", "a")], live), Ok(()));
        assert_eq!(accept(&[("function", "a")], preview.clone()), refused);
        let named = [("function", "a"), ("preview", "pr-7")];
        assert_eq!(accept(&named, preview.clone()), Ok(()));
        let other = [("function", "a"), ("preview", "pr-8")];
        assert!(accept(&other, preview).is_err());
    }

    #[test]
    fn gitlab_with_each_claim_wrong_once() {
        let conditions = Conditions {
            repository: Some("group/sub/project".to_owned()),
            workflow: Some(".gitlab-ci.yml".to_owned()),
            environment: Some("production".to_owned()),
            git_ref: Some("refs/heads/main".to_owned()),
            claims: [("ref_protected".to_owned(), "true".to_owned())].into(),
        };
        conditions.validate(Issuer::Gitlab).unwrap();
        let good = claims(json!({
            "project_path": "group/sub/project",
            "ci_config_ref_uri": "gitlab.com/group/sub/project//.gitlab-ci.yml@refs/heads/main",
            "environment": "production",
            "ref_path": "refs/heads/main",
            "pipeline_source": "push",
            "ref_protected": "true",
        }));
        let accept = |claims: &Claims| conditions.accept(Issuer::Gitlab, claims);
        assert_eq!(accept(&good), Ok(()));
        for (claim, wrong) in [
            ("project_path", "group/sub"),
            (
                "ci_config_ref_uri",
                "gitlab.com/group/sub/project//evil.yml@refs/heads/main",
            ),
            ("environment", "staging"),
            ("ref_path", "refs/heads/other"),
            ("pipeline_source", "merge_request_event"),
            ("pipeline_source", "external_pull_request_event"),
            ("ref_protected", "false"),
        ] {
            let error = accept(&changed(&good, claim, json!(wrong))).unwrap_err();
            assert!(
                error.to_string().contains(claim),
                "{claim} {wrong}: {error}"
            );
        }
    }

    #[test]
    fn conditions_that_are_too_broad_are_refused() {
        let none = Conditions::default();
        let with_claim = |claim: &str| Conditions {
            claims: [(claim.to_owned(), "x".to_owned())].into(),
            ..Conditions::default()
        };
        let with_repository = |repository: &str| Conditions {
            repository: Some(repository.to_owned()),
            ..Conditions::default()
        };
        assert_eq!(none.validate(Issuer::Other), Err(ConditionsError::NoClaim));
        assert_eq!(with_claim("sub").validate(Issuer::Other), Ok(()));
        assert!(with_claim("aud").validate(Issuer::Other).is_err());
        assert!(with_claim("sub").validate(Issuer::Github).is_err());
        assert!(with_repository("org/repo").validate(Issuer::Other).is_err());
        for hidden in [
            '\u{202e}',
            '\u{200b}',
            '\u{200d}',
            '\u{e0041}',
            '\u{2028}',
            '\u{9b}',
            '\n',
        ] {
            let text = format!("org/re{hidden}po");
            let refused = with_repository(&text).validate(Issuer::Github);
            assert!(
                matches!(refused, Err(ConditionsError::Invisible(_))),
                "{refused:?}"
            );
            assert!(!refused.unwrap_err().to_string().contains(hidden));
            assert!(with_claim(&text).validate(Issuer::Other).is_err());
        }
        for bad in ["", "repo", "org/", "/repo", "org/repo/x"] {
            assert!(
                with_repository(bad).validate(Issuer::Github).is_err(),
                "{bad}"
            );
        }
    }
}
