//! Patterns for assets, the files that a function reads by path.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};

use super::SourceError;

/// Patterns of assets, relative to the project's folder. `*` matches within a folder, `**` across folders. A folder
/// matches all files in it.
#[derive(Debug, Clone, Default)]
pub struct AssetPatterns {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    file: GlobMatcher,
    in_folder: GlobMatcher,
}

impl AssetPatterns {
    /// Returns the valid patterns, and an error for each invalid pattern.
    pub fn parse(patterns: &[String]) -> (Self, Vec<SourceError>) {
        let mut errors = Vec::new();
        let mut parsed = Vec::new();
        for text in patterns {
            match Pattern::parse(text) {
                Ok(pattern) => parsed.push(pattern),
                Err(reason) => errors.push(SourceError::AssetPattern {
                    pattern: text.escape_debug().to_string(),
                    reason,
                }),
            }
        }
        (Self { patterns: parsed }, errors)
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    pub fn matches(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(path))
    }

    /// Returns the assets among the paths, and an error for each pattern that matches no path.
    pub fn select<'a>(
        &self,
        paths: impl Iterator<Item = &'a str> + Clone,
    ) -> (BTreeSet<String>, Vec<SourceError>) {
        let unmatched = self
            .patterns
            .iter()
            .filter(|pattern| !paths.clone().any(|path| pattern.matches(path)))
            .map(|pattern| SourceError::NoAsset(pattern.text.escape_debug().to_string()))
            .collect();
        let assets = paths.filter(|path| self.matches(path));
        (assets.map(str::to_owned).collect(), unmatched)
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let plain = text.strip_prefix("./").unwrap_or(text);
        let plain = plain.strip_suffix('/').unwrap_or(plain);
        if plain.is_empty() || plain.starts_with('/') || plain.split('/').any(|part| part == "..") {
            return Err("it must be relative to the project's folder and stay in it".to_owned());
        }
        let glob = |pattern: &str| {
            GlobBuilder::new(pattern)
                .literal_separator(true)
                .build()
                .map(|glob| glob.compile_matcher())
                .map_err(|error| error.kind().to_string())
        };
        Ok(Self {
            file: glob(plain)?,
            in_folder: glob(&format!("{plain}/**"))?,
            text: text.to_owned(),
        })
    }

    fn matches(&self, path: &str) -> bool {
        self.file.is_match(path) || self.in_folder.is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(patterns: &[&str]) -> (AssetPatterns, Vec<SourceError>) {
        let patterns: Vec<_> = patterns.iter().map(|text| (*text).to_owned()).collect();
        AssetPatterns::parse(&patterns)
    }

    #[test]
    fn patterns_match_files_and_folders() {
        for (pattern, path, matches) in [
            ("templates/**", "templates/es/mail.html", true),
            ("templates", "templates/mail.html", true),
            ("./templates/", "templates/mail.html", true),
            ("templates/*.html", "templates/mail.html", true),
            ("templates/*.html", "templates/es/mail.html", false),
            ("**/*.sql", "db/schema.sql", true),
            ("**/*.sql", "schema.sql", true),
            ("*.{txt,md}", "a.md", true),
            ("plantillas/función.html", "plantillas/función.html", true),
            ("temp", "templates/mail.html", false),
        ] {
            let (parsed, errors) = parse(&[pattern]);
            assert_eq!(errors, [], "{pattern}");
            assert_eq!(parsed.matches(path), matches, "{pattern} {path}");
        }
    }

    #[test]
    fn every_bad_pattern_is_reported() {
        let (parsed, errors) = parse(&["../x", "/etc/*", "a.txt", "[", "", "b/**", "c"]);
        assert_eq!(errors.len(), 4, "{errors:?}");
        let (selected, unmatched) = parsed.select(["a.txt", "x"].into_iter());
        assert_eq!(selected, BTreeSet::from(["a.txt".to_owned()]));
        assert_eq!(unmatched.len(), 2, "{unmatched:?}");
    }
}
