//! Deno's analysis and V8 code cache of a bundle, shared by all workers of the artifact.

use serde::{Deserialize, Serialize};

/// The entries of Deno's caches for one bundle. They depend only on the bundle and on the version of Deno.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledBundle {
    pub(crate) header: Header,
    /// V8's code cache.
    pub(crate) code: Vec<u8>,
}

/// All fields of [`CompiledBundle`] except the code cache. Deno computes the hashes from the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The version of Deno that compiled the bundle.
    pub(crate) engine: String,
    pub(crate) media_type: i64,
    pub(crate) analysis_hash: i64,
    /// JSON with the imports of the module.
    pub(crate) analysis: String,
    pub(crate) code_type: i64,
    pub(crate) code_hash: i64,
}

impl CompiledBundle {
    pub(super) fn to_bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(&self.header)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.code);
        Ok(bytes)
    }

    /// Parses the bytes of [`CompiledBundle::to_bytes`]. Returns `None` if they are not a compiled bundle.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let header = serde_json::from_slice(&bytes[..end]).ok()?;
        let code = bytes[end + 1..].to_vec();
        Some(Self { header, code })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn compiled() -> CompiledBundle {
        CompiledBundle {
            header: Header {
                engine: "2.9.6".to_owned(),
                media_type: 1,
                analysis_hash: -5,
                analysis: "{}".to_owned(),
                code_type: 0,
                code_hash: 7,
            },
            code: b"\n\0code".to_vec(),
        }
    }

    #[test]
    fn a_compiled_bundle_survives_a_round_trip() {
        let bytes = compiled().to_bytes().unwrap();
        assert_eq!(CompiledBundle::from_bytes(&bytes), Some(compiled()));
        for other in ["", "{}\ncode", "no line"] {
            assert_eq!(CompiledBundle::from_bytes(other.as_bytes()), None);
        }
    }
}
