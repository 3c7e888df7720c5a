//! Answers of lists. They lack the rows that the server cannot read, and name these rows.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};
use jelou_core::api::List;
use jelou_store::{DatabaseError, Readable};
use serde::Serialize;

/// Names the rows that the answer lacks, because this server cannot read them.
const UNREADABLE: HeaderName = HeaderName::from_static("jelou-unreadable");
/// How many rows the header names, and the characters of each.
const MAX_NAMED: usize = 10;
const MAX_CHARACTERS: usize = 200;

/// A JSON body that lacks the rows that cannot be read.
#[derive(Debug)]
pub(super) struct Listed<T> {
    pub(super) body: T,
    pub(super) unreadable: Vec<DatabaseError>,
}

impl<T> From<Readable<T>> for Listed<List<T>> {
    fn from(found: Readable<T>) -> Self {
        Self {
            body: List { items: found.rows },
            unreadable: found.unreadable,
        }
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        for reason in &self.unreadable {
            tracing::warn!(%reason, "a list lacks a row that cannot be read");
        }
        let named = self.unreadable.iter().take(MAX_NAMED);
        let named: Vec<_> = named.map(one_line).collect();
        if let Ok(named) = HeaderValue::try_from(named.join("; "))
            && !self.unreadable.is_empty()
        {
            response.headers_mut().insert(UNREADABLE, named);
        }
        response
    }
}

/// Returns a text without characters that a header cannot have.
fn one_line(error: &DatabaseError) -> String {
    let text = error.to_string();
    let shown = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    text.chars().map(shown).take(MAX_CHARACTERS).collect()
}
