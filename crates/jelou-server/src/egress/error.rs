//! Why an outgoing request failed, in words for the function's author. The texts contain neither the proxy's address
//! nor its password.

use std::net::Ipv4Addr;

#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressError {
    #[error("only http:// and https:// URLs go through the proxy (egress.proxy)")]
    NotWeb,
    #[error("the name {host} does not resolve (DNS)")]
    Name { host: String },
    #[error(
        "{host} is {address}, an address that functions may not reach; an administrator can open it: jelou egress allow {function} {host}:{port}; for every function, the setting is egress.allow"
    )]
    Denied {
        host: String,
        port: u16,
        address: Ipv4Addr,
        function: String,
    },
    #[error("{host} refuses the connection: {source}")]
    Refused {
        host: String,
        source: std::io::Error,
    },
    #[error("{host} did not answer in time")]
    Silent { host: String },
    #[error("the server's proxy cannot be reached (egress.proxy): {0}")]
    NoProxy(std::io::Error),
    #[error(
        "the server's proxy refuses the configured credentials: it answered 407 (egress.proxy)"
    )]
    ProxyCredentials,
    #[error("the server's proxy did not connect to {host}: it answered {status} (egress.proxy)")]
    ProxyRefused { host: String, status: String },
    #[error(
        "the certificate of {host} is signed by an authority that is not known here; the server's operator can add it (egress.ca)"
    )]
    UnknownAuthority { host: String },
    #[error("the certificate of {host} is not valid: {reason}")]
    Certificate { host: String, reason: String },
    #[error("TLS with {host} failed: {source}")]
    Tls {
        host: String,
        source: std::io::Error,
    },
    #[error("the connection to {host} broke: {source}")]
    Broken { host: String, source: hyper::Error },
}
