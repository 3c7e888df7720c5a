//! The trust policies, by issuer. There may be a thousand policies, and an exchange needs only those of one issuer.

use std::collections::HashMap;
use std::sync::Arc;

use jelou_store::TrustRecord;

#[derive(Debug, Default)]
pub(crate) struct TrustPolicies {
    /// Each oldest first.
    by_issuer: HashMap<String, Vec<Arc<TrustRecord>>>,
    count: usize,
}

impl TrustPolicies {
    pub(crate) fn new(policies: Vec<TrustRecord>) -> Self {
        let count = policies.len();
        let mut by_issuer: HashMap<String, Vec<Arc<TrustRecord>>> = HashMap::new();
        for policy in policies {
            let issuer = policy.terms.issuer_url.clone();
            by_issuer.entry(issuer).or_default().push(Arc::new(policy));
        }
        Self { by_issuer, count }
    }

    /// Returns the policies of the issuer with this URL.
    pub(crate) fn of(&self, issuer_url: &str) -> &[Arc<TrustRecord>] {
        self.by_issuer.get(issuer_url).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }
}
