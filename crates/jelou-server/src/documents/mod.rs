//! The static documents of a deployment: health, OpenAPI and the MCP catalog. They are built from the manifest when the
//! deployment goes live, so that requests for documents start no process.

mod health;
pub(crate) mod mcp;
mod openapi;

use bytes::Bytes;
use jelou_core::Manifest;

/// Paths of the documents, of MCP and of the description of a token. Requests to them never reach a function's handler.
pub(crate) const HEALTH_PATH: &str = "/__health";
pub(crate) const OPENAPI_PATH: &str = "/openapi.json";
pub(crate) const MCP_PATH: &str = "/mcp";
pub(crate) const TOKEN_PATH: &str = "/__token";

/// The documents of one deployment.
#[derive(Debug)]
pub(crate) struct Documents {
    pub(crate) health: Bytes,
    pub(crate) openapi: Bytes,
    pub(crate) mcp: mcp::Catalog,
}

/// The data of a deployment that is not in the manifest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeploymentNames<'a> {
    pub(crate) slug: &'a str,
    pub(crate) deployment: &'a str,
    /// Scheme and authority of the function's URL.
    pub(crate) url: &'a str,
}

impl Documents {
    pub(crate) fn of(manifest: &Manifest, names: DeploymentNames<'_>) -> Self {
        Self {
            health: health::document(manifest),
            openapi: openapi::document(manifest, names),
            mcp: mcp::Catalog::of(manifest, names),
        }
    }
}
