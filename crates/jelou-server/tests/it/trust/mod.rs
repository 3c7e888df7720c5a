//! Trust policies: identity tokens of a real issuer are exchanged for short-lived tokens.

mod issuer;

use std::sync::atomic::{AtomicUsize, Ordering};

use jelou_core::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Call, TestServer, logged, private_echo};
use issuer::{Issuer, Key, encode, unsigned};

const AUDIENCE: &str = "https://api.example.com";
const SOURCE: &str = "export default define({ description: \"One\", handler: () => 1 });";

struct Fixture {
    server: TestServer,
    clock: Clock,
    issuer: Issuer,
    key: Key,
}

fn start_time() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

impl Fixture {
    /// With a policy for deploys of `mine` from a pipeline of GitHub's kind.
    fn start() -> Self {
        Self::with(Key::rsa(), |policy| policy)
    }

    fn with(key: Key, change: impl FnOnce(Value) -> Value) -> Self {
        let issuer = Issuer::start(vec![key.jwk("one")]);
        let clock = Clock::fixed(start_time());
        let server = TestServer::start_with_clock(clock.clone(), |_| {});
        let fixture = Self {
            server,
            clock,
            issuer,
            key,
        };
        let policy = change(json!({
            "issuer": "github", "issuerUrl": fixture.issuer.url, "audience": AUDIENCE,
            "repository": "org/repo", "workflow": "deploy.yml", "environment": "production",
            "scopes": ["deploy:mine"],
        }));
        let (status, created) = fixture.server.manage("POST", "/v1/trust", &policy);
        assert_eq!(status, 201, "{created}");
        fixture
    }

    /// The claims of a valid token; each call has another `jti`.
    fn claims(&self) -> Value {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let now = self.clock.now().as_second();
        json!({
            "iss": self.issuer.url, "aud": AUDIENCE, "sub": "repo:org/repo:environment:production",
            "iat": now, "nbf": now, "exp": now + 300,
            "jti": format!("id-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            "repository": "org/repo", "repository_id": "11", "repository_owner_id": "22",
            "workflow_ref": "org/repo/.github/workflows/deploy.yml@refs/heads/main",
            "ref": "refs/heads/main", "environment": "production", "event_name": "push",
        })
    }

    fn token(&self) -> String {
        self.key.sign("one", &self.claims())
    }

    /// A valid token except for one claim; null removes the claim.
    fn token_with(&self, claim: &str, value: Value) -> String {
        let mut claims = self.claims();
        let map = claims.as_object_mut().unwrap();
        match value {
            Value::Null => drop(map.remove(claim)),
            value => drop(map.insert(claim.to_owned(), value)),
        }
        self.key.sign("one", &claims)
    }

    fn exchange(&self, token: &str, more: &str) -> (u16, Value) {
        exchange(&self.server, token, more)
    }

    fn refusal(&self, token: &str) -> String {
        let (status, body) = self.exchange(token, "");
        assert_eq!(
            (status, &body["error"]),
            (400, &json!("invalid_grant")),
            "{body}"
        );
        body["error_description"].as_str().unwrap().to_owned()
    }

    fn granted(&self, more: &str) -> String {
        let (status, body) = self.exchange(&self.token(), more);
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }
}

fn exchange(server: &TestServer, token: &str, more: &str) -> (u16, Value) {
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
         &subject_token_type=urn:ietf:params:oauth:token-type:jwt&subject_token={token}{more}"
    );
    let address = server.address();
    let call = Call::new(address, address, "/v1/token").body(form);
    let reply = call
        .header("content-type", "application/x-www-form-urlencoded")
        .send();
    (reply.status, reply.json())
}

fn upload() -> Value {
    let content = format!("import {{ define }} from \"@jelou/functions\";\n{SOURCE}");
    json!({ "files": [{ "path": "index.ts", "content": content }] })
}

/// The status of a request to the management API.
fn manage(server: &TestServer, token: &str, method: &'static str, path: &str, body: &Value) -> u16 {
    let address = server.address();
    let call = Call::new(address, address, path).json(body).method(method);
    let reply = call.header("authorization", &format!("Bearer {token}"));
    reply.send().status
}

#[test]
fn a_pipeline_deploys_its_function_and_nothing_else_for_15_minutes() {
    let fixture = Fixture::start();
    let Fixture { server, clock, .. } = &fixture;
    let (status, body) = fixture.exchange(&fixture.token(), "");
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 900);
    assert_eq!(body["scope"], "deploy:mine");
    assert_eq!(
        body["issued_token_type"],
        "urn:ietf:params:oauth:token-type:access_token"
    );
    let token = body["access_token"].as_str().unwrap();
    let deploy = |slug: &str| {
        let path = format!("/v1/functions/{slug}/deployments");
        manage(server, token, "POST", &path, &upload())
    };
    assert_eq!((deploy("mine"), deploy("other")), (201, 403));
    assert_eq!(
        manage(server, token, "GET", "/v1/access-tokens", &Value::Null),
        403
    );
    // The audit trail names the policy.
    let (_, audit) = server.manage("GET", "/v1/audit", &Value::Null);
    let entries = audit["items"].as_array().unwrap();
    let deployed = entries
        .iter()
        .find(|entry| entry["action"] == "deployment.create");
    let (_, policy) = server.manage("GET", "/v1/trust/github-org-repo", &Value::Null);
    assert_eq!(deployed.unwrap()["actor"], policy["id"], "{audit}");
    assert_eq!(policy["lastUsedAt"], json!(start_time()));
    clock.set(start_time() + SignedDuration::from_secs(899));
    assert_eq!(deploy("mine"), 200);
    clock.set(start_time() + SignedDuration::from_secs(900));
    assert_eq!(deploy("mine"), 401);
}

#[test]
fn each_claim_wrong_once() {
    let fixture = Fixture::start();
    let now = start_time().as_second();
    for (claim, value, words) in [
        (
            "aud",
            json!("https://other.example.com"),
            "a trust policy expects",
        ),
        (
            "aud",
            json!(["https://other.example.com"]),
            "a trust policy expects",
        ),
        ("aud", json!(7), "`aud`"),
        ("aud", Value::Null, "`aud`"),
        (
            "iss",
            json!("https://evil.example.com"),
            "no trust policy names",
        ),
        ("iss", Value::Null, "`iss`"),
        ("sub", Value::Null, "`sub`"),
        ("exp", json!(now - 31), "expired"),
        ("exp", json!("tomorrow"), "`exp`"),
        ("exp", Value::Null, "`exp`"),
        ("exp", json!(now + 90_000), "valid for"),
        ("iat", json!(now + 31), "not valid before"),
        ("iat", Value::Null, "`iat`"),
        ("nbf", json!(now + 31), "not valid before"),
        ("repository", json!("fork/repo"), "`repository`"),
        ("repository", Value::Null, "`repository`"),
        (
            "workflow_ref",
            json!("org/repo/.github/workflows/other.yml@refs/heads/main"),
            "`workflow_ref`",
        ),
        ("environment", json!("staging"), "`environment`"),
        ("environment", Value::Null, "`environment`"),
        ("event_name", json!("pull_request_target"), "`event_name`"),
        ("event_name", json!("workflow_run"), "`event_name`"),
        ("event_name", json!("pull_request"), "`event_name`"),
        ("repository_owner_id", Value::Null, "`repository_owner_id`"),
    ] {
        let refused = fixture.refusal(&fixture.token_with(claim, value.clone()));
        assert!(refused.contains(words), "{claim} {value}: {refused}");
    }
    // Clocks may differ a little.
    for (claim, value) in [("exp", json!(now - 29)), ("iat", json!(now + 29))] {
        let mut claims = fixture.claims();
        claims["iat"] = json!(now - 60);
        claims["nbf"] = json!(now - 60);
        claims[claim] = value;
        let (status, body) = fixture.exchange(&fixture.key.sign("one", &claims), "");
        assert_eq!(status, 200, "{claim} {body}");
    }
}

#[test]
fn signatures_that_are_none() {
    let fixture = Fixture::start();
    let claims = fixture.claims();
    for algorithm in ["none", "None", "NONE", "nOnE"] {
        let message = unsigned(&json!({ "alg": algorithm, "kid": "one" }), &claims);
        for token in [format!("{message}."), format!("{message}.AAAA"), message] {
            fixture.refusal(&token);
        }
    }
    // The public key as the secret of an HMAC.
    let jwk = fixture.key.jwk("one");
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned()] {
        for algorithm in ["HS256", "RS256", "ES256"] {
            let message = unsigned(&json!({ "alg": algorithm, "kid": "one" }), &claims);
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
            let tag = ring::hmac::sign(&key, message.as_bytes());
            fixture.refusal(&format!("{message}.{}", encode(tag.as_ref())));
        }
    }
    // Another key with the same id, the other algorithm, an altered claim, and no JWT at all.
    fixture.refusal(&Key::ec().sign("one", &claims));
    let token = fixture.token();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let mut altered = claims.clone();
    altered["environment"] = json!("staging");
    fixture.refusal(&format!(
        "{header}.{}.{signature}",
        encode(altered.to_string().as_bytes())
    ));
    for garbage in ["x", "a.b.c", "..", &"a".repeat(20_000)] {
        fixture.refusal(garbage);
    }
    // The valid token still works.
    assert_eq!(fixture.exchange(&token, "").0, 200);
}

#[test]
fn an_identity_token_works_once_also_after_a_restart() {
    let fixture = Fixture::start();
    let token = fixture.token();
    assert_eq!(fixture.exchange(&token, "").0, 200);
    assert!(fixture.refusal(&token).contains("used already"));
    let granted = fixture.granted("");
    let Fixture { server, .. } = fixture;
    let server = server.restart(|_| {});
    let (status, body) = exchange(&server, &token, "");
    assert_eq!(status, 400);
    assert!(
        body["error_description"]
            .as_str()
            .unwrap()
            .contains("used already"),
        "{body}"
    );
    // A token that was exchanged before still works.
    assert_eq!(
        manage(&server, &granted, "GET", "/v1/whoami", &Value::Null),
        200
    );
}

#[test]
fn a_renamed_repository_is_another_one() {
    let fixture = Fixture::start();
    fixture.granted("");
    for (claim, id) in [("repository_owner_id", "33"), ("repository_id", "34")] {
        let refused = fixture.refusal(&fixture.token_with(claim, json!(id)));
        assert!(
            refused.contains(claim) && refused.contains("another owner"),
            "{refused}"
        );
    }
    let (_, policy) = fixture
        .server
        .manage("GET", "/v1/trust/github-org-repo", &Value::Null);
    assert_eq!(
        policy["pinned"],
        json!({ "repository_owner_id": "22", "repository_id": "11" })
    );
    assert!(logged(&[
        "identity token refused",
        "`repository_owner_id` is `33`"
    ]));
    // If the policy already has the id, the first exchange cannot pin another id.
    let known = Fixture::with(Key::ec(), |mut policy| {
        policy["claims"] = json!({ "repository_owner_id": "44" });
        policy
    });
    assert!(
        known
            .refusal(&known.token())
            .contains("repository_owner_id")
    );
}

#[test]
fn keys_rotate_and_the_issuer_may_be_down() {
    let fixture = Fixture::with(Key::ec(), |policy| policy);
    fixture.granted("");
    let requests = fixture.issuer.requests();
    assert_eq!(requests, 2);
    // Invented key ids cause no requests within a minute.
    for number in 0..20 {
        let token = fixture
            .key
            .sign(&format!("invented-{number}"), &fixture.claims());
        assert!(fixture.refusal(&token).contains("has no key"));
    }
    assert_eq!(fixture.issuer.requests(), requests);
    // The known keys work while the issuer is down.
    fixture.issuer.set_down(true);
    fixture.granted("");

    // A server that has never read the keys reports this, and reads the key set later.
    let other = Issuer::start(vec![]);
    let policy = json!({
        "name": "other", "issuer": "other", "issuerUrl": other.url, "audience": AUDIENCE,
        "claims": { "sub": "pod" }, "scopes": ["logs:mine"],
    });
    assert_eq!(fixture.server.manage("POST", "/v1/trust", &policy).0, 201);
    other.set_down(true);
    let mut claims = fixture.claims();
    claims["iss"] = json!(other.url);
    let refused = fixture.refusal(&fixture.key.sign("two", &claims));
    assert!(refused.contains("cannot be read"), "{refused}");
    other.set_down(false);
    other.set_keys(vec![fixture.key.jwk("two")]);
    let refused = fixture.refusal(&fixture.key.sign("two", &claims));
    assert!(refused.contains("cannot be read"), "{refused}");
}

#[test]
fn a_pod_gets_a_runtime_token_with_the_limits_of_its_policy() {
    let fixture = Fixture::start();
    let Fixture { server, clock, .. } = &fixture;
    server.deploy("echo", &private_echo());
    server.deploy("other", &private_echo());
    let policy = json!({
        "name": "pod", "issuer": "other", "issuerUrl": fixture.issuer.url, "audience": AUDIENCE,
        "claims": { "sub": "system:serviceaccount:prod:api" },
        "call": { "function": "echo", "methods": ["GET"], "rate": "2/d" },
    });
    let (status, created) = server.manage("POST", "/v1/trust", &policy);
    assert_eq!(status, 201, "{created}");
    let identity = || fixture.token_with("sub", json!("system:serviceaccount:prod:api"));
    let (status, body) = fixture.exchange(&identity(), "&audience=echo");
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        (&body["token_type"], body["scope"].is_null()),
        (&json!("N_A"), true)
    );
    let token = body["access_token"].as_str().unwrap();
    let call = |slug: &str, method: &'static str| {
        server
            .call(slug, "/")
            .method(method)
            .token(token)
            .send()
            .status
    };
    assert_eq!((call("echo", "GET"), call("other", "GET")), (200, 401));
    assert_eq!(call("echo", "DELETE"), 403);
    assert_eq!((call("echo", "GET"), call("echo", "GET")), (200, 429));
    let document = server.call("echo", "/__token").token(token).send();
    assert_eq!(
        (document.status, &document.json()["name"]),
        (200, &json!("pod"))
    );
    // The runtime token is no access token, and another subject gets no token.
    assert_eq!(
        manage(server, token, "GET", "/v1/functions", &Value::Null),
        401
    );
    let other = fixture.token_with("sub", json!("system:serviceaccount:dev:api"));
    assert_eq!(fixture.exchange(&other, "&audience=echo").0, 400);
    assert_eq!(fixture.exchange(&identity(), "&audience=other").0, 400);
    // The token ends with its policy, or after 15 minutes.
    let (_, body) = fixture.exchange(&identity(), "&audience=echo");
    let second = body["access_token"].as_str().unwrap();
    clock.set(start_time() + SignedDuration::from_secs(60));
    let status = |token: &str| {
        server
            .call("echo", "/")
            .method("GET")
            .token(token)
            .send()
            .status
    };
    assert_eq!(status(second), 200);
    assert_eq!(
        server.manage("DELETE", "/v1/trust/pod", &Value::Null).0,
        204
    );
    assert_eq!((status(second), status(token)), (401, 401));
}

#[test]
fn scopes_can_be_narrowed_and_not_widened() {
    let fixture = Fixture::with(Key::ec(), |mut policy| {
        policy["scopes"] = json!(["deploy:mine", "secrets:mine"]);
        policy
    });
    let (status, body) = fixture.exchange(&fixture.token(), "&scope=deploy:mine");
    assert_eq!((status, &body["scope"]), (200, &json!("deploy:mine")));
    let (status, body) = fixture.exchange(&fixture.token(), "&scope=tokens:mine");
    assert_eq!(
        (status, &body["error"]),
        (400, &json!("invalid_scope")),
        "{body}"
    );
    // A leaked exchanged token is revoked like any other token.
    let token = fixture.granted("");
    let report = json!({ "values": [token] });
    let (_, answer) = fixture.server.manage("POST", "/v1/leaked-tokens", &report);
    assert_eq!(answer["items"][0]["outcome"], "revoked", "{answer}");
    assert_eq!(
        manage(&fixture.server, &token, "GET", "/v1/whoami", &Value::Null),
        401
    );
}

#[test]
fn policies_that_trust_too_much_are_refused() {
    let server = TestServer::start();
    let good = json!({
        "issuer": "github", "audience": AUDIENCE, "repository": "org/repo", "scopes": ["deploy:mine"],
    });
    for (field, value, words) in [
        ("repository", Value::Null, "needs a repository"),
        ("repository", json!("repo"), "owner/name"),
        ("scopes", Value::Null, "give one of them"),
        ("scopes", json!(["admin"]), "cannot have the scope `admin`"),
        ("issuerUrl", json!("http://example.com"), "https://"),
        ("audience", json!(""), "audience"),
        ("claims", json!({ "exp": "1" }), "always checked"),
        ("issuer", json!("other"), "no URL"),
        ("call", json!({ "function": "mine" }), "give one of them"),
    ] {
        let mut policy = good.clone();
        policy[field] = value;
        let (status, problem) = server.manage("POST", "/v1/trust", &policy);
        assert_eq!(status, 422, "{field}: {problem}");
        assert!(problem.to_string().contains(words), "{field}: {problem}");
    }
    assert_eq!(server.manage("POST", "/v1/trust", &good).0, 201);
    assert_eq!(server.manage("POST", "/v1/trust", &good).0, 409);
}
