//! The rules for paths of an upload.

use super::SourceError;
use crate::printable::is_invisible;

/// Maximum bytes of a path.
const MAX_LENGTH: usize = 255;

/// Checks that the path is plain, relative, and safe to print.
pub(super) fn check(path: &str) -> Result<(), SourceError> {
    let refuse = |reason| {
        // Escaped, because control characters must not reach a terminal or a log.
        Err(SourceError::Path {
            path: path.escape_debug().to_string(),
            reason,
        })
    };
    if path.len() > MAX_LENGTH {
        return refuse("it is longer than 255 bytes");
    }
    if path.chars().any(char::is_control) {
        return refuse("it contains a control character");
    }
    if path.chars().any(is_invisible) {
        return refuse("it contains an invisible character");
    }
    if path.contains('\\') || path.contains(':') {
        return refuse("it contains `\\` or `:`");
    }
    for segment in path.split('/') {
        match segment {
            "" => return refuse("it is absolute or has an empty segment"),
            "." | ".." => return refuse("it contains `.` or `..`"),
            "node_modules" => return refuse("`node_modules` is not deployed"),
            hidden if hidden.starts_with('.') => return refuse("hidden files are not deployed"),
            _ => {}
        }
    }
    Ok(())
}
