//! TLS with the operator's certificate. The certificate is reloaded when its files change.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

pub(super) type Stream = tokio_rustls::server::TlsStream<TcpStream>;

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read the certificate `{path}` (tls.cert)")]
    Certificate {
        path: PathBuf,
        source: rustls::pki_types::pem::Error,
    },
    #[error("`{0}` holds no certificate (tls.cert)")]
    NoCertificate(PathBuf),
    #[error("cannot read the key `{path}` (tls.key)")]
    Key {
        path: PathBuf,
        source: rustls::pki_types::pem::Error,
    },
    #[error("certificate and key cannot be used")]
    Rustls(#[from] rustls::Error),
}

#[derive(Debug)]
pub(crate) struct Certificate {
    files: Tls,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    seen: Stamps,
}

/// Inodes and modification times of the certificate's two files.
type Stamps = [Option<(u64, i64, i64)>; 2];

impl Certificate {
    pub(crate) fn open(files: Tls) -> Result<Self, TlsError> {
        let seen = stamps(&files);
        let config = read(&files)?;
        Ok(Self {
            files,
            current: Mutex::new(Current { config, seen }),
        })
    }

    /// Returns an acceptor with the current certificate, after a reload if the files have changed. If the new files are
    /// invalid, for example half written, the error is logged and the previous certificate stays in use.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.files);
        if stamps != current.seen {
            current.seen = stamps;
            match read(&self.files) {
                Ok(config) => {
                    current.config = config;
                    tracing::info!("the certificate was read again");
                }
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the certificate was changed and cannot be used; the last one stays"
                ),
            }
        }
        Arc::clone(&current.config).into()
    }
}

pub(super) fn chose_http2(stream: &Stream) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

fn read(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let path = &files.cert;
    let unreadable = |source| TlsError::Certificate {
        path: path.clone(),
        source,
    };
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(path.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| TlsError::Key {
        path: files.key.clone(),
        source,
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(Arc::new(config))
}

fn stamps(files: &Tls) -> Stamps {
    let stamp = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
    };
    [stamp(&files.cert), stamp(&files.key)]
}
