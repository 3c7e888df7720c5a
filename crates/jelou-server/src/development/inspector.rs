//! The address for debuggers of a development server: one address for all functions, which stays the same when their
//! processes are replaced. It lists the functions as Node's inspector lists its targets, and connects a debugger's
//! WebSocket to the inspector of the function's newest process.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderName, ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jelou_core::Slug;
use jelou_engine::{Debuggers, Inspector};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
/// The scheme of the pages of Chrome's own debugger.
const DEVTOOLS: &str = "devtools://";

/// Accepts debuggers, and connects each to the process of its function.
#[derive(Debug)]
pub(super) struct InspectorProxy {
    debuggers: Arc<Debuggers>,
    slugs: Vec<Slug>,
    /// Host and port.
    authority: String,
}

impl InspectorProxy {
    pub(super) fn new(debuggers: Arc<Debuggers>, slugs: Vec<Slug>, port: u16) -> Self {
        Self {
            debuggers,
            slugs,
            authority: format!("127.0.0.1:{port}"),
        }
    }

    /// Returns the URL to which a debugger of the function connects.
    pub(super) fn url(&self, slug: &Slug) -> String {
        format!("ws://{}/{slug}", self.authority)
    }

    /// Accepts connections until the future is dropped.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let own = Arc::clone(&self);
                    tokio::spawn(async move { own.serve_connection(stream).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection of a debugger");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve_connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(|request| {
            let own = Arc::clone(&self);
            async move { Ok::<_, Infallible>(own.answer(request).await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a debugger's connection ended");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if !is_local(request.headers()) {
            let text = "the debugger's address is not open to web pages";
            return refuse(StatusCode::FORBIDDEN, text);
        }
        match request.uri().path() {
            "/json" | "/json/list" => answer(&self.list()),
            "/json/version" => answer(&json!({
                "Browser": concat!("jelou/", env!("CARGO_PKG_VERSION")),
                "Protocol-Version": "1.3",
            })),
            path => {
                let slug = path.trim_start_matches('/');
                let known = self.slugs.iter().find(|known| known.as_str() == slug);
                match known {
                    Some(slug) => self.connect(slug.clone(), request).await,
                    None => refuse(StatusCode::NOT_FOUND, "no function has this address"),
                }
            }
        }
    }

    /// Returns the functions that have a process. The id changes with the process, so that a debugger attaches again.
    fn list(&self) -> Value {
        let targets = self.slugs.iter().filter_map(|slug| {
            let inspector = self.debuggers.inspector(slug)?;
            let address = format!("{}/{slug}", self.authority);
            let frontend = format!(
                "devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws={address}"
            );
            Some(json!({
                "id": inspector.id(),
                "title": format!("jelou dev: {slug}"),
                "description": "a function of jelou dev",
                "type": "node",
                "url": format!("jelou://{slug}"),
                "devtoolsFrontendUrl": frontend,
                "webSocketDebuggerUrl": self.url(slug),
            }))
        });
        targets.collect()
    }

    /// Connects the debugger to the function's process.
    async fn connect(&self, slug: Slug, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let headers = request.headers();
        let Some(key) = headers.get(KEY).cloned() else {
            return refuse(
                StatusCode::UPGRADE_REQUIRED,
                "this address takes WebSockets",
            );
        };
        let Some(inspector) = self.debuggers.inspector(&slug) else {
            let text = "the function has no process; see the terminal of jelou dev";
            return refuse(StatusCode::SERVICE_UNAVAILABLE, text);
        };
        let response = match open(&inspector, key).await {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(%error, function = %slug, "cannot reach the inspector");
                return refuse(StatusCode::BAD_GATEWAY, "the process cannot be reached");
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let debuggers = Arc::clone(&self.debuggers);
        tokio::spawn(async move {
            let upgrades =
                tokio::try_join!(hyper::upgrade::on(request), hyper::upgrade::on(response));
            let Ok((debugger, process)) = upgrades else {
                return;
            };
            let _attached = debuggers.attach();
            let (mut debugger, mut process) = (TokioIo::new(debugger), TokioIo::new(process));
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut debugger, &mut process) => {}
                () = debuggers.replaced(&slug, &inspector) => {}
            }
        });
        let mut accepted = Response::new(Full::default());
        *accepted.status_mut() = status;
        *accepted.headers_mut() = headers;
        accepted
    }
}

/// Opens a WebSocket to the inspector.
async fn open(inspector: &Inspector, key: HeaderValue) -> io::Result<Response<Incoming>> {
    let stream = TcpStream::connect(inspector.address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection.with_upgrades());
    let request = Request::builder()
        .uri(&inspector.path)
        .header(HOST, inspector.address.to_string())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(VERSION, "13")
        .header(KEY, key)
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let response = sender.send_request(request).await;
    response.map_err(io::Error::other)
}

/// Returns whether a program of this machine sent the request, and not a web page: a page could otherwise run code in
/// the process. The name of the host protects against DNS rebinding.
fn is_local(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_page = headers.contains_key(ORIGIN)
        && !text(ORIGIN).is_some_and(|origin| origin.starts_with(DEVTOOLS));
    matches!(name, "localhost" | "127.0.0.1" | "[::1]") && !is_page
}

fn answer(body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn refuse(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}
