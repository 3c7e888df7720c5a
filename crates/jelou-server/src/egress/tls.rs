//! TLS to targets. Trusts Mozilla's certificate authorities, those of the system, and `egress.ca`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::CONNECT_TIMEOUT;
use super::error::EgressError;

/// Why the certificates of `egress.ca` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    #[error("cannot read the certificates `{path}` (egress.ca)")]
    Read {
        path: PathBuf,
        source: rustls::pki_types::pem::Error,
    },
    #[error("`{0}` holds no certificate in PEM (egress.ca)")]
    Empty(PathBuf),
    #[error("a certificate of `{path}` cannot be used (egress.ca)")]
    Invalid {
        path: PathBuf,
        source: rustls::Error,
    },
    #[error("TLS cannot be set up")]
    Rustls(#[from] rustls::Error),
    #[error("cannot copy the certificates of egress.ca")]
    Copy(#[from] std::io::Error),
}

/// Reads the certificate authorities of `egress.ca`.
pub(super) fn own_authorities(ca: Option<&Path>) -> Result<RootCertStore, CaError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        for certificate in read(path)? {
            roots.add(certificate).map_err(|source| CaError::Invalid {
                path: path.to_owned(),
                source,
            })?;
        }
    }
    Ok(roots)
}

pub(crate) fn client(own: RootCertStore) -> Result<Arc<ClientConfig>, CaError> {
    let mut roots = own;
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    // Ignores certificates of the system that rustls cannot parse.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, CaError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| CaError::Read {
            path: path.to_owned(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(CaError::Empty(path.to_owned()));
    }
    Ok(certificates)
}

pub(crate) async fn connect(
    config: &Arc<ClientConfig>,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, EgressError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| EgressError::NotWeb)?;
    let connecting = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(|error| describe(host, error)),
        Err(_) => Err(EgressError::Silent {
            host: host.to_owned(),
        }),
    }
}

fn describe(host: &str, error: std::io::Error) -> EgressError {
    let host = host.to_owned();
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            EgressError::UnknownAuthority { host }
        }
        Some(rustls::Error::InvalidCertificate(reason)) => EgressError::Certificate {
            host,
            reason: reason.to_string(),
        },
        _ => EgressError::Tls {
            host,
            source: error,
        },
    }
}
