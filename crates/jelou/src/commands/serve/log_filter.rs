//! The log filter of `JELOU_LOG`.
//!
//! `tracing_subscriber` interprets any word as the name of a target, so a mistyped level would silence the server.
//! Here, a word without `=` must be a level. Targets that the filter does not name log at level `info`, unless it sets
//! another level.

use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Why a filter is invalid.
#[derive(Debug, thiserror::Error)]
#[error(
    "JELOU_LOG is `{text}`, and `{part}` is neither a level ({}) nor a target with a level, such as `function=debug`",
    LEVELS.join(", ")
)]
pub(super) struct BadFilter {
    text: String,
    part: String,
}

/// Parses a filter: a level, directives `target=level`, or both, separated by commas.
///
/// # Errors
/// [`BadFilter`], which names the invalid directive.
pub(super) fn parse(text: &str) -> Result<EnvFilter, BadFilter> {
    let bad = |part: &str| BadFilter {
        text: text.escape_debug().to_string(),
        part: part.escape_debug().to_string(),
    };
    let mut filter = EnvFilter::default();
    let mut has_level = false;
    for part in text.split(',').map(str::trim) {
        let (target, level) = match part.rsplit_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, part),
        };
        if !LEVELS.contains(&level.to_ascii_lowercase().as_str()) || target == Some("") {
            return Err(bad(part));
        }
        has_level |= target.is_none();
        let directive = match target {
            Some(target) => format!("{target}={level}"),
            None => level.to_owned(),
        };
        filter = filter.add_directive(directive.parse().map_err(|_| bad(part))?);
    }
    if !has_level {
        filter = filter.add_directive(tracing::Level::INFO.into());
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_and_targets_with_levels() {
        let shown = |text: &str| {
            let filter = parse(text).unwrap().to_string();
            let mut parts: Vec<_> = filter.split(',').map(str::to_owned).collect();
            parts.sort_unstable();
            parts.join(",")
        };
        assert_eq!(shown("warn"), "warn");
        assert_eq!(shown("WARN"), "warn");
        assert_eq!(shown("off"), "off");
        assert_eq!(shown("info, function=debug"), "function=debug,info");
        // All other targets keep the level `info`.
        assert_eq!(shown("function=debug"), "function=debug,info");
        assert_eq!(shown("sqlx::query=off"), "info,sqlx::query=off");
        assert_eq!(
            shown("jelou_server[call]=debug"),
            "info,jelou_server[call]=debug"
        );
    }

    #[test]
    fn anything_else_is_refused_with_the_part_that_is_wrong() {
        for (text, part) in [
            ("garbage", "garbage"),
            ("jelou=nope", "jelou=nope"),
            ("info,function", "function"),
            ("=debug", "=debug"),
            ("info,", ""),
            ("verbose,function=debug", "verbose"),
            ("function=", "function="),
            ("function:debug", "function:debug"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((&*error.text, &*error.part), (text, part));
            assert!(error.to_string().contains("error, warn, info"), "{error}");
        }
    }
}
