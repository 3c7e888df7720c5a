//! Routes about the server: its health, and the caller's access token.

use axum::Json;
use axum::extract::State;
use jelou_core::api::{AccessTokenInfo, Problem, ServerInfo, WhoAmI};
use jiff::Timestamp;

use super::app::App;
use super::auth::Authenticated;

/// Whether the server answers. Needs no access token.
#[utoipa::path(get, operation_id = "getHealth", path = "/v1/health", tag = "server", security(()), responses((status = 200, body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// The caller's access token, and information about the server.
#[utoipa::path(get, operation_id = "getWhoAmI", path = "/v1/whoami", tag = "server", security(("accessToken" = [])), responses(
    (status = 200, body = WhoAmI),
    (status = 401, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn who_am_i(
    State(control): State<App>,
    Authenticated { token, .. }: Authenticated,
) -> Json<WhoAmI> {
    let last_used_at = token
        .last_used
        .get()
        .and_then(|at| Timestamp::from_millisecond(at).ok());
    Json(WhoAmI {
        access_token: AccessTokenInfo {
            id: token.id.clone(),
            name: token.name.clone(),
            prefix: token.prefix.to_string(),
            scopes: token.scopes.clone(),
            last_used_at,
            created_at: token.created_at,
            created_by: token.created_by.clone(),
            expires_at: token.expires_at,
            previous: None,
        },
        server: ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            functions: control.domain.url("{slug}"),
            engine: format!("deno {}", jelou_engine::deno::DENO_VERSION),
            upload: Some(control.engine.limits().upload()),
        },
    })
}
