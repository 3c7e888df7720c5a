//! Formats a table with aligned columns.

/// Number of spaces between two columns.
const GAP: usize = 2;

#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Column {
    title: &'static str,
    /// The minimum width, including the gap after the column.
    width: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds a column with a minimum width in characters, including the gap after it. With a minimum width, lists of the
    /// same kind have the same columns.
    pub(crate) fn column(mut self, title: &'static str, width: usize) -> Self {
        self.columns.push(Column { title, width });
        self
    }

    pub(crate) fn row(&mut self, values: impl IntoIterator<Item = String>) {
        self.rows.push(values.into_iter().collect());
    }

    /// Inserts a first column that numbers the rows from 1.
    pub(crate) fn numbered(mut self) -> Self {
        self.columns.insert(
            0,
            Column {
                title: "#",
                width: 4,
            },
        );
        for (number, row) in self.rows.iter_mut().enumerate() {
            row.insert(0, (number + 1).to_string());
        }
        self
    }

    /// Returns the lines of the table: the titles, then the rows.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(position, column)| {
                self.rows
                    .iter()
                    .filter_map(|row| row.get(position))
                    .map(String::as_str)
                    .chain([column.title])
                    .map(|value| value.chars().count() + GAP)
                    .fold(column.width, usize::max)
            })
            .collect();
        let titles = self
            .columns
            .iter()
            .map(|column| column.title.to_owned())
            .collect();
        std::iter::once(titles)
            .chain(self.rows.iter().cloned())
            .map(move |values: Vec<String>| {
                let mut line = String::new();
                for (value, width) in values.iter().zip(&widths) {
                    line.push_str(value);
                    let padding = width.saturating_sub(value.chars().count());
                    line.extend(std::iter::repeat_n(' ', padding));
                }
                line.truncate(line.trim_end().len());
                line
            })
            .collect::<Vec<_>>()
            .into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_their_least_width_and_grow() {
        let mut table = Table::new().column("Name", 14).column("Used", 8);
        table.row(["default".to_owned(), "never".to_owned()]);
        assert_eq!(
            table.lines().collect::<Vec<_>>(),
            ["Name          Used", "default       never"]
        );
        table.row(["a-name-of-16-chr".to_owned(), "añ".to_owned()]);
        assert_eq!(
            table.lines().collect::<Vec<_>>(),
            [
                "Name              Used",
                "default           never",
                "a-name-of-16-chr  añ"
            ]
        );
    }
}
