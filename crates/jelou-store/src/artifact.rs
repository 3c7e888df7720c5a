//! Artifacts, the outputs of builds: content-addressed and compressed.

use std::fmt;
use std::str::FromStr;

use jelou_core::SourceFile;
use sha2::{Digest, Sha256};

use crate::database::row::Columns;
use crate::database::{Connection, DatabaseError};
use crate::error::{Resource, StoreError};
use crate::store::Store;

/// zstd's default level. It compresses a bundle to about a quarter in a few milliseconds.
const COMPRESSION_LEVEL: i32 = 3;

/// The output of a build and its source files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactRecord {
    /// The JavaScript module that a worker imports.
    pub bundle: String,
    /// The source map (ECMA-426) of the bundle.
    pub source_map: Option<String>,
    /// The files of the upload that the build used.
    pub sources: Vec<SourceFile>,
    /// An archive of the files that the function reads by path.
    pub assets: Option<Vec<u8>>,
}

/// SHA-256 of an artifact's uncompressed content. Displayed as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactHash([u8; 32]);

/// The text is not an artifact hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hexadecimal digits")]
pub struct ParseArtifactHashError;

impl ArtifactRecord {
    /// Computes the hash. It also covers the sources, so that a download returns the files of this deployment.
    pub fn hash(&self) -> ArtifactHash {
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            // A length prefix makes the boundaries between the parts unambiguous.
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        part(self.bundle.as_bytes());
        match &self.source_map {
            Some(source_map) => {
                part(b"source map");
                part(source_map.as_bytes());
            }
            None => part(b""),
        }
        for file in &self.sources {
            part(file.path.as_bytes());
            part(&file.content);
        }
        if let Some(assets) = &self.assets {
            // Separates the assets from the sources: no source file has this path.
            part(b"\0assets");
            part(assets);
        }
        ArtifactHash(digest.finalize().into())
    }
}

impl fmt::Display for ArtifactHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for ArtifactHash {
    type Err = ParseArtifactHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 64 || !text.bytes().all(digit) {
            return Err(ParseArtifactHashError);
        }
        let mut hash = [0; 32];
        for (position, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * position..2 * position + 2], 16)
                .map_err(|_| ParseArtifactHashError)?;
        }
        Ok(Self(hash))
    }
}

impl Store {
    /// Reads an artifact and verifies its hash.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or [`StoreError::Database`]: [`DatabaseError::Corrupt`] when the content does not
    /// match.
    pub async fn artifact(&self, hash: ArtifactHash) -> Result<ArtifactRecord, StoreError> {
        let row = sqlx::query(
            "SELECT bundle, source_map, sources, assets FROM artifacts WHERE hash = $1",
        )
        .bind(hash.to_string())
        .fetch_optional(self.database.pool())
        .await?
        .ok_or_else(|| StoreError::not_found(Resource::Artifact, hash))?;
        let compressed = Compressed {
            hash,
            bundle: row.bytes("bundle")?,
            source_map: row.optional_bytes("source_map")?,
            sources: row.bytes("sources")?,
            assets: row.optional_bytes("assets")?,
        };
        off_the_runtime(move || compressed.open()).await
    }
}

/// Deletes the artifacts that no deployment uses and returns their hashes.
pub(crate) async fn delete_unused(
    connection: &mut Connection,
) -> Result<Vec<ArtifactHash>, StoreError> {
    sqlx::query(
        "DELETE FROM artifacts WHERE NOT EXISTS \
         (SELECT 1 FROM deployments WHERE deployments.artifact_hash = artifacts.hash) \
         RETURNING hash",
    )
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| Ok(row.parsed("hash")?))
    .collect()
}

/// An artifact in the form of its row.
pub(crate) struct Compressed {
    pub(crate) hash: ArtifactHash,
    bundle: Vec<u8>,
    source_map: Option<Vec<u8>>,
    sources: Vec<u8>,
    assets: Option<Vec<u8>>,
}

impl Compressed {
    pub(crate) async fn new(artifact: ArtifactRecord) -> Result<Self, StoreError> {
        off_the_runtime(move || {
            Ok(Self {
                hash: artifact.hash(),
                bundle: compress(artifact.bundle.as_bytes())?,
                source_map: artifact
                    .source_map
                    .as_ref()
                    .map(|text| compress(text.as_bytes()))
                    .transpose()?,
                sources: compress_files(&artifact.sources)?,
                assets: artifact.assets.as_deref().map(compress).transpose()?,
            })
        })
        .await
    }

    /// Inserts the artifact. Does nothing if the content is already stored.
    pub(crate) async fn insert(self, connection: &mut Connection) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO artifacts (hash, bundle, source_map, sources, assets) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (hash) DO NOTHING",
        )
        .bind(self.hash.to_string())
        .bind(self.bundle)
        .bind(self.source_map)
        .bind(self.sources)
        .bind(self.assets)
        .execute(connection)
        .await?;
        Ok(())
    }

    fn open(self) -> Result<ArtifactRecord, StoreError> {
        let artifact = ArtifactRecord {
            bundle: text("bundle", &self.bundle)?,
            source_map: self
                .source_map
                .map(|compressed| text("source_map", &compressed))
                .transpose()?,
            sources: serde_json::from_str(&text("sources", &self.sources)?)
                .map_err(|error| unreadable("sources", error))?,
            assets: self
                .assets
                .map(|compressed| content("assets", &compressed))
                .transpose()?,
        };
        if artifact.hash() == self.hash {
            Ok(artifact)
        } else {
            Err(unreadable(
                "hash",
                format_args!("the content of {} is not what was stored", self.hash),
            ))
        }
    }
}

fn compress(content: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::encode_all(content, COMPRESSION_LEVEL).map_err(|error| unreadable("bundle", error))
}

/// Serializes and compresses the files in one pass, without a copy of the whole JSON in memory.
fn compress_files(files: &[SourceFile]) -> Result<Vec<u8>, StoreError> {
    let mut encoder = zstd::Encoder::new(Vec::new(), COMPRESSION_LEVEL)
        .map_err(|error| unreadable("sources", error))?;
    serde_json::to_writer(&mut encoder, files).map_err(|error| unreadable("sources", error))?;
    encoder
        .finish()
        .map_err(|error| unreadable("sources", error))
}

fn content(column: &str, compressed: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::decode_all(compressed).map_err(|error| unreadable(column, error))
}

fn text(column: &str, compressed: &[u8]) -> Result<String, StoreError> {
    String::from_utf8(content(column, compressed)?).map_err(|error| unreadable(column, error))
}

fn unreadable(column: &str, reason: impl fmt::Display) -> StoreError {
    DatabaseError::corrupt(&format!("artifacts.{column}"), reason).into()
}

/// Runs compression on a blocking thread, because it can take tens of milliseconds.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(DatabaseError::Unavailable(None).into()))
}
