//! Formats the source line of an error, with a caret below the column.

use std::fmt::Write as _;
use std::path::Path;

use jelou_server::Place;

/// Number of lines shown before the line of the place.
const BEFORE: usize = 2;

/// Returns the lines up to the place, and the caret. `None` if the file has no such line.
pub(super) fn frame(folder: &Path, place: &Place) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(&place.file)).ok()?;
    let first = place.line.saturating_sub(BEFORE + 1);
    let lines: Vec<&str> = text.lines().take(place.line).skip(first).collect();
    let last = lines.last().filter(|_| place.line - first == lines.len())?;
    let width = place.line.to_string().len();
    let mut shown = String::new();
    for (number, line) in (first + 1..).zip(&lines) {
        // Writing to a string cannot fail.
        let _ = writeln!(shown, "  {number:>width$} | {line}");
    }
    let caret = last
        .chars()
        .take(place.column.saturating_sub(1))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect::<String>();
    let _ = write!(shown, "  {:>width$} | {caret}^", "");
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_is_below_the_column() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("a.ts"), "one\n\ttwo\nthree\n").unwrap();
        let place = |line, column| Place {
            file: "a.ts".to_owned(),
            line,
            column,
        };
        assert_eq!(
            frame(folder.path(), &place(2, 3)).unwrap(),
            "  1 | one\n  2 | \ttwo\n    | \t ^"
        );
        assert_eq!(
            frame(folder.path(), &place(3, 1)).unwrap(),
            "  1 | one\n  2 | \ttwo\n  3 | three\n    | ^"
        );
        assert!(frame(folder.path(), &place(4, 1)).is_none());
    }
}
