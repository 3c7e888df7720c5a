//! A place in a file of a project in development, and the lines around it.

use std::fmt::{self, Write as _};

use jelou_core::SourceTree;

/// Number of lines shown before the line of the place.
const BEFORE: usize = 2;
/// Maximum characters shown of a line. Generated code has long lines.
const MAX_LINE: usize = 200;

/// A place in a file of the project. Line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column } = self;
        write!(f, "{file}:{line}:{column}")
    }
}

impl Place {
    /// Returns the first place in a project file that the text names.
    pub(crate) fn first_in(text: &str, tree: &SourceTree) -> Option<Self> {
        text.split(|c: char| c.is_whitespace() || "()`'\"<>,".contains(c))
            .find_map(|word| {
                let mut parts = word.trim_end_matches(':').rsplitn(3, ':');
                let column = parts.next()?.parse().ok()?;
                let line = parts.next()?.parse().ok()?;
                let file = parts.next()?;
                let file = file.strip_prefix("./").unwrap_or(file);
                tree.file(file).map(|file| Self {
                    file: file.path.clone(),
                    line,
                    column,
                })
            })
    }

    /// Returns the line of the place and the lines before it, with a caret below the column. `None` if the file has no
    /// such line.
    pub(crate) fn frame(&self, tree: &SourceTree) -> Option<String> {
        let text = tree.file(&self.file)?.text()?;
        let first = self.line.saturating_sub(BEFORE + 1);
        let lines: Vec<&str> = text.lines().take(self.line).skip(first).collect();
        let last = lines.last().filter(|_| self.line - first == lines.len())?;
        let width = self.line.to_string().len();
        let mut shown = String::new();
        for (number, line) in (first + 1..).zip(&lines) {
            let line: String = line.chars().take(MAX_LINE).collect();
            // Writing to a string cannot fail.
            let _ = writeln!(shown, "  {number:>width$} | {line}");
        }
        let caret = last
            .chars()
            .take(self.column.saturating_sub(1).min(MAX_LINE))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect::<String>();
        let _ = write!(shown, "  {:>width$} | {caret}^", "");
        Some(shown)
    }
}

#[cfg(test)]
mod tests {
    use jelou_core::source::Declared;
    use jelou_core::{Limits, SourceFile};

    use super::*;

    fn tree() -> SourceTree {
        let text = "one\n\ttwo\nthree\n".to_owned();
        let files = vec![SourceFile::new("index.ts", text)];
        SourceTree::new(files, Declared::default(), &Limits::default().upload()).unwrap()
    }

    #[test]
    fn the_caret_is_below_the_column() {
        let frame = |line, column| {
            let file = "index.ts".to_owned();
            Place { file, line, column }.frame(&tree())
        };
        assert_eq!(frame(2, 3).unwrap(), "  1 | one\n  2 | \ttwo\n    | \t ^");
        assert_eq!(
            frame(3, 1).unwrap(),
            "  1 | one\n  2 | \ttwo\n  3 | three\n    | ^"
        );
        assert!(frame(4, 1).is_none());
    }

    #[test]
    fn a_place_is_found_in_a_stack() {
        let text = "Error: x\n    at npm:a@1/b.js:1:2\n    at handler (index.ts:2:3)";
        let place = Place::first_in(text, &tree()).unwrap();
        assert_eq!(place.to_string(), "index.ts:2:3");
    }
}
