//! The parts of the database's state that this server could not apply, for instance because a newer version has written
//! a value that this one cannot read. The former state of such a part stays in use, but a token or trust policy that
//! cannot be read gives no access. The server retries the part at least every [`RETRY`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jelou_core::Slug;
use jelou_store::{DatabaseError, Parts, StoreError};

use super::ControlError;

/// The pause before a part that could not be applied is retried. The next change also retries it.
const RETRY: Duration = Duration::from_secs(5);
/// How many parts a server reports to the others, and the characters of each.
const MAX_REPORTED: usize = 10;
const MAX_CHARACTERS: usize = 300;

/// A part of the state, as in [`Parts`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Function(Slug),
    OrganisationSecrets,
    AccessTokens,
    Trust,
    ExchangedTokens,
    Schedules,
    IdentityKeys,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(slug) => write!(f, "the function `{slug}`"),
            Self::OrganisationSecrets => f.write_str("the secrets of the organisation"),
            Self::AccessTokens => f.write_str("the access tokens"),
            Self::Trust => f.write_str("the trust policies"),
            Self::ExchangedTokens => f.write_str("the exchanged tokens"),
            Self::Schedules => f.write_str("the pauses of schedules"),
            Self::IdentityKeys => f.write_str("the keys of identity tokens"),
        }
    }
}

#[derive(Debug)]
struct Failure {
    tried: Instant,
    reason: String,
}

/// The parts that could not be applied, each with the last attempt.
#[derive(Debug, Default)]
pub(super) struct Unapplied(Mutex<BTreeMap<Part, Failure>>);

impl Unapplied {
    /// Notes whether a part was applied.
    ///
    /// # Errors
    /// The error of the attempt, if the database does not answer: then the caller retries everything.
    pub(super) fn note(
        &self,
        part: Part,
        applied: Result<(), ControlError>,
    ) -> Result<(), ControlError> {
        let error = match applied {
            Ok(()) => {
                self.lock().remove(&part);
                return Ok(());
            }
            Err(error) if is_unavailable(&error) => return Err(error),
            Err(error) => error,
        };
        let reason = with_causes(&error);
        let failure = Failure {
            tried: Instant::now(),
            reason: reason.clone(),
        };
        let described = part.to_string();
        let former = self.lock().insert(part, failure);
        if former.is_none_or(|former| former.reason != reason) {
            tracing::error!(
                reason,
                "cannot apply {described}; its former state goes on serving, and access that cannot be read is refused"
            );
        }
        Ok(())
    }

    pub(super) fn is_retry_due(&self) -> bool {
        let failures = self.lock();
        failures
            .values()
            .any(|failure| failure.tried.elapsed() >= RETRY)
    }

    /// Adds the parts, to retry them.
    pub(super) fn add_to(&self, parts: &mut Parts) {
        for part in self.lock().keys() {
            match part {
                Part::Function(slug) => {
                    parts.functions.insert(slug.clone());
                }
                Part::OrganisationSecrets => parts.organisation_secrets = true,
                Part::AccessTokens => parts.access_tokens = true,
                Part::Trust => parts.trust = true,
                Part::ExchangedTokens => parts.exchanged_tokens = true,
                Part::Schedules => parts.schedules = true,
                Part::IdentityKeys => parts.identity_keys = true,
            }
        }
    }

    /// Returns the number of functions, and the number of other parts.
    pub(super) fn counts(&self) -> (usize, usize) {
        let failures = self.lock();
        let functions = failures.keys();
        let functions = functions.filter(|part| matches!(part, Part::Function(_)));
        let functions = functions.count();
        (functions, failures.len() - functions)
    }

    /// Describes each part in one line.
    pub(super) fn described(&self) -> Vec<String> {
        let failures = self.lock();
        let lines = failures.iter().take(MAX_REPORTED);
        let lines = lines.map(|(part, failure)| format!("{part}: {}", failure.reason));
        let one_line = |line: String| {
            let line = line.replace(char::is_control, " ");
            line.chars().take(MAX_CHARACTERS).collect()
        };
        lines.map(one_line).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Part, Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns an error that contains all reasons why rows cannot be read, if there are any.
pub(super) fn all_read(unreadable: &[DatabaseError]) -> Result<(), ControlError> {
    if unreadable.is_empty() {
        return Ok(());
    }
    let reasons: Vec<_> = unreadable.iter().map(ToString::to_string).collect();
    Err(ControlError::Unreadable(reasons.join("; ")))
}

fn is_unavailable(error: &ControlError) -> bool {
    matches!(
        error,
        ControlError::Store(StoreError::Database(DatabaseError::Unavailable(_)))
    )
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
