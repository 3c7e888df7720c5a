//! Access tokens for one kind of operation on one function.

use serde_json::{Value, json};

use crate::support::{Call, TestServer};

const SOURCE: &str = "export default define({ description: \"One\", handler: () => 1 });";

struct Pipeline<'a> {
    server: &'a TestServer,
    token: String,
}

impl Pipeline<'_> {
    fn status(&self, method: &'static str, path: &str, body: &Value) -> u16 {
        self.send(method, path, body).0
    }

    fn send(&self, method: &'static str, path: &str, body: &Value) -> (u16, String) {
        let address = self.server.address();
        let call = Call::new(address, address, path).json(body).method(method);
        let token = format!("Bearer {}", self.token);
        let reply = call.header("authorization", &token).send();
        (reply.status, reply.body)
    }
}

fn pipeline<'a>(server: &'a TestServer, name: &str, scopes: &[&str]) -> Pipeline<'a> {
    let new = json!({ "name": name, "scopes": scopes });
    let (status, created) = server.manage("POST", "/v1/access-tokens", &new);
    assert_eq!(status, 201, "{created}");
    let token = created["token"].as_str().unwrap().to_owned();
    Pipeline { server, token }
}

fn upload() -> Value {
    let content = format!("import {{ define }} from \"@jelou/functions\";\n{SOURCE}");
    json!({ "files": [{ "path": "index.ts", "content": content }] })
}

#[test]
fn a_pipeline_can_only_do_its_work() {
    let server = TestServer::start();
    server.deploy("mine", SOURCE);
    server.deploy("other", SOURCE);
    let kept = json!({ "name": "kept" });
    let created = server.manage("POST", "/v1/functions/mine/previews", &kept);
    assert_eq!(created.0, 201);
    let token = json!({ "name": "made" });
    let secrets = json!({ "secrets": { "KEY": "value" } });
    let deploy = upload();
    let nothing = Value::Null;
    let preview = json!({ "name": "pr-7" });
    let work: [(&str, &'static str, &str, &Value); 15] = [
        ("read", "GET", "", &nothing),
        ("read", "GET", "/deployments", &nothing),
        ("read", "GET", "/tokens", &nothing),
        ("read", "GET", "/secrets", &nothing),
        ("logs", "GET", "/logs", &nothing),
        ("deploy", "POST", "/deployments", &deploy),
        ("tokens", "POST", "/tokens", &token),
        ("tokens", "DELETE", "/tokens/made", &nothing),
        ("secrets", "PATCH", "/secrets", &secrets),
        ("read", "GET", "/previews", &nothing),
        ("deploy", "POST", "/previews", &preview),
        ("secrets", "PATCH", "/previews/kept/secrets", &secrets),
        ("read", "GET", "/previews/kept/secrets", &nothing),
        ("deploy", "DELETE", "/previews/pr-7", &nothing),
        ("write", "DELETE", "", &nothing),
    ];
    for verb in ["read", "deploy", "tokens", "secrets", "logs"] {
        let pipeline = pipeline(&server, verb, &[&format!("{verb}:mine")]);
        for (needed, method, path, body) in work {
            let mine = pipeline.status(method, &format!("/v1/functions/mine{path}"), body);
            let is_allowed = needed == "read" || needed == verb;
            assert_eq!(mine != 403, is_allowed, "{verb}: {method} {path} {mine}");
            assert!(
                !is_allowed || (200..300).contains(&mine),
                "{verb}: {method} {path} {mine}"
            );
            let other = pipeline.status(method, &format!("/v1/functions/other{path}"), body);
            assert_eq!(other, 403, "{verb}: {method} {path}");
        }
        let (status, listed) = pipeline.send("GET", "/v1/functions", &nothing);
        assert_eq!(status, 200);
        assert!(
            listed.contains("\"mine\"") && !listed.contains("\"other\""),
            "{listed}"
        );
        for (method, path) in [
            ("GET", "/v1/access-tokens"),
            ("POST", "/v1/access-tokens"),
            ("GET", "/v1/audit"),
            ("POST", "/v1/leaked-tokens"),
        ] {
            let body = json!({ "values": ["x"], "name": "more", "scopes": ["admin"] });
            assert_eq!(pipeline.status(method, path, &body), 403, "{verb}: {path}");
        }
    }
}

#[test]
fn a_pipeline_can_make_the_first_deploy_of_its_function() {
    let server = TestServer::start();
    let pipeline = pipeline(&server, "ci", &["deploy:nueva", "tokens:nueva"]);
    let (status, deployed) = pipeline.send("POST", "/v1/functions/nueva/deployments", &upload());
    assert_eq!(status, 201, "{deployed}");
    let new = json!({ "slug": "vieja" });
    let (status, problem) = pipeline.send("POST", "/v1/functions", &new);
    assert_eq!(status, 403);
    assert!(
        problem.contains("lacks the scope `deploy:vieja`"),
        "{problem}"
    );
}

#[test]
fn a_scope_that_cannot_be_is_refused() {
    let server = TestServer::start();
    for scope in ["write:mine", "deploy:", "deploy:Mine", "deploy"] {
        let new = json!({ "name": "bad", "scopes": [scope] });
        let (status, problem) = server.manage("POST", "/v1/access-tokens", &new);
        assert_eq!(status, 422, "{problem}");
        assert!(problem.to_string().contains("deploy:SLUG"), "{problem}");
    }
}
