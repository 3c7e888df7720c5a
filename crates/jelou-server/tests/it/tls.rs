//! HTTPS with the operator's certificate.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jelou_server::config::Tls;
use rcgen::CertifiedKey;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{ECHO, TestServer, logged};

/// Writes a self-signed certificate.
fn renew(folder: &Path) -> CertificateDer<'static> {
    let names = ["echo.fn.localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    // Renewal programs replace the old file with a new one.
    for (name, content) in [
        ("key.pem", signing_key.serialize_pem()),
        ("cert.pem", cert.pem()),
    ] {
        let new = folder.join(format!("{name}.new"));
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, folder.join(name)).unwrap();
    }
    cert.der().clone()
}

async fn connect(
    server: &TestServer,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let stream = TcpStream::connect(server.address()).await?;
    let name = ServerName::try_from("echo.fn.localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn https() {
    let folder = tempfile::tempdir().unwrap();
    let first = renew(folder.path());
    let files = Tls {
        cert: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    let server = tokio::task::block_in_place(|| {
        let server = TestServer::start();
        server.deploy("echo", ECHO);
        server.restart(|config| config.tls = Some(files))
    });
    let port = server.address().rsplit_once(':').unwrap().1.to_owned();
    assert_eq!(
        server.functions(),
        format!("https://{{slug}}.fn.localhost:{port}")
    );
    let origin = format!("https://{}", server.host("echo"));

    let stream = connect(&server, &first, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let get = Request::get(format!("{origin}/a")).version(Version::HTTP_2);
    let response = sender
        .send_request(get.body(Empty::<Bytes>::new()).unwrap())
        .await
        .unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let echo: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(echo["url"], format!("{origin}/a"));

    for protocols in [&["http/1.1"][..], &[]] {
        let stream = connect(&server, &first, protocols).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let get = Request::get("/a").header("host", server.host("echo"));
        let response = sender
            .send_request(get.body(Empty::<Bytes>::new()).unwrap())
            .await
            .unwrap();
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, Version::HTTP_11)
        );
    }

    // The next connection uses a renewed certificate. An unusable certificate changes nothing.
    let second = renew(folder.path());
    assert!(connect(&server, &first, &[]).await.is_err());
    connect(&server, &second, &[]).await.unwrap();
    std::fs::write(folder.path().join("key.pem"), "half").unwrap();
    connect(&server, &second, &[]).await.unwrap();
    assert!(logged(&["the certificate was changed and cannot be used"]));

    tokio::task::block_in_place(|| {
        // A client without TLS gets no HTTP answer.
        let host = format!("Host: {}", server.host("echo"));
        let plain = format!("GET / HTTP/1.1\r\n{host}\r\n\r\n");
        let rest = server.wire().send(plain).rest();
        assert!(!rest.contains("HTTP/"), "{rest}");
        drop(server);
    });
}
