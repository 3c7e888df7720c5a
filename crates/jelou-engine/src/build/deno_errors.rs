//! What Deno's errors about a module say.

/// Whether the file does not exist. A folder counts as a missing file.
pub(super) fn names_no_file(error: &str) -> bool {
    error.starts_with("Module not found") || error.contains("ERR_UNSUPPORTED_DIR_IMPORT")
}

/// Whether the import of a JSON file lacks its type.
pub(super) fn lacks_json_type(error: &str) -> bool {
    error.contains("identified a Json module")
}
