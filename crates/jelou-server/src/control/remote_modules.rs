//! Remote modules between two deploys of a function: the next build reuses those of the last deploy, and a deploy warns
//! about those that have changed.

use jelou_core::Slug;
use jelou_core::api::Dependency;
use jelou_engine::AssetFiles;

use super::{Control, ControlError};

impl Control {
    /// Returns the packages and remote modules of the live deployment.
    pub(super) async fn live_dependencies(
        &self,
        slug: &Slug,
    ) -> Result<Vec<Dependency>, ControlError> {
        let (Some(function), Some(live)) = (
            self.registry.function(slug.as_str()),
            self.registry.live(slug),
        ) else {
            return Ok(Vec::new());
        };
        let deployment = &live.slot.spec().deployment;
        let deployment = self.store.deployment(&function.id, deployment).await?;
        Ok(deployment.dependencies)
    }

    /// Keeps the remote modules for the next deploy. If that fails, the next deploy downloads them.
    pub(super) fn keep_remote_modules(&self, slug: &Slug, files: &AssetFiles) {
        if let Err(error) = self.engine.keep_remote_modules(slug, files) {
            tracing::warn!(%error, function = %slug, "cannot keep the remote modules of a deploy");
        }
    }
}

/// Maximum number of changed modules that a warning names.
const MAX_CHANGED: usize = 5;

/// Returns a warning that names the remote modules whose content on their host has changed since the live deployment
/// was built.
pub(super) fn changed_modules(live: &[Dependency], now: &[Dependency]) -> Option<String> {
    let changed: Vec<_> = now
        .iter()
        .filter(|new| {
            let is_before = |old: &&Dependency| old.specifier == new.specifier;
            new.specifier.starts_with("https:")
                && live.iter().find(is_before).is_some_and(|old| old != *new)
        })
        .map(|new| format!("\n  {}", new.specifier))
        .collect();
    if changed.is_empty() {
        return None;
    }
    let more = changed.len().saturating_sub(MAX_CHANGED);
    let more = if more > 0 {
        format!("\n  and {more} more")
    } else {
        String::new()
    };
    let shown = changed[..changed.len().min(MAX_CHANGED)].concat();
    Some(format!(
        "these remote modules have another content than in the live deployment; commit a \
         deno.lock to keep the content:{shown}{more}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_modules_are_named() {
        let dependency = |specifier: &str, digest: &str| Dependency {
            specifier: specifier.to_owned(),
            integrity: Some(digest.to_owned()),
        };
        let urls: Vec<_> = (0..8)
            .map(|n| format!("https://a.example/{n}.ts"))
            .collect();
        let live: Vec<_> = urls.iter().map(|url| dependency(url, "sha256-a")).collect();
        assert_eq!(changed_modules(&live, &live), None);
        assert_eq!(changed_modules(&[], &live), None);
        let mut now = live.clone();
        for module in &mut now[1..] {
            *module = dependency(&module.specifier, "sha256-b");
        }
        let text = changed_modules(&live, &now).unwrap();
        assert!(
            text.contains("\n  https://a.example/5.ts\n  and 2 more"),
            "{text}"
        );
        assert!(!text.contains("/0.ts") && !text.contains("/6.ts"), "{text}");
        let npm = [dependency("npm:a@1.0.0", "sha512-a")];
        assert_eq!(
            changed_modules(&npm, &[dependency("npm:a@1.0.0", "sha512-b")]),
            None
        );
    }
}
