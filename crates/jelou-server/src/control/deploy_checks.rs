//! Checks of a deploy besides its files: the request, and the limits of the manifest.

use jelou_core::api::{DeployRequest, PlannedSchedule};
use jelou_core::provenance::{self, MAX_TAG_BYTES};
use jelou_core::{Manifest, Provenance, Slug, SmokeCall, SourceTree};
use serde_json::{Map, Value};

use super::{Control, ControlError};
use crate::cron;

/// The description of the deployment in the request.
pub(super) struct Note {
    pub(super) provenance: Provenance,
    pub(super) message: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) pinned: bool,
}

impl Note {
    /// # Errors
    /// The tag is not valid.
    pub(super) fn of(request: &DeployRequest) -> Result<Self, ControlError> {
        Ok(Self {
            provenance: request.provenance.clone().cleaned(),
            message: request.message.as_deref().and_then(provenance::clean),
            tag: checked_tag(request.tag.clone())?,
            pinned: request.pin,
        })
    }
}

impl Control {
    /// Returns the schedules of a manifest, with their next due times.
    ///
    /// # Errors
    /// [`ControlError::Schedules`] if a schedule cannot run.
    pub(crate) fn planned_schedules(
        &self,
        manifest: &Manifest,
        tree: &SourceTree,
        settings: &Map<String, Value>,
    ) -> Result<Vec<PlannedSchedule>, ControlError> {
        let upload = cron::check::Upload { tree, settings };
        let (settings, now) = (self.cron.settings(), self.clock.now());
        cron::check::planned(manifest, &upload, settings, now).map_err(ControlError::Schedules)
    }

    pub(crate) fn check_limits(
        &self,
        slug: &Slug,
        manifest: &Manifest,
    ) -> Result<(), ControlError> {
        let limits = self.limits_of(slug);
        let limit = limits.max_request_timeout_ms;
        for tool in &manifest.tools {
            if let Some(timeout) = tool.timeout_ms.filter(|timeout| *timeout > limit) {
                return Err(ControlError::Invalid {
                    detail: format!(
                        "`{}` has a timeout of {timeout} ms; the limit is {limit} ms ({})",
                        tool.name,
                        limits.describe("max_request_timeout_ms")
                    ),
                    hint: "set a smaller `config.timeout`",
                });
            }
        }
        Ok(())
    }

    /// Returns a warning if the function configures more warm processes than the operator allows.
    pub(super) fn keeps_fewer(&self, manifest: &Manifest) -> Option<String> {
        let (wanted, most) = (manifest.keep_warm, self.engine.limits().max_keep_warm);
        (wanted > most).then(|| {
            format!("keepWarm is {wanted}; this server keeps {most} (limits.max_keep_warm, a server setting)")
        })
    }
}

/// # Errors
/// There are too many calls, or one is not valid.
pub(super) fn check_smoke(calls: &[SmokeCall]) -> Result<(), ControlError> {
    const MAX: usize = 20;
    if calls.len() > MAX {
        return Err(ControlError::Invalid {
            detail: format!("there are {} smoke calls; the limit is {MAX}", calls.len()),
            hint: "leave some out",
        });
    }
    calls.iter().try_for_each(|call| {
        call.check().map_err(|error| ControlError::Invalid {
            detail: format!("the smoke call `{call}` is not valid: {error}"),
            hint: "nothing was changed",
        })
    })
}

fn checked_tag(tag: Option<String>) -> Result<Option<String>, ControlError> {
    let Some(tag) = tag else { return Ok(None) };
    let is_valid = !tag.is_empty()
        && tag.len() <= MAX_TAG_BYTES
        && !tag.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_valid {
        return Ok(provenance::clean(&tag));
    }
    Err(ControlError::Invalid {
        detail: format!("the tag must have 1 to {MAX_TAG_BYTES} bytes, without spaces"),
        hint: "for example v1.4.0; `--message` takes a text",
    })
}

/// Returns the OpenAPI document that the settings name.
pub(crate) fn openapi_of(
    settings: &Map<String, Value>,
    tree: &SourceTree,
) -> Result<Option<Value>, ControlError> {
    let Some(path) = settings.get("openapi").and_then(Value::as_str) else {
        return Ok(None);
    };
    let path = path.strip_prefix("./").unwrap_or(path);
    let invalid = |detail: String| ControlError::Invalid {
        detail,
        hint: "`openapi` in jelou.json is the path of a JSON file with an OpenAPI document",
    };
    let file = tree
        .file(path)
        .ok_or_else(|| invalid(format!("there is no file `{path}` in the upload")))?;
    let document: Value = serde_json::from_slice(&file.content)
        .map_err(|error| invalid(format!("`{path}` is not JSON: {error}")))?;
    if document
        .get("openapi")
        .is_none_or(|version| !version.is_string())
    {
        return Err(invalid(format!(
            "`{path}` has no member `openapi` with the version"
        )));
    }
    Ok(Some(document))
}
