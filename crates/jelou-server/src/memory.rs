//! `ctx.memory`: answers requests of workers to a reserved host. They arrive through the egress sockets.
//!
//! A worker cannot choose the namespace of its keys. It sends the id of the request that it handles, and the gateway
//! has recorded the caller's identity for that request.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use jelou_core::Limits;
use jelou_engine::Caller;
use jelou_store::{MemoryLimits, MemoryOwner, Store, StoreError};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::{GatewayBody, answer};

const PATH: &str = "/memory/";

/// Maximum bytes of a key.
const MAX_KEY_BYTES: usize = 255;
const MAX_TTL_SECONDS: f64 = 86_400.0;
const SWEEP_PERIOD: Duration = Duration::from_mins(1);

/// Answers the `ctx.memory` requests of all functions.
#[derive(Debug)]
pub(crate) struct FunctionMemory {
    store: Store,
    limits: MemoryLimits,
}

/// An error response with a text for the function's author.
struct MemoryError {
    status: StatusCode,
    text: String,
}

#[derive(Deserialize)]
struct Put {
    value: String,
    /// In seconds.
    ttl: Option<f64>,
}

impl FunctionMemory {
    pub(crate) fn new(store: Store, limits: &Limits) -> Self {
        let limits = MemoryLimits {
            entries: limits.max_memory_entries,
            value_bytes: limits.max_memory_value_bytes,
        };
        Self { store, limits }
    }

    /// Answers a worker's request. `parent` is the id of the request that the worker handles.
    pub(crate) async fn answer(
        &self,
        caller: &Caller,
        parent: Option<&str>,
        request: Request<Incoming>,
    ) -> Response<GatewayBody> {
        let answered = self.answer_or_refuse(caller, parent, request).await;
        let (status, body) = match answered {
            Ok((status, body)) => (status, body),
            Err(MemoryError { status, text }) => (status, json!({ "error": text })),
        };
        answer::json(status, Bytes::from(body.to_string()))
    }

    async fn answer_or_refuse(
        &self,
        caller: &Caller,
        parent: Option<&str>,
        request: Request<Incoming>,
    ) -> Result<(StatusCode, Value), MemoryError> {
        let scope = parent.and_then(|parent| caller.memory_scope_of(parent));
        let Some(scope) = scope else {
            let text = "the request is over: await ctx.memory before you return the result";
            return Err(MemoryError::new(StatusCode::CONFLICT, text));
        };
        let owner = MemoryOwner {
            function: &caller.function_id,
            preview: caller.preview.as_ref(),
            scope: &scope,
        };
        let key = key_of(request.uri().path())?;
        match *request.method() {
            Method::GET => Ok(match self.store.recall(owner, &key).await? {
                Some(value) => (StatusCode::OK, json!({ "value": value })),
                None => (
                    StatusCode::NOT_FOUND,
                    json!({ "error": "the value does not exist" }),
                ),
            }),
            Method::PUT => {
                let put = self.read(request).await?;
                let ttl_ms = milliseconds(put.ttl.unwrap_or(MAX_TTL_SECONDS))?;
                self.store
                    .remember(owner, &key, &put.value, ttl_ms, self.limits)
                    .await?;
                Ok((StatusCode::OK, json!({})))
            }
            Method::DELETE => {
                self.store.forget(owner, &key).await?;
                Ok((StatusCode::OK, json!({})))
            }
            _ => Err(MemoryError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "GET, PUT or DELETE",
            )),
        }
    }

    async fn read(&self, request: Request<Incoming>) -> Result<Put, MemoryError> {
        // A JSON escape can need six bytes for one byte. The object around the value also needs space.
        let limit = self
            .limits
            .value_bytes
            .saturating_mul(6)
            .saturating_add(1024);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut body = request.into_body();
        let Ok(read) = Limited::new(&mut body, limit).collect().await else {
            // The worker sends the complete body before it reads the response.
            jelou_engine::discard(body);
            let limit = self.limits.value_bytes;
            let text = format!(
                "the value is over {limit} bytes (limits.max_memory_value_bytes, a server setting)"
            );
            return Err(MemoryError::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        };
        let put: Put = serde_json::from_slice(&read.to_bytes())
            .map_err(|error| MemoryError::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        if put.value.contains('\0') {
            let text = "the value contains the character U+0000, which cannot be stored; encode binary data with base64";
            return Err(MemoryError::new(StatusCode::BAD_REQUEST, text));
        }
        Ok(put)
    }
}

fn key_of(path: &str) -> Result<String, MemoryError> {
    let Some(encoded) = path.strip_prefix(PATH) else {
        return Err(MemoryError::new(
            StatusCode::NOT_FOUND,
            "only /memory/ exists at this host",
        ));
    };
    let refused = |text: &str| MemoryError::new(StatusCode::BAD_REQUEST, text);
    let key = percent_decode_str(encoded)
        .decode_utf8()
        .map_err(|_| refused("the key is not UTF-8"))?;
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(refused(&format!(
            "the key is {} bytes; it must have 1 to {MAX_KEY_BYTES}",
            key.len()
        )));
    }
    if key.contains('\0') {
        return Err(refused(
            "the key contains the character U+0000, which cannot be stored",
        ));
    }
    Ok(key.into_owned())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "small and positive within the limits"
)]
fn milliseconds(ttl_seconds: f64) -> Result<i64, MemoryError> {
    if ttl_seconds > 0.0 && ttl_seconds <= MAX_TTL_SECONDS {
        return Ok((ttl_seconds * 1000.0).ceil() as i64);
    }
    let text =
        format!("the TTL must be more than 0 and at most {MAX_TTL_SECONDS} seconds (one day)");
    Err(MemoryError::new(StatusCode::BAD_REQUEST, text))
}

impl MemoryError {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }
}

impl From<StoreError> for MemoryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::MemoryFull { .. } => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string())
            }
            StoreError::MemoryValueTooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
            _ => {
                tracing::error!(error = &error as &dyn std::error::Error, "ctx.memory");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the memory store is not available",
                )
            }
        }
    }
}

/// Deletes expired values every minute.
pub(crate) async fn sweep_periodically(store: Store) {
    loop {
        tokio::time::sleep(SWEEP_PERIOD).await;
        match store.sweep_memory().await {
            Ok(0) => {}
            Ok(values) => tracing::debug!(values, "memory swept"),
            // The next sweep retries.
            Err(error) => tracing::warn!(%error, "cannot delete expired values of ctx.memory"),
        }
    }
}
