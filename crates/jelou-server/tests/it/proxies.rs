//! The caller's address behind proxies.

use serde_json::json;

use crate::support::{ECHO, TestServer, logged};

fn start(trusted: &[&str]) -> TestServer {
    let server = TestServer::start_with(|config| {
        config.trusted_proxies = serde_json::from_value(json!(trusted)).unwrap();
    });
    server.deploy("echo", ECHO);
    server
}

/// Returns the address that the function sees, for a request after the bytes `before`.
fn seen(server: &TestServer, before: &[u8], headers: &[&str]) -> String {
    let host = format!("Host: {}", server.host("echo"));
    let headers: Vec<_> = [host.as_str()].iter().chain(headers).copied().collect();
    let mut wire = server.wire();
    let answer = wire.send(before).request("GET /", &headers);
    let address = &answer.json()["headers"]["x-forwarded-for"];
    address.as_str().unwrap().to_owned()
}

fn version2(command: u8, source: [u8; 4], extensions: usize) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, 0x11]);
    header.extend(u16::try_from(12 + extensions).unwrap().to_be_bytes());
    header.extend(source);
    header.extend([127, 0, 0, 1, 0x30, 0x39, 0, 80]);
    if extensions > 0 {
        header.push(0x04);
        header.extend(u16::try_from(extensions - 3).unwrap().to_be_bytes());
        header.extend(vec![0; extensions - 3]);
    }
    header
}

#[test]
fn the_word_of_a_trusted_proxy_counts() {
    // The IPv4-mapped form of 127.0.0.0/8, which a dual-stack socket reports.
    let server = start(&["::ffff:127.0.0.0/104", "10.0.0.0/8"]);
    let seen = |before: &[u8], headers: &[&str]| seen(&server, before, headers);
    assert_eq!(seen(b"", &[]), "127.0.0.1");
    let chain = "X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.3";
    assert_eq!(seen(b"", &[chain]), "192.0.2.7");
    let forwarded = "Forwarded: for=6.6.6.6, for=\"[2001:db8::7]:80\";proto=https, for=10.0.0.3";
    assert_eq!(seen(b"", &[forwarded]), "2001:db8::7");
    assert_eq!(seen(b"", &["X-Forwarded-For: nonsense"]), "127.0.0.1");

    let version1 = b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 80\r\n";
    assert_eq!(seen(version1, &[]), "192.0.2.7");
    assert_eq!(
        seen(b"PROXY TCP6 2001:db8::7 ::1 12345 80\r\n", &[]),
        "2001:db8::7"
    );
    assert_eq!(seen(b"PROXY UNKNOWN\r\n", &[]), "127.0.0.1");
    assert_eq!(seen(&version2(1, [192, 0, 2, 7], 0), &[]), "192.0.2.7");
    assert_eq!(seen(&version2(1, [192, 0, 2, 7], 1000), &[]), "192.0.2.7");
    // The proxy itself is the client (command LOCAL).
    assert_eq!(seen(&version2(0, [192, 0, 2, 7], 0), &[]), "127.0.0.1");
    // A chain of two proxies. Then an unknown client whose own header is ignored.
    assert_eq!(
        seen(b"PROXY TCP4 10.0.0.3 127.0.0.1 1 80\r\n", &[chain]),
        "192.0.2.7"
    );
    assert_eq!(seen(version1, &["X-Forwarded-For: 6.6.6.6"]), "192.0.2.7");

    // The header may arrive byte by byte.
    let mut wire = server.wire();
    for byte in version1 {
        wire.send([*byte]);
    }
    let host = format!("Host: {}", server.host("echo"));
    let answer = wire.request("GET /", &[&host, "X-Forwarded-Host: proxied.example.com"]);
    assert_eq!(answer.json()["headers"]["x-forwarded-for"], "192.0.2.7");
    assert_eq!(answer.json()["headers"]["x-forwarded-host"], json!(null));
    let answer = server
        .wire()
        .request("GET /", &[&host, "X-Forwarded-Host: proxied.example.com"]);
    assert_eq!(
        answer.json()["headers"]["x-forwarded-host"],
        "proxied.example.com"
    );

    for malformed in [
        "PROXY TCP4 nonsense\r\n",
        "PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n",
    ] {
        let rest = server
            .wire()
            .send(malformed)
            .send_until_refused("GET / HTTP/1.1\r\n\r\n")
            .rest();
        assert_eq!(rest, "");
    }
}

#[test]
fn nobody_elses_does() {
    let server = start(&["192.0.2.0/24"]);
    let forged = [
        "X-Forwarded-For: 192.0.2.1, 6.6.6.6",
        "Forwarded: for=6.6.6.6",
    ];
    assert_eq!(seen(&server, b"", &forged), "127.0.0.1");
    let rest = server
        .wire()
        .send_until_refused("PROXY TCP4 192.0.2.7 127.0.0.1 12345 80\r\nGET / HTTP/1.1\r\n\r\n")
        .rest();
    assert!(rest.starts_with("HTTP/1.1 400 "), "{rest}");
    assert!(!logged(&["panicked"]));
}
