//! The header `X-Jelou-Deployment`: selects the preview of a function that serves a deployment.

use std::sync::Arc;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use jelou_core::DeploymentId;

use super::Gateway;
use crate::registry::Function;

/// User code never receives this header. The same holds for all platform headers.
const DEPLOYMENT_HEADER: HeaderName = HeaderName::from_static("x-jelou-deployment");

/// Which deployment a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The request has a destination: the function at the address, or a preview.
    Found,
    /// The header names a deployment that neither is live nor has a preview.
    Unknown,
}

/// Replaces the function by its preview that serves the deployment named in the header.
pub(crate) fn select(
    gateway: &Gateway,
    function: &mut Option<Arc<Function>>,
    headers: &HeaderMap,
) -> Selection {
    let mut values = headers.get_all(DEPLOYMENT_HEADER).iter();
    let (Some(addressed), Some(value)) = (function.as_ref(), values.next()) else {
        return Selection::Found;
    };
    if values.next().is_some() {
        return Selection::Unknown;
    }
    let Some(deployment) = id(value) else {
        return Selection::Unknown;
    };
    let live = addressed.live.load();
    if live
        .as_ref()
        .is_some_and(|live| live.slot.spec().deployment == deployment)
    {
        return Selection::Found;
    }
    match addressed
        .previews
        .serving(&deployment, gateway.clock.now_ms())
    {
        Some(preview) => {
            *function = Some(preview);
            Selection::Found
        }
        None => Selection::Unknown,
    }
}

fn id(value: &HeaderValue) -> Option<DeploymentId> {
    value.to_str().ok()?.parse().ok()
}
