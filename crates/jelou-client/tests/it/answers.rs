//! How the client reads responses.

use std::net::{TcpListener, TcpStream};

use jelou_client::{Client, ClientError};
use jelou_core::ErrorCode;

use crate::script::Script;

fn error_of(answer: &str) -> ClientError {
    let script = Script::start(&[answer]);
    let error = script.client().functions().list().unwrap_err();
    script.requests();
    error
}

#[test]
fn a_problem_document_becomes_an_error_with_its_code() {
    let error = error_of(
        "409 Conflict\nContent-Type: application/problem+json\n\n{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,\"detail\":\"a token of this name exists\",\"code\":\"CONFLICT\"}",
    );
    assert_eq!(error.to_string(), "a token of this name exists");
    let ClientError::Problem(problem) = error else {
        panic!("{error:?}");
    };
    assert_eq!(problem.code, ErrorCode::Conflict);
}

#[test]
fn a_response_of_another_service_is_reported_as_not_jelou() {
    for answer in [
        "404 Not Found\nContent-Type: text/html\n\n<h1>nginx</h1>",
        "200 OK\nContent-Type: text/html\n\n<h1>Welcome</h1>",
        "404 Not Found\nContent-Type: application/json\n\n{\"error\":\"Function not found\"}",
        "404 Not Found\nContent-Type: application/problem+json\n\n{\"title\":\"x\"}",
    ] {
        let error = error_of(answer);
        assert!(matches!(error, ClientError::NotJelou { .. }), "{error:?}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let error = error_of(&format!(
        "307 Temporary Redirect\nLocation: http://{}/v1/functions\n\n",
        elsewhere.local_addr().unwrap()
    ));
    assert!(
        matches!(error, ClientError::NotJelou { status: 307, .. }),
        "{error:?}"
    );
    assert!(elsewhere.accept().is_err(), "the redirect was followed");
}

#[test]
fn a_proxy_that_cannot_reach_its_server_is_reported_as_unavailable() {
    let error = error_of("503 Service Unavailable\nContent-Type: text/plain\n\nno upstream");
    assert!(
        matches!(error, ClientError::Unavailable { status: 503, .. }),
        "{error:?}"
    );
}

#[test]
fn the_error_of_an_unreadable_response_contains_no_token() {
    let token = jelou_token::RuntimeToken::mint().unwrap();
    let error = error_of(&format!(
        "200 OK\nContent-Type: application/json\n\n{{\"items\":\"{}\"}}",
        token.expose()
    ));
    assert!(matches!(error, ClientError::Unreadable { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(token.expose()));
}

#[test]
fn nobody_listening_is_a_network_error() {
    // The local port of an open connection: nothing listens on it, and no other test can bind it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let nobody = connection.local_addr().unwrap();
    let api = format!("http://{nobody}").parse().unwrap();
    let error = Client::new(api, None).health().unwrap_err();
    assert!(matches!(error, ClientError::Network { .. }), "{error:?}");
}

#[test]
fn health_needs_no_token() {
    let script = Script::start(&["200 OK\nContent-Type: application/json\n\n{\"status\":\"ok\"}"]);
    Client::new(script.api(), None).health().unwrap();
    let request = &script.requests()[0];
    assert_eq!(request.line, "GET /v1/health");
    assert_eq!(request.header("authorization"), None);
}
