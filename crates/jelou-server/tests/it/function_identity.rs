//! `ctx.identity`: signed identities of functions, verified as another service would: by discovery, the key set, and a
//! JOSE library.

use jelou_core::Clock;
use jelou_core::api::OpenPreview;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::{Call, Reply, TestServer};

const AUDIENCE: &str = "https://orders.example.com";

/// A function that returns its identity for the audience of its input.
const IDENTIFIES: &str = r#"
export default define({
  description: "x",
  input: z.object({ audience: z.any() }),
  handler: async ({ audience }, { identity }) => {
    try { return { token: await identity(audience) }; } catch (error) { return { error: error.message }; }
  },
});"#;

fn ask(server: &TestServer, slug: &str, token: &str, audience: &Value) -> Value {
    let reply = server
        .call(slug, "/")
        .token(token)
        .json(&json!({ "audience": audience }))
        .send();
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn identity(server: &TestServer, slug: &str, token: &str) -> String {
    let answer = ask(server, slug, token, &json!(AUDIENCE));
    answer["token"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

fn get(url: &str) -> Reply {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    Call::new(host, host, &format!("/{path}")).send()
}

/// Fetches the key set like a verifier that knows only the issuer.
fn key_set(issuer: &str) -> JwkSet {
    let discovery = get(&format!("{issuer}/.well-known/openid-configuration"));
    assert_eq!(discovery.status, 200);
    let discovery = discovery.json();
    assert_eq!(discovery["issuer"], issuer);
    assert_eq!(
        discovery["id_token_signing_alg_values_supported"],
        json!(["ES256"])
    );
    let keys = get(discovery["jwks_uri"].as_str().unwrap());
    assert_eq!(keys.header("access-control-allow-origin"), Some("*"));
    assert!(!keys.body.contains("\"d\""), "a private key: {}", keys.body);
    serde_json::from_str(&keys.body).unwrap()
}

fn verify(token: &str, keys: &JwkSet, issuer: &str, audience: &str) -> Result<Value, String> {
    let id = decode_header(token).unwrap().kid.unwrap();
    let key = keys.find(&id).ok_or_else(|| format!("no key {id}"))?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    // These tests set the clock of the server.
    validation.validate_exp = false;
    decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation)
        .map(|decoded| decoded.claims)
        .map_err(|error| error.to_string())
}

fn issuer_of(server: &TestServer) -> String {
    format!("http://{}", server.address())
}

fn start_time() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

#[test]
fn another_service_verifies_who_called() {
    let clock = Clock::fixed(start_time());
    let server = TestServer::start_with_clock(clock, |_| {});
    let issuer = issuer_of(&server);
    let mine = server.deploy("mine", IDENTIFIES);
    let token = identity(&server, "mine", &mine);
    let keys = key_set(&issuer);
    let claims = verify(&token, &keys, &issuer, AUDIENCE).unwrap();
    let (_, function) = server.manage("GET", "/v1/functions/mine", &Value::Null);
    let deployment = function["liveDeployment"]
        .as_str()
        .unwrap_or_else(|| panic!("{function}"));
    let now = start_time().as_second();
    for (claim, value) in [
        (
            "sub",
            json!(format!("function:mine:deployment:{deployment}")),
        ),
        ("function", json!("mine")),
        ("function_id", function["id"].clone()),
        ("deployment", json!(deployment)),
        ("iat", json!(now)),
        ("nbf", json!(now)),
        ("exp", json!(now + 900)),
        ("preview", Value::Null),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    let refused = verify(&token, &keys, &issuer, "https://other.example.com");
    assert_eq!(refused, Err("InvalidAudience".to_owned()));
    // Each token has its own id, for services that accept each token only once.
    let again = verify(&identity(&server, "mine", &mine), &keys, &issuer, AUDIENCE).unwrap();
    assert_ne!(claims["jti"], again["jti"]);

    // Web handlers have identities too, and the next deployment has another subject.
    for source in [
        "export default { fetch: async (_request, _env, ctx) => Response.json({ token: await ctx.identity(\"https://orders.example.com\") }) };",
        "export default async (_request, ctx) => Response.json({ token: await ctx.identity(\"https://orders.example.com\") });",
    ] {
        server.deploy("mine", source);
        let next = verify(&identity(&server, "mine", &mine), &keys, &issuer, AUDIENCE).unwrap();
        assert_eq!(next["function"], "mine");
        assert_ne!(next["sub"], claims["sub"]);
    }

    // A preview has another subject.
    let open = OpenPreview {
        name: Some("pr-1".parse().unwrap()),
        ..OpenPreview::default()
    };
    let preview = server.preview("mine", IDENTIFIES, open).unwrap();
    let id = preview.deployment.unwrap().id;
    let call = server.call("pr-1--mine", "/").token(&mine);
    let reply = call.json(&json!({ "audience": AUDIENCE })).send();
    let token = reply.json()["token"].as_str().unwrap().to_owned();
    let claims = verify(&token, &keys, &issuer, AUDIENCE).unwrap();
    assert_eq!(
        claims["sub"],
        format!("function:mine:preview:pr-1:deployment:{id}")
    );
    assert_eq!(claims["preview"], "pr-1");
}

#[test]
fn what_gives_no_identity() {
    let server = TestServer::start();
    let mine = server.deploy("mine", IDENTIFIES);
    let error = |audience: &Value| {
        let answer = ask(&server, "mine", &mine, audience);
        answer["error"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    };
    for nothing in [json!(""), json!(null), json!(7)] {
        assert!(
            error(&nothing).contains("ctx.identity() takes the audience"),
            "{nothing}"
        );
    }
    assert!(error(&json!("ñ".repeat(513))).contains("at most 1024 bytes, and this one has 1026"));
    assert!(ask(&server, "mine", &mine, &json!("ñ".repeat(512)))["token"].is_string());

    // The function's own requests cannot reach the address of the API.
    let mine = server.deploy(
        "direct",
        r#"export default define({ description: "x", handler: async (_input, ctx) => {
          const ask = async (headers) => {
            try {
              const body = JSON.stringify({ audience: "x" });
              const reply = await fetch("http://jelou.internal/identity", { method: "POST", headers, body });
              return await reply.text();
            } catch (error) { return error.name; }
          };
          return [await ask({}), await ask({ "x-jelou-parent": ctx.requestId })];
        } });"#,
    );
    let reply = server
        .call("direct", "/")
        .token(&mine)
        .json(&json!({}))
        .send();
    assert_eq!(reply.json(), json!(["TypeError", "TypeError"]));

    // A request that has ended gets no identity token.
    let token = server.deploy(
        "late",
        r#"let late;
        export default define({ description: "x", handler: async (_input, ctx) => {
          if (ctx.path === "/late") return await late;
          late = new Promise((resolve) => setTimeout(() => ctx.identity("x").catch((error) => error.message).then(resolve), 200));
          return {};
        } });"#,
    );
    assert_eq!(server.call("late", "/").token(&token).send().status, 200);
    let reply = server.call("late", "/late").token(&token).send();
    assert_eq!(
        reply.json(),
        json!("ctx.identity: the request is over: await ctx.identity before you return the result")
    );
}

#[test]
fn a_server_that_others_can_reach_needs_a_public_url() {
    let server = TestServer::start_with(|config| config.domain = "fn.example.com".to_owned());
    let token = server.deploy("mine", IDENTIFIES);
    let call = |server: &TestServer| {
        let call = Call::new(server.address(), "mine.fn.example.com", "/").token(&token);
        call.json(&json!({ "audience": AUDIENCE })).send().json()
    };
    let answer = call(&server);
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("set `public_url`"),
        "{answer}"
    );
    let address = server.address();
    let none = Call::new(address, address, "/.well-known/openid-configuration").send();
    assert_eq!(none.status, 404);

    // The documents are below the path of the URL. Functions do not serve them.
    let url = "https://api.example.com/jelou";
    let server = server.restart(|config| config.public_url = Some(url.to_owned()));
    let claims = call(&server)["token"]
        .as_str()
        .map(|token| token.split('.').nth(1).unwrap().to_owned());
    assert!(claims.is_some());
    let at = |host: &str, path: &str| Call::new(server.address(), host, path).send();
    let discovery = at("api.example.com", "/jelou/.well-known/openid-configuration");
    assert_eq!(
        discovery.json()["jwks_uri"],
        format!("{url}/.well-known/jwks.json")
    );
    assert_eq!(
        at("api.example.com", "/jelou/.well-known/jwks.json").status,
        200
    );
    assert_eq!(
        at("mine.fn.example.com", "/jelou/.well-known/jwks.json").status,
        401
    );
    let post = Call::new(
        server.address(),
        "api.example.com",
        "/jelou/.well-known/jwks.json",
    )
    .body("");
    let post = post.send();
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD"))
    );
}

#[test]
fn keys_rotate_without_a_gap_and_survive_a_restart() {
    let clock = Clock::fixed(start_time());
    let server = TestServer::start_with_clock(clock.clone(), |_| {});
    let mine = server.deploy("mine", IDENTIFIES);
    let ids = |keys: &JwkSet| -> Vec<String> {
        let ids = keys.keys.iter().map(|key| key.common.key_id.clone());
        ids.map(Option::unwrap).collect()
    };
    let kid = |token: &str| decode_header(token).unwrap().kid.unwrap();
    let issuer = issuer_of(&server);
    let published = ids(&key_set(&issuer));
    assert_eq!(published.len(), 2);
    let last_of_first = {
        clock
            .set(start_time() + SignedDuration::from_hours(30 * 24) - SignedDuration::from_secs(1));
        identity(&server, "mine", &mine)
    };
    assert_eq!(kid(&last_of_first), published[0]);

    // The second key has been published since the start, so a verifier with the old key set knows it.
    let old_set = key_set(&issuer);
    clock.set(start_time() + SignedDuration::from_hours(30 * 24));
    let first_of_second = identity(&server, "mine", &mine);
    assert_eq!(kid(&first_of_second), published[1]);
    assert!(verify(&first_of_second, &old_set, &issuer, AUDIENCE).is_ok());
    // The first key is kept for the tokens that it has signed, and a third key is published.
    let keys = key_set(&issuer);
    assert_eq!(ids(&keys)[..2], published);
    assert_eq!(keys.keys.len(), 3);
    assert!(verify(&last_of_first, &keys, &issuer, AUDIENCE).is_ok());

    let server = server.restart(|_| {});
    let issuer = issuer_of(&server);
    assert_eq!(ids(&key_set(&issuer)), ids(&keys));
    clock.set(start_time() + SignedDuration::from_hours(31 * 24) + SignedDuration::from_secs(1));
    assert_eq!(ids(&key_set(&issuer)), ids(&keys)[1..]);
    let refused = verify(&last_of_first, &key_set(&issuer), &issuer, AUDIENCE);
    assert!(refused.is_err_and(|error| error.starts_with("no key")));
}

#[test]
fn another_server_trusts_a_function_of_this_one() {
    let home = TestServer::start();
    let token = home.deploy("caller", IDENTIFIES);
    let other = home.deploy("stranger", IDENTIFIES);
    let away = TestServer::start();
    away.deploy(
        "target",
        "export default define({ description: \"x\", handler: () => \"hello\" });",
    );
    let policy = json!({
        "name": "caller-of-home", "issuer": "other", "issuerUrl": issuer_of(&home), "audience": AUDIENCE,
        "claims": { "function": "caller" }, "call": { "function": "target" },
    });
    let (status, created) = away.manage("POST", "/v1/trust", &policy);
    assert_eq!(status, 201, "{created}");
    let exchange = |identity: &str| {
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token_type=urn:ietf:params:oauth:token-type:jwt&subject_token={identity}&audience=target"
        );
        let call = Call::new(away.address(), away.address(), "/v1/token").body(form);
        let call = call.header("content-type", "application/x-www-form-urlencoded");
        let reply = call.send();
        (reply.status, reply.json())
    };
    let (status, granted) = exchange(&identity(&home, "caller", &token));
    assert_eq!(status, 200, "{granted}");
    let granted = granted["access_token"].as_str().unwrap();
    let reply = away.call("target", "/").token(granted).send();
    assert_eq!((reply.status, reply.json()), (200, json!("hello")));
    let (status, refused) = exchange(&identity(&home, "stranger", &other));
    assert_eq!(status, 400, "{refused}");
}
