//! Commands that the server refuses because of the credentials, or because of the wrong server.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::support::{
    Call, Outcome, Sandbox, Serve, Server, assert_live_outcome, eventually, function,
};

/// Creates an access token as the administrator.
fn access_token(sandbox: &Sandbox, flags: &str) -> String {
    let outcome = sandbox
        .jelou(&format!(
            "access-tokens create --name a-token {flags} --json"
        ))
        .run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let token = outcome.json()["data"]["token"].clone();
    token.as_str().unwrap().to_owned()
}

/// Runs a command against the server with another user's token.
fn run_as(server: &Server, token: &str, line: &str) -> Outcome {
    let sandbox = Sandbox::new()
        .env("JELOU_API_URL", &format!("http://{}", server.address()))
        .env("JELOU_TOKEN", token);
    sandbox.jelou(line).run()
}

#[test]
fn an_access_token_that_expired() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = access_token(&sandbox, "--scope functions:read --expires-in 15s");
    let list = || run_as(&server, &token, "functions list");
    assert_eq!(list().code, 0);
    let refused = eventually("the expiry of the access token", || {
        let outcome = list();
        (outcome.code != 0).then_some(outcome)
    });
    assert_live_outcome!(refused);
}

#[test]
fn an_access_token_that_was_revoked() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = access_token(&sandbox, "--scope functions:write");
    assert_eq!(run_as(&server, &token, "functions list").code, 0);
    let outcome = sandbox.jelou("access-tokens revoke a-token -y").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_live_outcome!(run_as(&server, &token, "functions list"));
}

#[test]
fn scopes() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("mi-funcion", &function("() => 1"));
    let read = access_token(&sandbox, "--scope functions:read");
    assert_eq!(run_as(&server, &read, "tokens list mi-funcion").code, 0);
    assert_live_outcome!(run_as(&server, &read, "tokens create mi-funcion --name a"));
    for line in [
        "tokens revoke mi-funcion default -y --force",
        "secrets set mi-funcion A=1",
        "secrets delete mi-funcion A -y",
        "functions delete mi-funcion -y",
        "functions create otra",
        "access-tokens list",
    ] {
        let outcome = run_as(&server, &read, line);
        assert_eq!(outcome.code, 3, "{line}: {outcome}");
        assert_eq!(outcome.json()["error"]["code"], "FORBIDDEN");
    }
    let outcome = sandbox.jelou("access-tokens revoke a-token -y").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let write = access_token(&sandbox, "--scope functions:write");
    assert_eq!(
        run_as(&server, &write, "tokens create mi-funcion --name a").code,
        0
    );
    assert_live_outcome!(run_as(
        &server,
        &write,
        "access-tokens create --name more --scope admin"
    ));
}

/// Each kind of token is valid only for its own API.
#[test]
fn tokens_of_the_wrong_kind() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let runtime = sandbox.deploy("mi-funcion", &function("() => 1"));
    let access = server.access_token.clone().unwrap();
    assert_live_outcome!(run_as(&server, &runtime, "functions list"));
    for refused in [
        server.manage(&runtime, ""),
        server.manage("", ""),
        server.manage("jfn_pat_abc", ""),
        Call::new(server.address(), server.address()).token(&access),
        Call::new(server.address(), server.address()).header("authorization", &access),
    ] {
        let reply = refused.get("/v1/functions").send();
        assert_eq!(reply.status, 401, "{reply:?}");
        assert_eq!(reply.json()["code"], "AUTH_ERROR");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    for refused in [
        server.request("mi-funcion").token(&access),
        server
            .request("mi-funcion")
            .header("authorization", &format!("Bearer {access}")),
    ] {
        let reply = refused.send();
        assert_eq!(
            (reply.status, &*reply.body),
            (401, r#"{"error":"Unauthorized"}"#)
        );
    }
}

#[test]
fn functions_that_do_not_exist() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    assert_live_outcome!(sandbox.jelou("tokens list no-hay").run());
    sandbox.deploy("mi-funcion", &function("() => 1"));
    assert_live_outcome!(sandbox.jelou("tokens revoke mi-funcion nadie -y").run());
    assert_live_outcome!(sandbox.jelou("secrets delete mi-funcion NADA -y").run());
    assert_eq!(
        server.call("no-hay", None, "{}"),
        (404, r#"{"error":"Function not found"}"#.to_owned())
    );
}

/// A mistyped slug gets the nearest function that the access token may read.
#[test]
fn a_mistyped_slug_gets_a_suggestion() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("mi-funcion", &function("() => 1"));
    for line in [
        "functions info mi-funcoin",
        "functions delete mi-funcoin -y",
        "tokens list mi-funcoin",
        "secrets delete mi-funcoin A -y",
        "logs mi-funcoin --history",
        "cron list mi-funcoin",
        "rollback mi-funcoin -y",
        "previews list mi-funcoin",
    ] {
        let outcome = sandbox.jelou(line).run();
        assert_eq!(outcome.code, 4, "{line}: {outcome}");
        let hint = &outcome.json()["error"]["hint"];
        assert_eq!(hint, "did you mean `mi-funcion`?", "{line}");
    }
    let far = sandbox.jelou("functions info otra").run();
    let hint = far.json()["error"]["hint"].to_string();
    assert!(hint.contains("jelou functions list"), "{far}");
    let other = access_token(&sandbox, "--scope read:mi-funcoin");
    let hidden = run_as(&server, &other, "functions info mi-funcoin");
    assert_eq!(hidden.code, 4, "{hidden}");
    assert!(!hidden.to_string().contains("mi-funcion"), "{hidden}");
}

/// The web server at the address is not a Jelou server.
#[test]
fn the_address_of_something_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The first read returns the whole request, because it fits into one packet.
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let page = "<h1>It works!</h1>";
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                page.len()
            )
            .unwrap();
        }
    });
    let token = jelou_token::AccessToken::mint().unwrap();
    let sandbox = Sandbox::new()
        .env("JELOU_API_URL", &format!("http://{address}"))
        .env("JELOU_TOKEN", token.expose());
    assert_live_outcome!(sandbox.jelou("functions list").run());
}

#[test]
fn the_address_of_the_functions() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .arguments("--listen 127.0.0.1:0 --api-listen 127.0.0.1:0")
        .start();
    let host = server.host("x");
    let port = host.rsplit_once(':').unwrap().1;
    let sandbox = Sandbox::new()
        .env("JELOU_API_URL", &format!("http://127.0.0.1:{port}"))
        .env("JELOU_TOKEN", server.access_token.as_ref().unwrap());
    assert_live_outcome!(sandbox.jelou("functions list").run());
}
