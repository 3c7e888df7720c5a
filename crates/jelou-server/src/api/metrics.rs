//! `GET /metrics` for Prometheus, and the traffic of a function.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::uri::Authority;
use http::{HeaderMap, header};
use jelou_core::Scope;
use jelou_core::api::{Problem, TrafficReport};
use jiff::SignedDuration;
use serde::Deserialize;

use super::app::App;
use super::auth::{Authenticated, Reader};
use super::extract::{Query, SlugPath, at_most};
use super::problem::ApiError;
use crate::gateway::Caller;
use crate::metrics::{CONTENT_TYPE, Scrape};

const PATH: &str = "/metrics";
const DEFAULT_HOURS: u32 = 24;
const MAX_HOURS: u32 = 24 * 366;
const DEFAULT_STEP_MINUTES: u32 = 60;
/// Maximum number of points in a report.
const MAX_POINTS: u32 = 2000;

/// Who may read the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Everybody who can reach the listener. The listener serves only metrics.
    All,
    /// Callers with an access token, and callers on this machine.
    TokensAndLoopback,
    /// Callers with an access token.
    Tokens,
}

/// Returns the router with the route of the metrics.
pub(super) fn router(scrape: Arc<Scrape>, readers: Readers) -> Router {
    let answer = move |State(scrape): State<Arc<Scrape>>, request: Request| async move {
        let is_open = match readers {
            Readers::All => true,
            Readers::TokensAndLoopback => is_of_this_machine(&request),
            Readers::Tokens => false,
        };
        if !is_open {
            let (mut parts, _) = request.into_parts();
            let caller = Authenticated::read(&mut parts, &scrape.control)?;
            caller.require(&Scope::FunctionsRead)?;
        }
        let text = scrape.text().await;
        let response = ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response();
        Ok::<Response, ApiError>(response)
    };
    Router::new().route(PATH, get(answer)).with_state(scrape)
}

/// Whether the request comes from this machine and names this machine as its host. A proxy on this machine forwards
/// requests of others; its requests have a forwarding header or the server's public name.
fn is_of_this_machine(request: &Request) -> bool {
    const BY_PROXIES: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let headers = request.headers();
    let caller = request.extensions().get::<Caller>();
    caller.is_some_and(|caller| {
        !caller.by_proxy
            && caller
                .address
                .is_some_and(|address| address.to_canonical().is_loopback())
    }) && !BY_PROXIES.iter().any(|name| headers.contains_key(*name))
        && names_loopback(request.uri().authority(), headers)
}

fn names_loopback(target: Option<&Authority>, headers: &HeaderMap) -> bool {
    let named = headers.get(header::HOST);
    let named = named.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let Some(authority) = target.or(named.as_ref()) else {
        return false;
    };
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrafficQuery {
    hours: Option<u32>,
    step: Option<u32>,
}

/// Counts of the function's calls over time. The server keeps them for `metrics.max_age_days`.
#[utoipa::path(get, operation_id = "getTraffic", path = "/v1/functions/{slug}/traffic", tag = "functions", security(("accessToken" = ["read:{slug}"])), params(
    ("slug" = String, Path),
    ("hours" = Option<u32>, Query, description = "The last hours, 24 by default"),
    ("step" = Option<u32>, Query, description = "Minutes of a point, 60 by default"),
), responses(
    (status = 200, body = TrafficReport),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn traffic(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
    Query(query): Query<TrafficQuery>,
) -> Result<Json<TrafficReport>, ApiError> {
    let hours = at_most("hours", query.hours.unwrap_or(DEFAULT_HOURS), MAX_HOURS)?;
    let step = query.step.unwrap_or(DEFAULT_STEP_MINUTES);
    let points = (hours * 60).checked_div(step);
    if !points.is_some_and(|points| (1..=MAX_POINTS).contains(&points)) {
        return Err(ApiError::invalid(format!(
            "`step` is {step} minutes, and `hours` {hours}: a report has 1 to {MAX_POINTS} points"
        )));
    }
    Ok(Json(
        control
            .traffic_of(&slug, hours, SignedDuration::from_mins(i64::from(step)))
            .await?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &str)]) -> Request {
        let mut request = Request::new(axum::body::Body::empty());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        request.extensions_mut().insert(Caller {
            address: Some("127.0.0.1".parse().unwrap()),
            by_proxy: false,
            hops: 0,
        });
        request
    }

    #[test]
    fn a_proxy_on_this_machine_opens_the_metrics_to_nobody() {
        for host in ["127.0.0.1:4400", "localhost", "[::1]:4400", "LOCALHOST:1"] {
            assert!(is_of_this_machine(&request(&[("host", host)])), "{host}");
        }
        for headers in [
            [("host", "api.example.com"), ("accept", "*/*")],
            [("host", "127.0.0.1.example.com"), ("accept", "*/*")],
            [("host", "127.0.0.1"), ("x-forwarded-for", "192.0.2.1")],
            [("host", "127.0.0.1"), ("forwarded", "for=192.0.2.1")],
            [("host", "127.0.0.1"), ("via", "1.1 proxy")],
        ] {
            assert!(!is_of_this_machine(&request(&headers)), "{headers:?}");
        }
        assert!(!is_of_this_machine(&request(&[])));
    }
}
