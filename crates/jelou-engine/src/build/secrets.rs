//! The secrets of a function during its build. Code gets them when the bundle is imported. The manifest, which is
//! public, and messages must not contain them.

use std::collections::BTreeMap;
use std::fmt;

use jelou_core::Manifest;
use serde_json::Value;
use zeroize::Zeroizing;

use super::error::BuildError;

/// Minimum length of a secret that is searched for. A shorter value, such as `true`, occurs in many texts by chance.
const MIN_SEARCHED_CHARS: usize = 8;

pub(super) struct BuildSecrets(BTreeMap<String, Zeroizing<String>>);

impl fmt::Debug for BuildSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl BuildSecrets {
    pub(super) fn new(secrets: BTreeMap<String, Zeroizing<String>>) -> Self {
        Self(secrets)
    }

    pub(super) fn env(&self) -> BTreeMap<&str, &str> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }

    /// Replaces the values of secrets in a text.
    pub(super) fn mask(&self, text: String) -> String {
        self.searched().fold(text, |text, (key, value)| {
            if text.contains(value) {
                text.replace(value, &format!("[secret {key}]"))
            } else {
                text
            }
        })
    }

    /// Checks that the manifest contains no secret.
    ///
    /// # Errors
    ///
    /// When a text in the manifest contains the value of a secret.
    pub(super) fn check_manifest(&self, manifest: &Manifest) -> Result<(), BuildError> {
        if self.searched().next().is_none() {
            return Ok(());
        }
        let value = serde_json::to_value(manifest).map_err(std::io::Error::from)?;
        match self.find(&value, &mut Vec::new()) {
            Some((key, place)) => Err(BuildError::SecretInManifest { key, place }),
            None => Ok(()),
        }
    }

    fn searched(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .filter(|(_, value)| value.chars().count() >= MIN_SEARCHED_CHARS)
    }

    /// Returns the key of the first secret in `value`, and its place.
    fn find(&self, value: &Value, path: &mut Vec<String>) -> Option<(String, String)> {
        let in_text = |text: &str, path: &[String]| {
            let (key, _) = self.searched().find(|(_, value)| text.contains(value))?;
            Some((key.to_owned(), path.join(".")))
        };
        match value {
            Value::String(text) => in_text(text, path),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .find_map(|(index, item)| self.find_at(index.to_string(), item, path)),
            Value::Object(fields) => fields.iter().find_map(|(name, field)| {
                in_text(name, path).or_else(|| self.find_at(name.clone(), field, path))
            }),
            _ => None,
        }
    }

    fn find_at(
        &self,
        name: String,
        value: &Value,
        path: &mut Vec<String>,
    ) -> Option<(String, String)> {
        path.push(name);
        let found = self.find(value, path);
        path.pop();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(pairs: &[(&str, &str)]) -> BuildSecrets {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Zeroizing::new((*value).to_owned())));
        BuildSecrets::new(pairs.collect())
    }

    #[test]
    fn values_of_eight_or_more_characters_are_found() {
        let secrets = secrets(&[("KEY", "ab\"cdefg"), ("SHORT", "1234567"), ("EMPTY", "")]);
        let find = |value: Value| secrets.find(&value, &mut Vec::new());
        let found = Some(("KEY".to_owned(), "tools.0.default".to_owned()));
        assert_eq!(
            find(serde_json::json!({"tools": [{"default": "xab\"cdefgx"}]})),
            found
        );
        assert!(find(serde_json::json!({"a": {"ab\"cdefg": 1}})).is_some());
        assert_eq!(find(serde_json::json!({"a": ["1234567", 8, null]})), None);
        assert_eq!(
            secrets.mask("x ab\"cdefg 1234567".to_owned()),
            "x [secret KEY] 1234567"
        );
    }
}
