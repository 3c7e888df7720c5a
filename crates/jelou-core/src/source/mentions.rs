//! The file names that code mentions.

use std::collections::HashSet;

/// The parts of the code between quotes and slashes that look like file names, in lower case. An import of a file, or a
/// call that reads it, contains the file's name in this form.
#[derive(Debug, Default)]
pub struct Mentions(HashSet<String>);

impl Mentions {
    /// Adds the names that one file of code mentions.
    pub fn add(&mut self, code: &str) {
        let segments = code.split(['"', '\'', '`', '/', '\n', '?', '#']);
        let names = segments.filter(|segment| segment.contains('.') && segment.len() <= 255);
        self.0.extend(names.map(str::to_lowercase));
    }

    /// Whether the code mentions the file's name, in any folder.
    pub fn has(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.0.contains(&name.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_quotes_is_a_mention() {
        let mut mentions = Mentions::default();
        mentions.add(
            "import a from \"./lib/mail.txt\" with { type: \"text\" };\nread(join(dir, 'Lista de Precios.csv'));\n// see notes.md\n",
        );
        for (path, mentioned) in [
            ("lib/mail.txt", true),
            ("lista de precios.csv", true),
            ("notes.md", false),
            ("other.txt", false),
        ] {
            assert_eq!(mentions.has(path), mentioned, "{path}");
        }
    }
}
