//! Every operation of the management API with every kind of access token. The API document names the scope that an
//! operation needs.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::support::{Call, TestServer};

const SOURCE: &str = "export default define({ description: \"One\", handler: () => 1 });";
const VERBS: [&str; 5] = ["read", "deploy", "tokens", "secrets", "logs"];

/// The operations that every access token may use, because the response contains only what the token may read.
const FOR_ALL: [&str; 2] = ["getWhoAmI", "listFunctions"];
/// The operations that need no access token.
const OPEN: [&str; 4] = [
    "getHealth",
    "exchangeToken",
    "verifyFoundTokens",
    "githubSecretScanning",
];

struct Operation {
    id: String,
    method: &'static str,
    path: String,
    /// The scope, with `{slug}` for the function; `None` if every access token may use it.
    scope: Option<String>,
}

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::to_value(jelou_server::openapi_document()).unwrap())
}

/// The operations that need an access token.
fn operations() -> Vec<Operation> {
    let paths = document()["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, operations)| {
        let operations: &Map<String, Value> = operations.as_object().unwrap();
        operations.iter().map(move |(method, operation)| {
            let id = operation["operationId"].as_str().unwrap();
            let method = match method.as_str() {
                "get" => "GET",
                "post" => "POST",
                "patch" => "PATCH",
                "delete" => "DELETE",
                other => panic!("{other} {path}"),
            };
            (id, method, path, &operation["security"])
        })
    });
    let needs_token = |id: &&str| !OPEN.contains(id);
    operations
        .filter(|(id, ..)| needs_token(id))
        .map(|(id, method, path, security)| {
            let scopes = security[0]["accessToken"].as_array();
            let scopes = scopes.unwrap_or_else(|| panic!("{id} does not say which scope it needs"));
            let scope = scopes
                .first()
                .map(|scope| scope.as_str().unwrap().to_owned());
            assert!(scopes.len() <= 1, "{id}");
            assert_eq!(scope.is_none(), FOR_ALL.contains(&id), "{id}");
            let path = path.replace("{slug}", "mine").replace(['{', '}'], "");
            Operation {
                id: id.to_owned(),
                method,
                path,
                scope,
            }
        })
        .collect()
}

/// Whether a token with the scope `held` may use an operation that needs `needed`, according to the reference and not
/// to the server's code.
fn may(held: &str, needed: &str) -> bool {
    let verb = needed.strip_suffix(":{slug}");
    match (held.split_once(':').unwrap(), verb) {
        (("functions", "read"), verb) => matches!(verb, Some("read" | "logs")),
        (("functions", "write"), verb) => verb.is_some() || needed == "functions:write",
        (_, None) | ((_, "other"), _) => false,
        ((held, "mine" | "*"), Some(verb)) => held == verb || verb == "read",
        other => panic!("{other:?}"),
    }
}

struct Holder<'a> {
    server: &'a TestServer,
    scope: String,
    token: String,
}

impl<'a> Holder<'a> {
    fn new(server: &'a TestServer, number: usize, scope: String) -> Self {
        let new = json!({ "name": format!("holder-{number}"), "scopes": [scope] });
        let (status, created) = server.manage("POST", "/v1/access-tokens", &new);
        assert_eq!(status, 201, "{created}");
        let token = created["token"].as_str().unwrap().to_owned();
        Self {
            server,
            scope,
            token,
        }
    }

    fn send(&self, operation: &Operation) -> (u16, String) {
        let address = self.server.address();
        let body = match operation.id.as_str() {
            "createFunction" => json!({ "slug": "mine" }),
            _ => json!({}),
        };
        let call = Call::new(address, address, &operation.path);
        let call = match operation.method {
            "GET" => call,
            method => call.json(&body).method(method),
        };
        let token = format!("Bearer {}", self.token);
        let reply = call.header("authorization", &token).send();
        (reply.status, reply.body)
    }
}

#[test]
fn every_operation_with_every_kind_of_access_token() {
    let server = TestServer::start();
    server.deploy("mine", SOURCE);
    server.deploy("other", SOURCE);
    let mut scopes: Vec<String> = ["mine", "other", "*"]
        .iter()
        .flat_map(|slug| VERBS.map(|verb| format!("{verb}:{slug}")))
        .collect();
    scopes.extend(["functions:read", "functions:write"].map(str::to_owned));
    let operations = operations();
    assert!(operations.len() > 30, "{}", operations.len());
    for (number, scope) in scopes.into_iter().enumerate() {
        let holder = Holder::new(&server, number, scope);
        for operation in &operations {
            let (status, body) = holder.send(operation);
            let what = format!("{}: {} {status} {body}", holder.scope, operation.id);
            let Some(needed) = &operation.scope else {
                assert_eq!(status, 200, "{what}");
                continue;
            };
            if may(&holder.scope, needed) {
                assert!(!matches!(status, 401 | 403), "{what}");
                continue;
            }
            assert_eq!(status, 403, "{what}");
            let needed = needed.replace("{slug}", "mine");
            assert!(
                body.contains(&format!("lacks the scope `{needed}`")),
                "{what}"
            );
        }
    }
}

#[test]
fn no_operation_answers_without_an_access_token() {
    let server = TestServer::start();
    for operation in operations() {
        for token in [None, Some("Bearer x"), Some("Basic YTpi")] {
            let address = server.address();
            let mut call = Call::new(address, address, &operation.path).method(operation.method);
            if let Some(token) = token {
                call = call.header("authorization", token);
            }
            let reply = call.send();
            assert_eq!(reply.status, 401, "{}: {}", operation.id, reply.body);
        }
    }
}
