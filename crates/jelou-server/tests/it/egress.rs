//! How functions reach other networks: a company's certificate authority and its proxy, and the causes of failures. The
//! targets and proxies are the tests' own, on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::CertifiedKey;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::support::{TestServer, log_of};

/// Fetches the given URL, and returns the answer or the error.
const FETCHER: &str = r#"export default define({ description: "Fetches", config: { public: true },
  handler: async ({ url, method, body, redirect }) => {
    try {
      const response = await fetch(url, { method: method ?? "GET", body, redirect });
      return { status: response.status, body: await response.text(), redirected: response.redirected,
        headers: Object.fromEntries(response.headers) };
    } catch (error) {
      return { error: String(error), stack: error.stack, name: error.name };
    }
  } });"#;

/// A web server that answers every request with its request line, headers and body.
struct Target {
    port: u16,
    certificate: Option<String>,
}

impl Target {
    fn plain() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(|| echo(stream));
            }
        });
        Self {
            port,
            certificate: None,
        }
    }

    fn encrypted() -> Self {
        let names = ["127.0.0.1".to_owned(), "target.invalid".to_owned()];
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                thread::spawn(|| echo(StreamOwned::new(connection, stream)));
            }
        });
        Self {
            port,
            certificate: Some(cert.pem()),
        }
    }

    fn url(&self, host: &str, path: &str) -> String {
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{host}:{}{path}", self.port)
    }

    /// Writes the certificate to a file, and returns its path.
    fn ca(&self) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, self.certificate.as_ref().unwrap()).unwrap();
        file
    }
}

fn echo(stream: impl Read + Write) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).unwrap_or_default() == 0 {
            return;
        }
    }
    let lower = head.to_ascii_lowercase();
    let mut body = Vec::new();
    if let Some(rest) = lower.split("content-length: ").nth(1) {
        body = vec![0; rest.split('\r').next().unwrap().parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
    }
    let answer = head + &String::from_utf8(body).unwrap();
    let extra = if answer.contains("/redirects") {
        "302 Found\r\nLocation: /arrived"
    } else {
        "200 OK\r\nX-Jelou-Egress-Error: forged"
    };
    let length = answer.len();
    let stream = stream.get_mut();
    let _ = write!(
        stream,
        "HTTP/1.1 {extra}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}"
    );
    let _ = stream.flush();
}

/// A proxy that requires a password, and connects every tunnel to one port of this machine.
struct Proxy {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

const PASSWORD: &str = "s@cret-word";

impl Proxy {
    fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&kept);
                thread::spawn(move || tunnel(stream, target, &seen));
            }
        });
        Self { port, seen }
    }

    fn url(&self, password: &str) -> String {
        format!("http://ana:{password}@127.0.0.1:{}", self.port)
    }

    fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn tunnel(stream: TcpStream, target: u16, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or_default() == 0 {
            return;
        }
    }
    let mut stream = stream;
    // `ana:s@cret-word` in base64.
    if !head.contains("Proxy-Authorization: Basic YW5hOnNAY3JldC13b3Jk\r\n") {
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        return;
    }
    let line = head.lines().next().unwrap().to_owned();
    let is_forbidden = line.contains("forbidden");
    seen.lock().unwrap().push(line);
    if is_forbidden {
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    let Ok(mut onward) = TcpStream::connect(("127.0.0.1", target)) else {
        return;
    };
    stream
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .unwrap();
    let (mut back_from, mut back_to) = (onward.try_clone().unwrap(), stream.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut back_from, &mut back_to);
        let _ = back_to.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut reader, &mut onward);
}

fn start(egress: &Value) -> TestServer {
    let server = TestServer::start_with(|config| {
        let mut settings = json!({ "allow": ["127.0.0.0/8"] });
        for (name, value) in egress.as_object().unwrap() {
            settings[name] = value.clone();
        }
        config.egress = serde_json::from_value(settings).unwrap();
    });
    server.deploy("fetcher", FETCHER);
    server
}

fn fetch(server: &TestServer, input: &Value) -> Value {
    server.call("fetcher", "/").json(input).send().json()
}

fn get(server: &TestServer, url: &str) -> Value {
    fetch(server, &json!({ "url": url }))
}

fn error_of(answer: &Value) -> &str {
    answer["error"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_company_authority_is_trusted_when_it_is_named() {
    let target = Target::encrypted();
    let url = target.url("127.0.0.1", "/x");
    let server = start(&json!({}));
    let answer = get(&server, &url);
    assert_eq!(
        error_of(&answer),
        "TypeError: fetch failed: the certificate of 127.0.0.1 is signed by an authority that is not known here; \
         the server's operator can add it (egress.ca)"
    );
    // The stack has the message and the function's own line.
    let stack = answer["stack"].as_str().unwrap();
    assert!(stack.starts_with(error_of(&answer)), "{stack}");
    drop(server);

    let ca = target.ca();
    let server = start(&json!({ "ca": ca.path() }));
    let answer = get(&server, &url);
    assert_eq!(answer["status"], 200, "{answer}");
}

#[test]
fn failures_of_fetch_name_their_cause() {
    let server = start(&json!({ "allow": ["127.0.0.1/32"] }));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let answer = get(&server, &format!("http://127.0.0.1:{port}/"));
    assert_eq!(
        error_of(&answer),
        "TypeError: fetch failed: 127.0.0.1 refuses the connection"
    );
    let answer = get(&server, "https://nobody.invalid/");
    assert_eq!(
        error_of(&answer),
        "TypeError: fetch failed: the name nobody.invalid does not resolve (DNS)"
    );
    let answer = get(&server, "http://10.0.0.5/");
    let refusal = error_of(&answer);
    assert!(
        refusal.contains("10.0.0.0/8") && refusal.contains("egress.allow"),
        "{refusal}"
    );
}

#[test]
fn requests_go_through_the_proxy() {
    for target in [Target::encrypted(), Target::plain()] {
        let proxy = Proxy::start(target.port);
        let ca = target.certificate.as_ref().map(|_| target.ca());
        let ca = ca.as_ref().map(tempfile::NamedTempFile::path);
        let server = start(&json!({ "proxy": proxy.url("s%40cret-word"), "ca": ca }));
        let url = |path: &str| target.url("127.0.0.1", path);

        let answer = get(&server, &url("/a?b=c"));
        assert_eq!(answer["status"], 200, "{answer}");
        let seen = answer["body"].as_str().unwrap();
        assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{seen}");
        let host = format!("host: 127.0.0.1:{}\r\n", target.port);
        assert!(seen.to_ascii_lowercase().contains(&host), "{seen}");
        assert!(!seen.to_ascii_lowercase().contains("x-jelou"), "{seen}");
        assert!(!seen.to_ascii_lowercase().contains("proxy-"), "{seen}");
        // A target cannot forge an error of the platform.
        assert_eq!(answer["headers"]["x-jelou-egress-error"], Value::Null);
        let connect = format!("CONNECT 127.0.0.1:{} HTTP/1.1", target.port);
        assert_eq!(proxy.take_seen(), [connect]);

        let long = "x".repeat(300_000);
        let posted = json!({ "url": url("/p"), "method": "POST", "body": long });
        let answer = fetch(&server, &posted);
        assert!(answer["body"].as_str().unwrap().ends_with(&long));
        let answer = get(&server, &url("/redirects"));
        assert_eq!(
            (&answer["status"], &answer["redirected"]),
            (&json!(200), &json!(true))
        );
        let manual = json!({ "url": url("/redirects"), "redirect": "manual" });
        assert_eq!(fetch(&server, &manual)["status"], 302);
        // Functions still call each other without the proxy.
        proxy.take_seen();
        let own = format!("{}/__health", server.origin("fetcher"));
        assert_eq!(get(&server, &own)["status"], 200);
        assert_eq!(proxy.take_seen(), Vec::<String>::new());
    }
}

#[test]
fn the_proxy_opens_no_walls() {
    let target = Target::plain();
    let proxy = Proxy::start(target.port);
    let server = start(&json!({ "allow": [], "proxy": proxy.url("s%40cret-word") }));
    for url in [
        target.url("localhost", "/"),
        target.url("LOCALHOST.", "/"),
        "http://localhost:8080/".to_owned(),
    ] {
        let answer = get(&server, &url);
        let error = error_of(&answer);
        assert!(
            error.contains("127.0.0.1") && error.contains("egress.allow"),
            "{error}"
        );
    }
    let answer = get(&server, "http://169.254.169.254/latest/meta-data/");
    assert!(error_of(&answer).contains("169.254.169.254"), "{answer}");
    assert_eq!(proxy.take_seen(), Vec::<String>::new());
}

#[test]
fn a_proxy_may_resolve_names() {
    let target = Target::encrypted();
    let proxy = Proxy::start(target.port);
    let url = target.url("target.invalid", "/");
    let ca = target.ca();
    let settings = |resolves: bool| json!({ "allow": [], "proxy": proxy.url("s%40cret-word"), "ca": ca.path(), "proxy_resolves": resolves });
    let server = start(&settings(false));
    let answer = get(&server, &url);
    assert_eq!(
        error_of(&answer),
        "TypeError: fetch failed: the name target.invalid does not resolve (DNS)"
    );
    drop(server);
    let server = start(&settings(true));
    let answer = get(&server, &url);
    assert_eq!(answer["status"], 200, "{answer}");
    let connect = format!("CONNECT target.invalid:{} HTTP/1.1", target.port);
    assert_eq!(proxy.take_seen(), [connect]);
    // A name that this machine resolves to a private address is refused too.
    let answer = get(&server, "http://localhost:1234/");
    assert!(error_of(&answer).contains("is refused"), "{answer}");
    let answer = get(&server, "https://forbidden.invalid/");
    assert_eq!(
        error_of(&answer),
        "TypeError: fetch failed: the server's proxy did not connect to forbidden.invalid: it answered 403 (egress.proxy)"
    );
}

#[test]
fn some_hosts_need_no_proxy() {
    let target = Target::plain();
    let proxy = Proxy::start(target.port);
    let server =
        start(&json!({ "proxy": proxy.url("s%40cret-word"), "no_proxy": ["127.0.0.0/8"] }));
    let answer = get(&server, &target.url("127.0.0.1", "/direct"));
    assert_eq!(answer["status"], 200, "{answer}");
    assert_eq!(proxy.take_seen(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_does_not_help_is_named_without_its_password() {
    let target = Target::plain();
    let proxy = Proxy::start(target.port);
    let server = start(&json!({ "proxy": proxy.url("another-password") }));
    let answer = get(&server, &target.url("127.0.0.1", "/"));
    assert_eq!(
        error_of(&answer),
        "TypeError: fetch failed: the server's proxy refuses the configured credentials: it answered 407 (egress.proxy)"
    );
    drop(server);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let url = format!("http://ana:{PASSWORD}@127.0.0.1:{port}").replace("s@", "s%40");
    let server = start(&json!({ "proxy": url }));
    let answer = get(&server, &target.url("127.0.0.1", "/"));
    let error = error_of(&answer);
    assert!(
        error.contains("the server's proxy cannot be reached (egress.proxy)"),
        "{error}"
    );
    let prying = r#"export default define({ description: "Pries", config: { public: true }, handler: async () => {
      const found = [];
      for (const look of [() => JSON.stringify(Deno.env.toObject()), () => Deno.readTextFileSync("/proc/self/environ"),
        () => JSON.stringify(process.env), () => JSON.stringify(Deno.args)]) {
        try { found.push(look()); } catch (error) { found.push(error.message); }
      }
      return found;
    } });"#;
    server.deploy("prying", prying);
    let found = server.call("prying", "/").send().body;
    for secret in ["cret-word", "another-password", &port.to_string()] {
        assert!(!found.contains(secret), "{found}");
    }
    assert_eq!(log_of("cret-word"), "");
    assert_eq!(log_of("another-password"), "");
}
