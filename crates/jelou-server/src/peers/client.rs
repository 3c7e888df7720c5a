//! Sends requests to another server, over one connection.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::uri::Scheme;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use jelou_core::NodeId;
use jelou_core::api::Problem;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{ANSWER_MAC, PeerKeys};
use crate::control::Control;
use crate::egress::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of an answer, in addition to the time for which the other server may wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum bytes of an answer. The largest answer has the last records of a function.
const MAX_ANSWER: usize = 32 * 1024 * 1024;
/// TLS that trusts Mozilla's certificate authorities and those of the system.
static TLS: LazyLock<Option<Arc<ClientConfig>>> =
    LazyLock::new(|| tls::client(RootCertStore::empty()).ok());

/// Why a request to another server failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("its address is not a URL")]
    Address,
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
    #[error("it does not answer in time")]
    Silent,
    #[error("it broke off ({0})")]
    Broken(String),
    #[error(
        "its answer is not signed with the master key of this database: another program answers, or changes the answer"
    )]
    Forged,
    #[error("it answered {status}{detail}")]
    Refused { status: StatusCode, detail: String },
}

/// A connection to another server.
#[derive(Debug)]
pub(crate) struct Peer {
    id: NodeId,
    keys: PeerKeys,
    uri: Uri,
    connection: Option<SendRequest<Empty<Bytes>>>,
    /// Drives the connection. Dropping it closes the connection.
    task: JoinSet<()>,
}

impl Peer {
    /// # Errors
    /// [`PeerError::Address`].
    pub(crate) fn new(control: &Control, id: NodeId, address: &str) -> Result<Self, PeerError> {
        let uri: Uri = address.parse().map_err(|_| PeerError::Address)?;
        if uri.host().is_none() || uri.scheme().is_none() {
            return Err(PeerError::Address);
        }
        Ok(Self {
            id,
            keys: PeerKeys::of(control.store.vault()),
            uri,
            connection: None,
            task: JoinSet::new(),
        })
    }

    /// Sends a GET request to the management API of the server. The server may wait for up to `wait`.
    ///
    /// # Errors
    /// [`PeerError`].
    pub(crate) async fn get(
        &mut self,
        target: &str,
        now_ms: i64,
        wait: Duration,
    ) -> Result<Bytes, PeerError> {
        let answered = timeout(wait + ANSWER_TIMEOUT, self.try_get(target, now_ms)).await;
        let answered = answered.unwrap_or(Err(PeerError::Silent));
        if answered.is_err() {
            self.connection = None;
        }
        answered
    }

    async fn try_get(&mut self, target: &str, now_ms: i64) -> Result<Bytes, PeerError> {
        let authority = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        let asked = self.keys.sign(&self.id, &Method::GET, target, now_ms);
        let asked = asked.ok_or(PeerError::Address)?;
        let request = Request::get(target)
            .header(HOST, authority)
            .header(AUTHORIZATION, &asked)
            .body(Empty::new())
            .map_err(|_| PeerError::Address)?;
        let broken = |error: &dyn std::error::Error| PeerError::Broken(error.to_string());
        let connection = self.connected().await?;
        let response = connection.send_request(request).await;
        let (head, body) = response.map_err(|error| broken(&error))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| PeerError::Broken(error.to_string()))?;
        let body = body.to_bytes();
        let mac = head.headers.get(ANSWER_MAC);
        if !self.keys.is_answer(mac, &asked, head.status, &body) {
            return Err(PeerError::Forged);
        }
        if head.status.is_success() {
            return Ok(body);
        }
        let problem: Option<Problem> = serde_json::from_slice(&body).ok();
        let detail = problem.map(|problem| format!(": {}", problem.detail));
        Err(PeerError::Refused {
            status: head.status,
            detail: detail.unwrap_or_default(),
        })
    }

    /// Returns the open connection, or a new one.
    async fn connected(&mut self) -> Result<&mut SendRequest<Empty<Bytes>>, PeerError> {
        let mut kept = self.connection.take();
        if let Some(connection) = &mut kept
            && connection.ready().await.is_err()
        {
            kept = None;
        }
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn connect(&mut self) -> Result<SendRequest<Empty<Bytes>>, PeerError> {
        let unreachable = |error: &dyn std::error::Error| PeerError::Unreachable(error.to_string());
        let is_encrypted = self.uri.scheme() == Some(&Scheme::HTTPS);
        let host = self.uri.host().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let default_port = if is_encrypted { 443 } else { 80 };
        let port = self.uri.port_u16().unwrap_or(default_port);
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect((name, port)));
        let stream = connecting.await.map_err(|_| PeerError::Silent)?;
        let stream = stream.map_err(|error| unreachable(&error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| unreachable(&error))?;
        if !is_encrypted {
            return self.open(stream).await;
        }
        let config = TLS.as_ref().ok_or(PeerError::Address)?;
        let stream = tls::connect(config, name, stream).await;
        let stream = stream.map_err(|error| unreachable(&error))?;
        self.open(stream).await
    }

    async fn open<S>(&mut self, stream: S) -> Result<SendRequest<Empty<Bytes>>, PeerError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let opened = handshake(TokioIo::new(stream)).await;
        let (sender, connection) =
            opened.map_err(|error| PeerError::Unreachable(error.to_string()))?;
        self.task = JoinSet::new();
        self.task.spawn(async move {
            // The request gets the same error.
            let _ = connection.await;
        });
        Ok(sender)
    }
}
