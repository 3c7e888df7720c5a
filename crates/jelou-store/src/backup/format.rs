//! The text of a backup: JSON lines, compressed with zstd (RFC 8878).
//!
//! The first line is the [`Header`]. Then follows each table that has rows: a line with its name and columns, and an
//! array for each row. Texts and numbers are JSON values, bytes are `{"base64": "..."}`. The last line is the
//! [`Trailer`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::BackupError;
use super::tables::{self, Table};

/// The version of this format.
const FORMAT: u32 = 1;
const COMPRESSION_LEVEL: i32 = 3;

/// The first line of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    jelou_backup: u32,
    /// The version of jelou that made the backup.
    pub version: String,
    /// The number of the last migration.
    pub schema: i64,
    /// When the backup was made, in RFC 3339.
    pub created_at: String,
}

impl Header {
    pub(super) fn new(version: &str, schema: i64, created_at: String) -> Self {
        Self {
            jelou_backup: FORMAT,
            version: version.to_owned(),
            schema,
            created_at,
        }
    }
}

/// The last line of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// The number of rows of each table that has rows.
    pub rows: BTreeMap<String, u64>,
    /// The ids of the master keys that encrypted the secrets. The keys themselves are not in the backup.
    pub keys: BTreeSet<String>,
    /// SHA-256 of the uncompressed lines before this one, in hexadecimal.
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Heading {
    table: String,
    columns: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes { base64: String },
}

impl Value {
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self::Bytes {
            base64: STANDARD.encode(bytes),
        }
    }

    pub(super) fn bytes(base64: &str) -> Result<Vec<u8>, base64::DecodeError> {
        STANDARD.decode(base64)
    }
}

/// Writes a backup.
pub(super) struct Writer<'a, W: Write> {
    out: zstd::Encoder<'a, W>,
    digest: Sha256,
    rows: BTreeMap<String, u64>,
    keys: BTreeSet<String>,
}

impl<W: Write> Writer<'_, W> {
    pub(super) fn new(out: W, header: &Header) -> Result<Self, BackupError> {
        let out = zstd::Encoder::new(out, COMPRESSION_LEVEL).map_err(BackupError::Write)?;
        let mut writer = Self {
            out,
            digest: Sha256::new(),
            rows: BTreeMap::new(),
            keys: BTreeSet::new(),
        };
        writer.line(header)?;
        Ok(writer)
    }

    pub(super) fn table(&mut self, table: &Table, columns: &[String]) -> Result<(), BackupError> {
        self.line(&Heading {
            table: table.name.to_owned(),
            columns: columns.to_vec(),
        })
    }

    pub(super) fn row(&mut self, table: &Table, values: &[Value]) -> Result<(), BackupError> {
        *self.rows.entry(table.name.to_owned()).or_default() += 1;
        self.line(&values)
    }

    /// Adds the id of a master key that a row refers to.
    pub(super) fn key(&mut self, id: &str) {
        if !self.keys.contains(id) {
            self.keys.insert(id.to_owned());
        }
    }

    pub(super) fn finish(mut self) -> Result<Trailer, BackupError> {
        let trailer = Trailer {
            rows: std::mem::take(&mut self.rows),
            keys: std::mem::take(&mut self.keys),
            sha256: hexadecimal(&std::mem::take(&mut self.digest)),
        };
        self.line(&trailer)?;
        let mut out = self.out.finish().map_err(BackupError::Write)?;
        out.flush().map_err(BackupError::Write)?;
        Ok(trailer)
    }

    fn line(&mut self, content: &impl Serialize) -> Result<(), BackupError> {
        let mut line =
            serde_json::to_vec(content).map_err(|error| BackupError::Write(error.into()))?;
        line.push(b'\n');
        self.digest.update(&line);
        self.out.write_all(&line).map_err(BackupError::Write)
    }
}

/// A part of a backup after its header.
#[derive(Debug)]
pub(super) enum Part {
    Table {
        table: &'static Table,
        columns: Vec<String>,
    },
    Row(Vec<Value>),
    End(Trailer),
}

pub(super) struct Reader<R: Read> {
    lines: BufReader<zstd::Decoder<'static, BufReader<R>>>,
    line: Vec<u8>,
    number: u64,
    digest: Sha256,
    /// The current table, and the number of its columns.
    table: Option<(&'static Table, usize)>,
    rows: BTreeMap<String, u64>,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R) -> Result<(Self, Header), BackupError> {
        let decoder = zstd::Decoder::new(input).map_err(BackupError::Read)?;
        let mut reader = Self {
            lines: BufReader::new(decoder),
            line: Vec::new(),
            number: 0,
            digest: Sha256::new(),
            table: None,
            rows: BTreeMap::new(),
        };
        // For a file of another format, the decoder returns a read error.
        if !reader.next_line().map_err(|_| BackupError::NotABackup)? {
            return Err(BackupError::NotABackup);
        }
        let header: Header =
            serde_json::from_slice(&reader.line).map_err(|_| BackupError::NotABackup)?;
        if header.jelou_backup != FORMAT {
            return Err(reader.invalid(&format!(
                "it has format {}, and this program reads format {FORMAT}",
                header.jelou_backup
            )));
        }
        reader.digest.update(&reader.line);
        Ok((reader, header))
    }

    /// Reads the next part. The caller stops after [`Part::End`].
    pub(super) fn next(&mut self) -> Result<Part, BackupError> {
        if !self.next_line()? {
            return Err(BackupError::Incomplete);
        }
        if self.line.starts_with(b"[") {
            return self.row();
        }
        if let Ok(trailer) = serde_json::from_slice::<Trailer>(&self.line) {
            return self.end(trailer);
        }
        let Heading {
            table: name,
            columns,
        } = self.parse()?;
        let Some(table) = tables::find(&name) else {
            return Err(self.invalid(&format!("there is no table `{name}`")));
        };
        // The names of columns become part of SQL statements, so they are checked.
        let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if let Some(column) = columns.iter().find(|name| !is_name(name)) {
            return Err(self.invalid(&format!("`{column}` is no column")));
        }
        self.digest.update(&self.line);
        self.table = Some((table, columns.len()));
        Ok(Part::Table { table, columns })
    }

    fn row(&mut self) -> Result<Part, BackupError> {
        let values: Vec<Value> = self.parse()?;
        let Some((table, _)) = self.table.filter(|(_, columns)| *columns == values.len()) else {
            return Err(self.invalid(&"the row does not have the columns of a table"));
        };
        self.digest.update(&self.line);
        *self.rows.entry(table.name.to_owned()).or_default() += 1;
        Ok(Part::Row(values))
    }

    fn end(&mut self, trailer: Trailer) -> Result<Part, BackupError> {
        let digest = std::mem::take(&mut self.digest);
        if trailer.sha256 != hexadecimal(&digest) || trailer.rows != self.rows {
            return Err(BackupError::Damaged);
        }
        Ok(Part::End(trailer))
    }

    /// Reads a line. Returns `false` at the end of the file.
    fn next_line(&mut self) -> Result<bool, BackupError> {
        self.line.clear();
        self.number += 1;
        match self.lines.read_until(b'\n', &mut self.line) {
            Ok(_) => Ok(self.line.ends_with(b"\n")),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(BackupError::Read(error)),
        }
    }

    fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, BackupError> {
        serde_json::from_slice(&self.line).map_err(|error| self.invalid(&error))
    }

    fn invalid(&self, reason: &impl ToString) -> BackupError {
        BackupError::Line {
            line: self.number,
            reason: reason.to_string(),
        }
    }
}

fn hexadecimal(digest: &Sha256) -> String {
    use std::fmt::Write as _;
    let bytes = digest.clone().finalize();
    let mut text = String::with_capacity(64);
    for byte in bytes {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
