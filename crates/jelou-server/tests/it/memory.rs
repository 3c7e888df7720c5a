//! `ctx.memory`, from a function's call to the database.

use serde_json::{Value, json};

use crate::support::{Call, TestServer, eventually};

const NOTES: &str = r#"export default define({ description: "Notes", handler: async (input, ctx) => {
  const { memory } = ctx;
  try {
    switch (input.do) {
      case "set": return { done: await memory.set(input.key, input.value, input.ttl) ?? null };
      case "setJson": return { done: await memory.setJson(input.key, input.value, input.ttl) ?? null };
      case "delete": return { done: await memory.delete(input.key) ?? null };
      case "getJson": return { value: await memory.getJson(input.key, "nothing") };
      case "large": return { done: await memory.setJson("large", "x".repeat(input.bytes)) ?? null };
      case "late": {
        setTimeout(async () => { try { await memory.set("late", "1"); } catch (error) { globalThis.late = error.message; } });
        return { late: globalThis.late ?? null };
      }
      case "get": return { value: await memory.get(input.key), available: memory.available };
    }
  } catch (error) { return { error: error.message }; }
} });"#;

const ANA: &str = r#"{"user":{"id":"ana"}}"#;
const EVA: &str = r#"{"user":{"id":"eva"}}"#;

struct Notes<'a> {
    server: &'a TestServer,
    slug: &'a str,
    token: &'a str,
    /// The value of the header `X-Jelou-Identity`.
    identity: Option<&'a str>,
}

impl Notes<'_> {
    fn call(&self, input: &Value) -> Value {
        let call: Call = self.server.call(self.slug, "/").token(self.token);
        let call = match self.identity {
            Some(identity) => call.header("x-jelou-identity", identity),
            None => call,
        };
        call.json(input).send().json()
    }

    fn get(&self, key: &str) -> Value {
        self.call(&json!({ "do": "get", "key": key }))["value"].clone()
    }

    fn set(&self, key: &str, value: &str) {
        let input = json!({ "do": "set", "key": key, "value": value, "ttl": 3600 });
        assert_eq!(self.call(&input), json!({ "done": null }));
    }
}

fn start() -> TestServer {
    TestServer::start_with(|config| {
        config.identity.trusted = serde_json::from_value(json!(["127.0.0.1"])).unwrap();
        config.limits.max_memory_entries = 4;
    })
}

#[test]
fn values_belong_to_a_function_and_its_user() {
    let server = start();
    let tokens = ["one", "other"].map(|slug| server.deploy(slug, NOTES));
    let of = |slug: usize, identity| Notes {
        server: &server,
        slug: ["one", "other"][slug],
        token: &tokens[slug],
        identity,
    };
    let ana = of(0, Some(ANA));
    ana.set("city / ñ?", "Quito");
    assert_eq!(ana.get("city / ñ?"), "Quito");
    for stranger in [of(0, Some(EVA)), of(0, None), of(1, Some(ANA))] {
        assert_eq!(stranger.get("city / ñ?"), Value::Null);
    }
    // Without a user, the memory belongs to the conversation.
    let chat = of(0, Some(r#"{"conversation":{"id":"ana"}}"#));
    chat.set("city / ñ?", "Lima");
    let other = of(0, Some(r#"{"conversation":{"id":"eva"}}"#));
    assert_eq!(other.get("city / ñ?"), Value::Null);
    let in_chat = r#"{"user":{"id":"ana"},"conversation":{"id":"eva"}}"#;
    assert_eq!(of(0, Some(in_chat)).get("city / ñ?"), "Quito");
    assert_eq!(chat.get("city / ñ?"), "Lima");

    let first = ana.call(&json!({ "do": "get", "key": "x" }));
    assert_eq!(first, json!({ "value": null, "available": true }));
    ana.call(&json!({ "do": "setJson", "key": "list", "value": [1, { "a": "ñ" }] }));
    let read = |notes: &Notes<'_>| notes.call(&json!({ "do": "getJson", "key": "list" }));
    assert_eq!(read(&ana), json!({ "value": [1, { "a": "ñ" }] }));

    // A value survives a deploy and a restart of the server, but not its expiry.
    server.deploy("one", &format!("// again\n{NOTES}"));
    assert_eq!(ana.get("city / ñ?"), "Quito");
    let soon = json!({ "do": "set", "key": "soon", "value": "gone", "ttl": 0.001 });
    ana.call(&soon);
    eventually("the end of its time", || {
        (ana.get("soon") == Value::Null).then_some(())
    });
    ana.call(&json!({ "do": "delete", "key": "list" }));
    assert_eq!(read(&ana), json!({ "value": "nothing" }));
    let server = server.restart(|_| {});
    let ana = Notes {
        server: &server,
        slug: "one",
        token: &tokens[0],
        identity: Some(ANA),
    };
    assert_eq!(ana.get("city / ñ?"), "Quito");
}

#[test]
fn its_limits_are_told_to_the_function() {
    let server = start();
    let token = server.deploy("one", NOTES);
    let notes = Notes {
        server: &server,
        slug: "one",
        token: &token,
        identity: None,
    };
    let error = |input: Value| -> String {
        let answer = notes.call(&input);
        let error = answer["error"].as_str();
        error.unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let large = error(json!({ "do": "large", "bytes": 65535 }));
    assert!(large.contains("limits.max_memory_value_bytes"), "{large}");
    let huge = error(json!({ "do": "large", "bytes": 2_000_000 }));
    assert!(huge.contains("limits.max_memory_value_bytes"), "{huge}");
    // As JSON, with its quotes, it has exactly 64 KB.
    assert_eq!(
        notes.call(&json!({ "do": "large", "bytes": 65534 })),
        json!({ "done": null })
    );
    let key = error(json!({ "do": "set", "key": "x".repeat(256), "value": "1" }));
    assert!(key.contains("255"), "{key}");
    for key in ["a", "b", "c"] {
        notes.set(key, "1");
    }
    let full = error(json!({ "do": "set", "key": "d", "value": "1" }));
    assert!(full.contains("limits.max_memory_entries"), "{full}");
    // An existing value can still be replaced.
    notes.set("c", "2");

    // After the request has ended, its id no longer selects a memory.
    let late = eventually("the end of the request", || {
        let answer = notes.call(&json!({ "do": "late" }));
        answer["late"].as_str().map(str::to_owned)
    });
    assert!(late.contains("the request is over"), "{late}");
}

#[test]
fn its_host_is_nowhere_else() {
    let server = start();
    server.deploy("one", NOTES);
    let answer = server.wire().request(
        "GET /memory/a",
        &["Host: jelou.internal", "X-Jelou-Parent: x"],
    );
    assert_eq!(answer.status, 404);
}
