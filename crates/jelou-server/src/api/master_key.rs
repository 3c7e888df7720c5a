//! Routes of the master key, which encrypts secrets.

use axum::Json;
use axum::extract::State;
use jelou_core::api::{MasterKeyRotated, MasterKeyState, Problem};

use super::app::App;
use super::auth::Administrator;
use super::problem::ApiError;

/// Whether the master key can be rotated. The error says why not: the key does not come from a file of the server, or other
/// servers use it too.
#[utoipa::path(get, operation_id = "checkMasterKeyRotation", path = "/v1/master-key/rotation", tag = "secrets", security(("accessToken" = ["admin"])), responses(
    (status = 200, body = MasterKeyState),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn check(
    State(control): State<App>,
    _: Administrator,
) -> Result<Json<MasterKeyState>, ApiError> {
    Ok(Json(control.master_key()?))
}

/// Makes a new master key, encrypts every secret with it, and replaces the file of the key. The server serves meanwhile. A
/// server that is killed before the end continues at its next start.
#[utoipa::path(post, operation_id = "rotateMasterKey", path = "/v1/master-key/rotation", tag = "secrets", security(("accessToken" = ["admin"])), responses(
    (status = 200, body = MasterKeyRotated),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn rotate(
    State(control): State<App>,
    Administrator(caller): Administrator,
) -> Result<Json<MasterKeyRotated>, ApiError> {
    Ok(Json(control.rotate_master_key(caller.actor()).await?))
}
