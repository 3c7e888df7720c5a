//! A module host and a package registry for the tests, on loopback: a proxy that answers for every host, over TLS with
//! its own certificate authority, and plain HTTP for the registry.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Serve;

/// The names in the certificate.
const HOSTS: [&str; 4] = ["deno.land", "esm.sh", "jsr.io", "other.example"];

pub(crate) struct Web {
    address: SocketAddr,
    folder: tempfile::TempDir,
    shared: Arc<Shared>,
}

struct Shared {
    tls: Arc<ServerConfig>,
    pages: Mutex<Pages>,
    /// URLs of requests, in order.
    asked: Mutex<Vec<String>>,
}

/// Pages by URL.
type Pages = BTreeMap<String, Page>;

#[derive(Clone)]
pub(crate) struct Page {
    status: u16,
    header: (&'static str, String),
    body: Vec<u8>,
}

impl Web {
    pub(crate) fn start() -> Self {
        let (tls, authority) = certified();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            tls: Arc::new(tls),
            pages: Mutex::default(),
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                thread::spawn(move || shared.connection(connection));
            }
        });
        Self {
            address,
            folder,
            shared,
        }
    }

    /// Configures a server whose builds and functions can reach only this host.
    pub(crate) fn behind<'a>(&self, serve: Serve<'a>) -> Serve<'a> {
        let ca = self.folder.path().join("ca.pem");
        serve
            .env("JELOU_EGRESS__PROXY", &format!("http://{}", self.address))
            .env("JELOU_EGRESS__CA", ca.to_str().unwrap())
            .env("JELOU_EGRESS__NO_PROXY", "[\"127.0.0.1\"]")
            .env("NPM_CONFIG_REGISTRY", &self.registry())
    }

    /// The URL of the package registry.
    pub(crate) fn registry(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// A module of TypeScript, JavaScript or another kind, by its extension.
    pub(crate) fn module(&self, url: &str, content: impl AsRef<[u8]>) -> &Self {
        let kind = match url.rsplit('.').next() {
            Some("ts") => "application/typescript",
            Some("tsx") => "text/tsx",
            Some("json") => "application/json",
            Some("txt") => "text/plain",
            Some("wasm") => "application/wasm",
            _ => "application/javascript",
        };
        let header = ("content-type", kind.to_owned());
        self.page(url, 200, header, content.as_ref())
    }

    pub(crate) fn redirect(&self, url: &str, target: &str) -> &Self {
        self.page(url, 302, ("location", target.to_owned()), b"")
    }

    fn page(&self, url: &str, status: u16, header: (&'static str, String), body: &[u8]) -> &Self {
        let body = body.to_vec();
        let page = Page {
            status,
            header,
            body,
        };
        let mut pages = self.shared.pages.lock().unwrap();
        pages.insert(url.to_owned(), page);
        self
    }

    /// Answers as if nothing had been published. Returns what was.
    pub(crate) fn remove_all(&self) -> Pages {
        std::mem::take(&mut self.shared.pages.lock().unwrap())
    }

    pub(crate) fn put_back(&self, pages: Pages) {
        *self.shared.pages.lock().unwrap() = pages;
    }

    /// The URLs of all requests since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }
}

impl Shared {
    fn connection(&self, mut connection: TcpStream) {
        let (line, first) = {
            let mut reader = BufReader::new(connection.try_clone().unwrap());
            let Some(line) = head(&mut reader) else {
                return;
            };
            (line.clone(), line)
        };
        let mut words = line.split(' ');
        if words.next() != Some("CONNECT") {
            return self.serve(connection, "http://registry", Some(first));
        }
        let host = words.next().unwrap().trim_end_matches(":443").to_owned();
        connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let tls = ServerConnection::new(Arc::clone(&self.tls)).unwrap();
        self.serve(
            StreamOwned::new(tls, connection),
            &format!("https://{host}"),
            None,
        );
    }

    /// Answers the requests of one connection. `first` is the first line of the first request, if it was already read.
    fn serve(&self, stream: impl Read + Write, origin: &str, first: Option<String>) {
        let mut stream = BufReader::new(stream);
        let mut next = first;
        loop {
            let Some(line) = next.take().or_else(|| head(&mut stream)) else {
                return;
            };
            let path = line.split(' ').nth(1).unwrap_or_default();
            let url = format!("{origin}{path}");
            self.asked.lock().unwrap().push(url.clone());
            let page = self.pages.lock().unwrap().get(&url).cloned();
            let page = page.unwrap_or(Page {
                status: 404,
                header: ("content-type", "text/plain".to_owned()),
                body: b"not here".to_vec(),
            });
            let head = format!(
                "HTTP/1.1 {} x\r\n{}: {}\r\ncontent-length: {}\r\n\r\n",
                page.status,
                page.header.0,
                page.header.1,
                page.body.len()
            );
            let to = stream.get_mut();
            let sent = to.write_all(head.as_bytes());
            if sent
                .and_then(|()| to.write_all(&page.body))
                .and_then(|()| to.flush())
                .is_err()
            {
                return;
            }
        }
    }
}

/// Reads the head of a request, which has no body, and returns its first line.
fn head(reader: &mut impl BufRead) -> Option<String> {
    let mut first = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            return first;
        }
        first.get_or_insert(line);
    }
}

/// A configuration of TLS for [`HOSTS`], and the certificate of its authority.
fn certified() -> (ServerConfig, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = HOSTS.map(str::to_owned).to_vec();
    let leaf = CertificateParams::new(names).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (config, certificate.pem())
}
