//! The page of the tested packages.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::packages::case::{self, Case, NATIVE};

/// Fills the tables into the text around them.
pub(super) fn page(text: &str) -> String {
    let cases = case::all();
    let mut kinds: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        kinds.entry(&case.kind).or_default().push(case);
    }
    let mut tables = String::new();
    for (kind, cases) in kinds {
        let _ = write!(
            tables,
            "\n## {kind}\n\n| package | what is tested |\n|---|---|\n"
        );
        for case in cases {
            let packages: Vec<_> = case
                .packages
                .iter()
                .map(|package| format!("`{package}`"))
                .collect();
            let short = if case.is_short { "" } else { " ¹" };
            let _ = writeln!(
                tables,
                "| {}{short} | {} |",
                packages.join(", "),
                case.shows
            );
        }
    }
    let mut native = String::new();
    for (package, instead) in NATIVE {
        let _ = writeln!(native, "| `{package}` | `{instead}` |");
    }
    text.replace("{count}", &cases.len().to_string())
        .replace("{packages}", tables.trim())
        .replace("{native}", native.trim())
}
