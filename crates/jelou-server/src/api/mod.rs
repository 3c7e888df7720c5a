//! The management API: one file for each resource. The OpenAPI document is generated from the handlers.

mod access_tokens;
mod app;
mod audit;
mod auth;
mod confirmed_state;
mod deployments;
mod egress;
mod exchange;
mod extract;
mod functions;
mod leaks;
mod limits;
mod list;
mod logs;
mod master_key;
mod metrics;
mod nodes;
mod nul;
mod organisation_secrets;
mod previews;
mod problem;
mod refusals;
mod scanners;
mod schedules;
mod secrets;
mod server;
mod tokens;
mod trust;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::log_limit::LogLimit;
use crate::metrics::Scrape;
use app::App;
use metrics::Readers;
pub(crate) use problem::ApiError;

/// Maximum bytes of a request body, except for uploads.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Jelou management API",
        description = "Deploys functions and manages their runtime tokens and secrets. Requests need an access token, unless their description says otherwise, `Authorization: Bearer jfn_pat_...`.",
        license(name = "Apache-2.0 OR MIT")
    ),
    modifiers(&AccessTokenScheme),
    security(("accessToken" = []))
)]
struct Document;

struct AccessTokenScheme;

impl Modify for AccessTokenScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("accessToken", scheme);
    }
}

/// Returns all routes that are in the OpenAPI document.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(server::health))
        .routes(routes!(server::who_am_i))
        .routes(routes!(functions::list, functions::create))
        .routes(routes!(functions::info, functions::delete))
        .routes(routes!(deployments::list, deployments::deploy))
        .routes(routes!(deployments::info, deployments::update))
        .routes(routes!(deployments::source))
        .routes(routes!(deployments::rollback))
        .routes(routes!(deployments::promote))
        .routes(routes!(previews::list, previews::create))
        .routes(routes!(previews::delete))
        .routes(routes!(previews::list_secrets, previews::set_secrets))
        .routes(routes!(previews::delete_secret))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::info, tokens::update, tokens::revoke))
        .routes(routes!(tokens::usage))
        .routes(routes!(tokens::export))
        .routes(routes!(tokens::import))
        .routes(routes!(tokens::revoke_many))
        .routes(routes!(tokens::check))
        .routes(routes!(tokens::rotate, tokens::finish_rotation))
        .routes(routes!(leaks::revoke))
        .routes(routes!(scanners::verify))
        .routes(routes!(scanners::github))
        .routes(routes!(secrets::list, secrets::set))
        .routes(routes!(secrets::delete))
        .routes(routes!(secrets::rollback))
        .routes(routes!(
            organisation_secrets::list,
            organisation_secrets::set
        ))
        .routes(routes!(organisation_secrets::delete))
        .routes(routes!(organisation_secrets::rollback))
        .routes(routes!(master_key::check, master_key::rotate))
        .routes(routes!(egress::list, egress::change))
        .routes(routes!(limits::list, limits::change))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::update))
        .routes(routes!(schedules::runs))
        .routes(routes!(schedules::run))
        .routes(routes!(schedules::start))
        .routes(routes!(access_tokens::list, access_tokens::create))
        .routes(routes!(access_tokens::info, access_tokens::revoke))
        .routes(routes!(
            access_tokens::rotate,
            access_tokens::finish_rotation
        ))
        .routes(routes!(trust::list, trust::create))
        .routes(routes!(trust::info, trust::delete))
        .routes(routes!(exchange::exchange))
        .routes(routes!(logs::read))
        .routes(routes!(logs::statistics))
        .routes(routes!(metrics::traffic))
        .routes(routes!(audit::list))
        .routes(routes!(nodes::list))
}

/// Returns the OpenAPI 3.1 document of the management API.
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// Returns the router of the management API, and the router of a listener that serves only metrics.
pub(crate) fn routers(scrape: Scrape, has_metrics_listener: bool) -> (Router, Router) {
    let scrape = Arc::new(scrape);
    let readers = if has_metrics_listener {
        Readers::Tokens
    } else {
        Readers::TokensAndLoopback
    };
    let metrics = metrics::router(Arc::clone(&scrape), readers);
    let api = router(Arc::clone(&scrape.control), metrics);
    (api, metrics::router(scrape, Readers::All))
}

/// Returns the router of the management API. `metrics` has the route of the metrics.
fn router(control: App, metrics: Router) -> Router {
    let (router, document) = routes().split_for_parts();
    let document = axum::Json(document);
    let refusals_logged = Arc::<LogLimit>::default();
    let between_servers = Router::new()
        .route("/v1/nodes/logs/{function}", get(logs::page))
        .route("/v1/nodes/uses", get(nodes::store_uses))
        .route("/v1/nodes/statistics/{function}", get(logs::own_statistics))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&control),
            nodes::sign,
        ));
    router
        .layer(middleware::from_fn_with_state(
            Arc::clone(&control),
            confirmed_state::wait,
        ))
        .route("/v1/openapi.json", get(move || async move { document }))
        .merge(between_servers)
        .merge(metrics.with_state(()))
        .fallback(|| async { ApiError::no_such_route() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&control),
            nodes::wait_for_all,
        ))
        .layer(middleware::from_fn(nul::refuse))
        .layer(middleware::from_fn(move |request, next| {
            refusals::log(Arc::clone(&refusals_logged), request, next)
        }))
        .with_state(control)
}
