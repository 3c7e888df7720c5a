//! The error of a filter that cannot be parsed.

use std::fmt;

/// The error of a filter that cannot be parsed: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    message: String,
    filter: String,
    /// The wrong part of the filter, from `start` to `end`, in bytes.
    start: usize,
    end: usize,
}

impl FilterError {
    pub(super) fn new(filter: &str, start: usize, end: usize, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            filter: filter.to_owned(),
            start,
            end: end.max(start + 1),
        }
    }

    /// Returns what is wrong, without the filter and the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Writes three lines: what is wrong, the filter, and carets below the wrong part.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A line end or a tab in the filter would misplace the carets.
        let shown: String = self
            .filter
            .chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .collect();
        let before = self.filter.get(..self.start).unwrap_or_default();
        let place = self.filter.get(self.start..).unwrap_or_default();
        let place = place.get(..self.end - self.start).unwrap_or(place);
        writeln!(f, "{}", self.message)?;
        writeln!(f, "  {shown}")?;
        let indent = " ".repeat(before.chars().count());
        write!(f, "  {indent}{}", "^".repeat(place.chars().count().max(1)))
    }
}

impl std::error::Error for FilterError {}
