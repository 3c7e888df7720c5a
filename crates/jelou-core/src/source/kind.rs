//! The purpose of a file, derived from its name.

use serde::{Deserialize, Serialize};

/// Extensions of modules.
const MODULES: [&str; 8] = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];

/// Files in the project's folder that configure a build.
const CONFIGURATION: [&str; 9] = [
    "deno.json",
    "deno.jsonc",
    "deno.lock",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "wrangler.json",
    "wrangler.jsonc",
    "wrangler.toml",
];

/// Why a file is part of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// Code or data that the entrypoint imports, directly or through other modules.
    Module,
    /// A file that the function reads by path.
    Asset,
    /// A file with packages or settings of the build.
    Configuration,
}

/// Whether the file is code, by its extension.
pub fn is_module(path: &str) -> bool {
    extension(path).is_some_and(|extension| MODULES.contains(&extension))
}

/// Whether the file is code that can run. Type declarations cannot.
pub(super) fn can_be_entrypoint(path: &str) -> bool {
    is_module(path) && !is_declaration(path)
}

/// Whether the file only declares types.
pub fn is_declaration(path: &str) -> bool {
    [".d.ts", ".d.mts", ".d.cts"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

/// Whether an import of the file is its text, as in Workers.
pub fn is_text(path: &str) -> bool {
    extension(path).is_some_and(|extension| matches!(extension, "txt" | "html" | "sql"))
}

/// Whether the file configures the build.
pub fn is_configuration(path: &str) -> bool {
    CONFIGURATION.contains(&path)
}

fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, extension)| extension)
}
