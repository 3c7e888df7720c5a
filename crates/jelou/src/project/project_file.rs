//! `jelou.json`: the function of a folder.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fs_err as fs;
use indexmap::IndexMap;
use jelou_core::{FunctionId, Slug};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::exit::Failure;

pub(crate) const FILE_NAME: &str = "jelou.json";
const EXAMPLE: &str = r#"write it like {"function": "mi-funcion", "entrypoint": "index.ts"}"#;
const SCHEMA: &str = "https://jelou.ai/schemas/jelou.json";

#[derive(Debug)]
pub(crate) struct ProjectFile {
    path: PathBuf,
    /// All members, known and unknown, unchanged and in the order of the file.
    members: IndexMap<String, Box<RawValue>>,
    function: Option<Slug>,
    id: Option<FunctionId>,
    entrypoint: Option<String>,
}

impl ProjectFile {
    /// `None` when the folder has no such file.
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
        Self::parse(path, &text).map(Some)
    }

    fn parse(path: PathBuf, text: &str) -> anyhow::Result<Self> {
        let members: IndexMap<String, &RawValue> = serde_json::from_str(text).map_err(|error| {
            let place = (error.line(), error.column());
            let hint = match error.classify() {
                Category::Data => EXAMPLE,
                Category::Io | Category::Syntax | Category::Eof => {
                    "it must be JSON, without comments or trailing commas"
                }
            };
            refuse(&path, place, &without_place(&error), hint)
        })?;
        Ok(Self {
            function: member(&path, text, &members, "function")?,
            id: member(&path, text, &members, "id")?,
            entrypoint: member(&path, text, &members, "entrypoint")?,
            members: members
                .into_iter()
                .map(|(key, value)| (key, value.to_owned()))
                .collect(),
            path,
        })
    }

    /// A new file. It is not written yet.
    pub(crate) fn new(
        folder: &Path,
        function: &Slug,
        id: Option<&FunctionId>,
        entrypoint: &str,
    ) -> anyhow::Result<Self> {
        let mut file = Self {
            path: folder.join(FILE_NAME),
            members: IndexMap::new(),
            function: Some(function.clone()),
            id: id.cloned(),
            entrypoint: Some(entrypoint.to_owned()),
        };
        file.set("$schema", &SCHEMA)?;
        file.set("function", function)?;
        if let Some(id) = id {
            file.set("id", id)?;
        }
        file.set("entrypoint", &entrypoint)?;
        Ok(file)
    }

    pub(crate) fn function(&self) -> Option<&Slug> {
        self.function.as_ref()
    }

    pub(crate) fn id(&self) -> Option<&FunctionId> {
        self.id.as_ref()
    }

    pub(crate) fn entrypoint(&self) -> Option<&str> {
        self.entrypoint.as_deref()
    }

    /// Takes effect after [`ProjectFile::save`]. A new member is inserted after `function`.
    pub(crate) fn set_id(&mut self, id: &FunctionId) -> anyhow::Result<()> {
        self.id = Some(id.clone());
        self.set("id", id)?;
        if let (Some(from), Some(function)) = (
            self.members.get_index_of("id"),
            self.members.get_index_of("function"),
        ) && from > function
        {
            self.members.move_index(from, function + 1);
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let value = serde_json::value::to_raw_value(value)?;
        self.members.insert(key.to_owned(), value);
        Ok(())
    }

    pub(crate) fn text(&self) -> anyhow::Result<String> {
        let mut text = serde_json::to_string_pretty(&self.members)?;
        text.push('\n');
        Ok(text)
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
        file.write_all(self.text()?.as_bytes())?;
        if let Some(permissions) = permissions {
            file.as_file().set_permissions(permissions)?;
        }
        file.persist(&self.path)
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(())
    }
}

/// Parses one member. An error contains line and column of its value.
fn member<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    members: &IndexMap<String, &RawValue>,
    key: &str,
) -> anyhow::Result<Option<T>> {
    let Some(value) = members.get(key).map(|value| value.get()) else {
        return Ok(None);
    };
    serde_json::from_str(value).map_err(|error| {
        // The value borrows from the text, so its address gives its offset.
        let offset = value.as_ptr().addr() - text.as_ptr().addr();
        let reason = format!("`{key}`: {}", without_place(&error));
        refuse(path, place(text, offset), &reason, EXAMPLE)
    })
}

/// Line and column. Both count from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

fn refuse(path: &Path, (line, column): (usize, usize), reason: &str, hint: &str) -> anyhow::Error {
    Failure::validation(format!("{}:{line}:{column}: {reason}", path.display()))
        .hint(hint)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<ProjectFile> {
        ProjectFile::parse(PathBuf::from("jelou.json"), text)
    }

    #[test]
    fn unknown_members_and_their_order_stay() {
        let mut file = parse(
            r#"{"zeta": [1,  2], "function": "mi-funcion", "entrypoint": "main.ts", "alfa": 1.50}"#,
        )
        .unwrap();
        let id: FunctionId = "func_01arz3ndektsv4rrffq69g5fav".parse().unwrap();
        file.set_id(&id).unwrap();
        assert_eq!(
            file.text().unwrap(),
            "{\n  \"zeta\": [1,  2],\n  \"function\": \"mi-funcion\",\n  \"id\": \"func_01arz3ndektsv4rrffq69g5fav\",\n  \"entrypoint\": \"main.ts\",\n  \"alfa\": 1.50\n}\n"
        );
        assert_eq!(file.id(), Some(&id));
    }

    #[test]
    fn an_error_names_line_and_column() {
        for (text, start) in [
            ("{\n  \"function\": \"mi-funcion\",\n}", "jelou.json:3:1: "),
            ("", "jelou.json:1:0: "),
            (
                "{\n  \"function\": \"Mi\"\n}",
                "jelou.json:2:15: `function`: slug contains 'M'",
            ),
            ("{\"id\": \"x\"}", "jelou.json:1:8: `id`: not an id"),
            ("[]", "jelou.json:1:"),
            (
                "{\"function\": 1}",
                "jelou.json:1:14: `function`: invalid type",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(start), "{text}: {error}");
        }
    }
}
