//! The rules for paths of an upload.

use super::SourceError;

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
        return refuse("it holds a control character");
    }
    if path.chars().any(is_invisible) {
        return refuse("it holds an invisible character");
    }
    if path.contains('\\') || path.contains(':') {
        return refuse("it holds `\\` or `:`");
    }
    for segment in path.split('/') {
        match segment {
            "" => return refuse("it is absolute or has an empty segment"),
            "." | ".." => return refuse("it holds `.` or `..`"),
            "node_modules" => return refuse("`node_modules` is not deployed"),
            hidden if hidden.starts_with('.') => return refuse("hidden files are not deployed"),
            _ => {}
        }
    }
    Ok(())
}

/// Invisible characters that can make a name look like another one: direction marks, joiners and zero-width spaces
/// (Unicode, general category Cf).
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}
