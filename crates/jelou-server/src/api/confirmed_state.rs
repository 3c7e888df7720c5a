//! Lets management requests wait until the state of this server is known to equal the database. Otherwise, an access
//! token that was revoked while the database was away could make changes when it is back.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jelou_store::{DatabaseError, StoreError};

use super::app::App;
use super::problem::ApiError;
use crate::listener::HEALTH;

pub(super) async fn wait(State(control): State<App>, request: Request, next: Next) -> Response {
    if request.uri().path() == HEALTH || control.wait_until_confirmed().await {
        next.run(request).await
    } else {
        let away = StoreError::Database(DatabaseError::Unavailable(None));
        ApiError::from(away).into_response()
    }
}
