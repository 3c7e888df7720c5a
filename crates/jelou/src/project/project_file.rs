//! `jelou.json`: names the function of a folder, selects its files, and contains settings for the server.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fs_err as fs;
use jelou_core::{FunctionId, Slug, suggestion};
use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast, parse_to_serde_value};
use serde::de::DeserializeOwned;
use serde_json::Map;

use crate::exit::Failure;

pub(crate) const FILE_NAME: &str = "jelou.json";
const EXAMPLE: &str = r#"write it like {"function": "mi-funcion", "entrypoint": "index.ts"}"#;
const SCHEMA: &str = "https://jelou.ai/schemas/jelou.json";

/// The known members of the file.
const MEMBERS: [&str; 15] = [
    "$schema",
    "function",
    "id",
    "entrypoint",
    "assets",
    "include",
    "exclude",
    "public",
    "cors",
    "timeout",
    "cron",
    "env",
    "logs",
    "openapi",
    "keepWarm",
];
/// How many of the first [`MEMBERS`] the command line uses itself. The others are settings that the server applies.
const OWN_MEMBERS: usize = 7;

#[derive(Debug)]
pub(crate) struct ProjectFile {
    path: PathBuf,
    /// The text on the disk, with its comments and unknown members.
    text: String,
    settings: Settings,
    /// A warning for each unknown member, with its position.
    warnings: Vec<String>,
}

/// The members that the command line uses itself.
#[derive(Debug, Default)]
struct Settings {
    function: Option<Slug>,
    id: Option<FunctionId>,
    entrypoint: Option<String>,
    assets: Vec<String>,
    include: Vec<String>,
    exclude: Vec<String>,
}

impl ProjectFile {
    /// Reads the file. `None` if the folder has none.
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE_NAME);
        let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(
                    Failure::validation(format!("{} is not UTF-8 text", path.display())).into(),
                );
            }
            Err(error) => return Err(error.into()),
        };
        Self::parse(path, text).map(Some)
    }

    /// Parses JSON with comments, trailing commas and an optional byte order mark.
    fn parse(path: PathBuf, text: String) -> anyhow::Result<Self> {
        let source = Source::new(&path, &text);
        let parsed = parse_to_ast(source.json, &CollectOptions::default(), &OPTIONS)
            .map_err(|error| source.refuse(error.range(), &error.kind().to_string(), EXAMPLE))?;
        let object = match &parsed.value {
            Some(Value::Object(object)) => object,
            Some(other) => {
                return Err(source.refuse(other.range(), "it is not an object", EXAMPLE));
            }
            None => return Err(source.refuse(Range::new(0, 0), "it is empty", EXAMPLE)),
        };
        let settings = Settings {
            function: source.member(object, "function")?,
            id: source.member(object, "id")?,
            entrypoint: source.member(object, "entrypoint")?,
            assets: source.member(object, "assets")?.unwrap_or_default(),
            include: source.member(object, "include")?.unwrap_or_default(),
            exclude: source.member(object, "exclude")?.unwrap_or_default(),
        };
        let warnings = source.unknown_members(object)?;
        Ok(Self {
            path,
            text,
            settings,
            warnings,
        })
    }

    /// Creates a file in memory. [`ProjectFile::save`] writes it.
    pub(crate) fn new(
        folder: &Path,
        function: &Slug,
        id: Option<&FunctionId>,
        entrypoint: &str,
    ) -> anyhow::Result<Self> {
        let mut members = vec![("$schema", SCHEMA), ("function", function.as_str())];
        members.extend(id.map(|id| ("id", id.as_str())));
        members.push(("entrypoint", entrypoint));
        let members: Map<_, _> = members
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        let text = serde_json::to_string_pretty(&members)?;
        Self::parse(folder.join(FILE_NAME), format!("{text}\n"))
    }

    pub(crate) fn function(&self) -> Option<&Slug> {
        self.settings.function.as_ref()
    }

    pub(crate) fn id(&self) -> Option<&FunctionId> {
        self.settings.id.as_ref()
    }

    pub(crate) fn entrypoint(&self) -> Option<&str> {
        self.settings.entrypoint.as_deref()
    }

    /// Returns the patterns of the files that the function reads by path.
    pub(crate) fn assets(&self) -> &[String] {
        &self.settings.assets
    }

    /// Returns the patterns of files that are deployed although `.gitignore` excludes them.
    pub(crate) fn include(&self) -> &[String] {
        &self.settings.include
    }

    /// Returns the patterns of files that are not deployed.
    pub(crate) fn exclude(&self) -> &[String] {
        &self.settings.exclude
    }

    /// Returns the warnings about unknown members.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the members that the server applies.
    ///
    /// # Errors
    ///
    /// If the file is not JSON.
    pub(crate) fn settings(&self) -> anyhow::Result<Map<String, serde_json::Value>> {
        let (_, json) = split_mark(&self.text);
        let members = parse_to_serde_value(json, &OPTIONS)?;
        let Some(serde_json::Value::Object(mut members)) = members else {
            return Ok(Map::new());
        };
        members.retain(|key, _| MEMBERS[OWN_MEMBERS..].contains(&key.as_str()));
        Ok(members)
    }

    /// Sets the function's id in memory. [`ProjectFile::save`] writes it. A new member is inserted after `function`.
    pub(crate) fn set_id(&mut self, id: &FunctionId) -> anyhow::Result<()> {
        self.set("id", id.as_str())?;
        self.settings.id = Some(id.clone());
        Ok(())
    }

    /// Sets the entrypoint in memory. [`ProjectFile::save`] writes it.
    pub(crate) fn set_entrypoint(&mut self, entrypoint: &str) -> anyhow::Result<()> {
        self.set("entrypoint", entrypoint)?;
        self.settings.entrypoint = Some(entrypoint.to_owned());
        Ok(())
    }

    /// Changes one member. The rest of the text stays the same.
    fn set(&mut self, key: &str, value: &str) -> anyhow::Result<()> {
        let (mark, json) = split_mark(&self.text);
        let root = CstRootNode::parse(json, &OPTIONS)?;
        let object = root.object_value_or_set();
        let value = CstInputValue::String(value.to_owned());
        match object.get(key) {
            Some(member) => member.set_value(value),
            None => {
                let after = object
                    .get("function")
                    .map_or(0, |member| member.property_index() + 1);
                object.insert(after, key, value);
            }
        }
        self.text = format!("{mark}{root}");
        Ok(())
    }

    /// Returns the line, from 1, that contains this text as a whole JSON string.
    pub(crate) fn line_of(&self, text: &str) -> Option<usize> {
        let quoted = serde_json::to_string(text).ok()?;
        let lines = self.text.lines();
        let mut numbered = lines.zip(1..);
        numbered
            .find(|(line, _)| line.contains(&quoted))
            .map(|(_, number)| number)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Replaces the file atomically.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let permissions = match fs::metadata(&self.path) {
            Ok(file) => Some(file.permissions()),
            Err(_) => None,
        };
        let mut file = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        file.write_all(self.text.as_bytes())?;
        if let Some(permissions) = permissions {
            file.as_file().set_permissions(permissions)?;
        }
        file.persist(&self.path)
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(())
    }
}

/// The same options that Deno uses for its configuration.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Splits off the byte order mark, which may be empty.
fn split_mark(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches('\u{feff}').len())
}

/// The text of the file, used to find the positions of errors.
struct Source<'a> {
    path: &'a Path,
    json: &'a str,
}

impl<'a> Source<'a> {
    fn new(path: &'a Path, text: &'a str) -> Self {
        Self {
            path,
            json: split_mark(text).1,
        }
    }

    fn member<T: DeserializeOwned>(
        &self,
        object: &Object<'_>,
        key: &str,
    ) -> anyhow::Result<Option<T>> {
        let Some(member) = object.get(key) else {
            return Ok(None);
        };
        let range = member.value.range();
        let value = self.json.get(range.start..range.end).unwrap_or_default();
        parse_to_serde_value(value, &OPTIONS)
            .map(Some)
            .map_err(|error| {
                let reason = format!("`{key}`: {}", error.kind());
                self.refuse(range, &reason, EXAMPLE)
            })
    }

    /// Returns a warning for each unknown member.
    ///
    /// # Errors
    ///
    /// If an unknown member is probably a mistyped one.
    fn unknown_members(&self, object: &Object<'_>) -> anyhow::Result<Vec<String>> {
        let mut warnings = Vec::new();
        for member in &object.properties {
            let name = member.name.as_str();
            if MEMBERS.contains(&name) {
                continue;
            }
            let reason = format!("there is no setting `{}`", name.escape_debug());
            if let Some(meant) = suggestion::nearest(name, MEMBERS) {
                let hint = format!("did you mean `{meant}`?");
                return Err(self.refuse(member.range, &reason, &hint));
            }
            warnings.push(format!("{}: {reason}", self.place(member.range)));
        }
        Ok(warnings)
    }

    /// Returns the file, the line and the column. Both numbers start at 1.
    fn place(&self, range: Range) -> String {
        let before = self.json.get(..range.start).unwrap_or(self.json);
        let line = before.rsplit('\n').next().unwrap_or_default();
        format!(
            "{}:{}:{}",
            self.path.display(),
            before.matches('\n').count() + 1,
            line.chars().count() + 1
        )
    }

    fn refuse(&self, range: Range, reason: &str, hint: &str) -> anyhow::Error {
        Failure::validation(format!("{}: {reason}", self.place(range)))
            .hint(hint)
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<ProjectFile> {
        ProjectFile::parse(PathBuf::from("jelou.json"), text.to_owned())
    }

    #[test]
    fn the_id_is_written_and_the_rest_stays() {
        let id: FunctionId = "func_01arz3ndektsv4rrffq69g5fav".parse().unwrap();
        for (before, after) in [
            (
                "{\n  \"extra\": [1,  2],\n  \"function\": \"mi-funcion\", // mine\n  \"entrypoint\": \"main.ts\",\n}\n",
                "{\n  \"extra\": [1,  2],\n  \"function\": \"mi-funcion\", // mine\n  \"id\": \"func_01arz3ndektsv4rrffq69g5fav\",\n  \"entrypoint\": \"main.ts\",\n}\n",
            ),
            (
                "\u{feff}{\r\n  \"function\": \"mi-funcion\"\r\n}\r\n",
                "\u{feff}{\r\n  \"function\": \"mi-funcion\",\r\n  \"id\": \"func_01arz3ndektsv4rrffq69g5fav\"\r\n}\r\n",
            ),
            (
                "{\"id\": \"func_01arz3ndektsv4rrffq69g5faa\", \"function\": \"mi-funcion\"}",
                "{\"id\": \"func_01arz3ndektsv4rrffq69g5fav\", \"function\": \"mi-funcion\"}",
            ),
        ] {
            let mut file = parse(before).unwrap();
            file.set_id(&id).unwrap();
            assert_eq!(file.text(), after);
            assert_eq!(parse(after).unwrap().id(), Some(&id));
        }
    }

    #[test]
    fn an_error_names_line_and_column() {
        for (text, start) in [
            ("{\n  \"function\" \"mi-funcion\"\n}", "jelou.json:2:"),
            ("", "jelou.json:1:1: it is empty"),
            (
                "\u{feff}{\n  \"function\": \"Mi\"\n}",
                "jelou.json:2:15: `function`: slug contains 'M'",
            ),
            ("{\"id\": \"x\"}", "jelou.json:1:8: `id`: not an id"),
            ("[]", "jelou.json:1:1: it is not an object"),
            (
                "{\"function\": 1}",
                "jelou.json:1:14: `function`: invalid type",
            ),
            (
                "{\"assets\": \"templates\"}",
                "jelou.json:1:12: `assets`: invalid type: string \"templates\", expected a sequence",
            ),
            (
                "{\n  \"asets\": []}",
                "jelou.json:2:3: there is no setting `asets`",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }

    #[test]
    fn an_unknown_member_is_a_warning() {
        let file = parse("{\n  \"team\": \"pagos\"\n}").unwrap();
        assert_eq!(
            file.warnings(),
            ["jelou.json:2:3: there is no setting `team`"]
        );
    }
}
