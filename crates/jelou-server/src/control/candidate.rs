//! A deployment that may go live next: its processes run and have loaded it, and it has passed its smoke calls.
//!
//! Nothing is stored yet. If a step fails, the candidate is dropped, its processes end, and the live deployment stays.

use std::sync::Arc;

use jelou_core::SmokeCall;
use jelou_engine::{LeaseError, Warm};
use jelou_store::SecretRecord;

use super::{Control, ControlError, smoke};
use crate::registry::{Function, Live, Settings};

#[derive(Debug)]
pub(crate) struct Candidate {
    /// `None` after the deployment went live.
    live: Option<Arc<Live>>,
    /// Keeps the processes running until they get calls.
    warm: Warm,
    /// The secrets that the processes have.
    secrets: Arc<Vec<SecretRecord>>,
    /// The settings that the processes were started with.
    settings: Arc<Settings>,
}

impl Control {
    /// Starts as many processes as the live deployment has, but at least `least`, `keep_warm`, and one for smoke calls.
    /// Then sends the smoke calls.
    pub(crate) async fn prepare(
        &self,
        function: &Function,
        live: Live,
        smoke: &[SmokeCall],
        least: usize,
    ) -> Result<Candidate, ControlError> {
        let secrets = function.secrets.load_full();
        let settings = function.settings();
        let running = match function.live.load().as_ref() {
            Some(live) => live.slot.running(),
            None => 0,
        };
        // A smoke call needs a process, even if the function has none running.
        let wanted = running
            .max(usize::from(!smoke.is_empty()))
            .max(least)
            .max(live.slot.spec().keep_warm);
        let live = Arc::new(live);
        let mut candidate = Candidate {
            live: Some(Arc::clone(&live)),
            warm: Warm::default(),
            secrets,
            settings,
        };
        if wanted > 0 {
            match live.slot.warm(wanted).await {
                Ok(warm) => candidate.warm = warm,
                Err(error @ LeaseError::NoRoom { .. }) if smoke.is_empty() => {
                    tracing::warn!(function = %function.slug, %error, "a deployment goes live without a process");
                }
                Err(error @ LeaseError::Start(_)) => {
                    return Err(ControlError::Rejected(format!(
                        "the deployment cannot start: {}",
                        error.detail()
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
        smoke::check(&self.gateway, function, &live, smoke).await?;
        Ok(candidate)
    }

    /// Returns the candidate, or a new one if the function's secrets or settings have changed since. The caller runs
    /// inside [`Control::change`], so they cannot change again.
    pub(super) async fn refreshed(
        &self,
        function: &Function,
        candidate: Candidate,
    ) -> Result<Candidate, ControlError> {
        match &candidate.live {
            Some(live) if candidate.is_outdated(function) => {
                let live = self.with_new_slot(function, live);
                self.prepare(function, live, &[], 0).await
            }
            _ => Ok(candidate),
        }
    }
}

impl Candidate {
    /// Ends the processes, and returns the deployment.
    pub(super) fn without_processes(mut self) -> Option<Arc<Live>> {
        let live = self.live.take()?;
        let retired = Arc::clone(&live);
        tokio::spawn(async move { retired.slot.retire().await });
        Some(live)
    }

    fn is_outdated(&self, function: &Function) -> bool {
        !Arc::ptr_eq(&self.secrets, &function.secrets.load_full())
            || !Arc::ptr_eq(&self.settings, &function.settings())
    }

    /// Makes the deployment live, and returns the replaced one.
    pub(crate) fn activate(mut self, function: &Function) -> Option<Arc<Live>> {
        let live = self.live.take()?;
        let replaced = function.live.swap(Some(live));
        // Calls keep the processes running from here on.
        drop(std::mem::take(&mut self.warm));
        replaced
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            tokio::spawn(async move { live.slot.retire().await });
        }
    }
}
