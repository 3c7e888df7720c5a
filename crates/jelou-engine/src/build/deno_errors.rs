//! Recognizes Deno's error messages about modules.

/// Whether the message reports a missing file. Also true for Deno's message about the import of a folder.
pub(super) fn names_no_file(error: &str) -> bool {
    error.starts_with("Module not found") || error.contains("ERR_UNSUPPORTED_DIR_IMPORT")
}

/// Whether the message reports the import of a JSON file without `with { type: "json" }`.
pub(super) fn lacks_json_type(error: &str) -> bool {
    error.contains("identified a Json module")
}

/// Whether the message reports the import of a file that is neither code nor JSON.
pub(super) fn is_no_code(error: &str) -> bool {
    error.contains("identified a Unknown module")
}

/// Returns the advice for an error about a package, with a space before it. Empty for other errors.
pub(super) fn advice(error: &str) -> &'static str {
    if error.starts_with("npm package '") && error.contains("does not exist") {
        " Check the name of the package"
    } else if error.starts_with("Could not find npm package")
        || error.starts_with("Could not find dist-tag")
    {
        " Check the version of the package"
    } else {
        ""
    }
}
