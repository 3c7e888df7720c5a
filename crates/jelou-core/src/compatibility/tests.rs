//! Tests which changes break callers, and which do not.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the values are written in the calls"
)]

use serde_json::{Value, json};

use super::*;
use crate::manifest::Mode;

fn tool(key: &str) -> Tool {
    Tool {
        key: key.to_owned(),
        name: key.to_owned(),
        description: "A test".to_owned(),
        path: format!("/{key}"),
        methods: vec!["POST".to_owned()],
        timeout_ms: None,
        mcp: true,
        public: false,
        cors: Some(Cors::default()),
        cron: Vec::new(),
        input_schema: None,
        output_schema: None,
        annotations: None,
    }
}

fn app(tools: Vec<Tool>) -> Manifest {
    Manifest {
        mode: Mode::App,
        name: None,
        description: "A test".to_owned(),
        tools,
        env: true,
        keep_warm: 0,
        routes: Vec::new(),
        logs: crate::LogRules::default(),
        openapi: None,
    }
}

fn between(old: Tool, new: Tool) -> Vec<String> {
    let changes = breaking_changes(&app(vec![old]), &app(vec![new]));
    changes
        .iter()
        .map(|change| format!("{}: {}", change.place, change.change))
        .collect()
}

fn inputs(old: Value, new: Value) -> Vec<String> {
    let with = |schema| Tool {
        input_schema: Some(schema),
        ..tool("t")
    };
    between(with(old), with(new))
}

fn outputs(old: Value, new: Value) -> Vec<String> {
    let with = |schema| Tool {
        output_schema: Some(schema),
        ..tool("t")
    };
    between(with(old), with(new))
}

/// Returns the schema of an object with one property `a` of this schema, required or not.
fn object(a: Value, required: bool) -> Value {
    let required = if required { vec!["a"] } else { Vec::new() };
    json!({ "type": "object", "properties": { "a": a }, "required": required })
}

fn property(old: Value, new: Value) -> Vec<String> {
    inputs(object(old, true), object(new, true))
}

#[test]
fn the_same_manifest_breaks_nothing() {
    let mut full = tool("t");
    full.input_schema = Some(json!({
        "type": "object",
        "properties": {
            "email": { "type": "string", "format": "email", "pattern": "^x$" },
            "age": { "type": "integer", "minimum": 0, "exclusiveMaximum": 200 },
            "kind": { "enum": ["a", "b"] },
            "tags": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            "pair": { "type": "array", "prefixItems": [{ "type": "string" }, { "type": "number" }] },
            "any": {},
            "either": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
            "record": { "type": "object", "propertyNames": { "type": "string" }, "additionalProperties": { "type": "number" } },
            "tree": { "$ref": "#/$defs/tree" }
        },
        "required": ["email"],
        "additionalProperties": false,
        "$defs": { "tree": { "type": "object", "properties": { "left": { "$ref": "#/$defs/tree" } } } }
    }));
    full.output_schema = full.input_schema.clone();
    assert_eq!(between(full.clone(), full), Vec::<String>::new());
}

#[test]
fn tools_and_routes() {
    assert_eq!(
        breaking_changes(&app(vec![tool("a"), tool("b")]), &app(vec![tool("b")])).len(),
        2
    );
    assert_eq!(
        between(tool("a"), tool("b")),
        [
            "route: POST /a was removed",
            "mcp: the tool `a` was removed"
        ]
    );
    assert_eq!(
        breaking_changes(&app(vec![tool("a")]), &app(vec![tool("a"), tool("b")])),
        []
    );

    let renamed = Tool {
        path: "/a".to_owned(),
        ..tool("b")
    };
    assert_eq!(
        between(tool("a"), renamed),
        ["mcp: the tool `a` was removed"]
    );
    let moved = Tool {
        path: "/elsewhere".to_owned(),
        ..tool("a")
    };
    assert_eq!(between(tool("a"), moved), ["route: POST /a was removed"]);
    let everywhere = Tool {
        path: "*".to_owned(),
        ..tool("a")
    };
    assert_eq!(between(tool("a"), everywhere), Vec::<String>::new());
    let hidden = Tool {
        mcp: false,
        ..tool("a")
    };
    assert_eq!(
        between(tool("a"), hidden.clone()),
        ["mcp: the tool `a` was removed"]
    );
    assert_eq!(between(hidden, tool("a")), Vec::<String>::new());
}

#[test]
fn methods() {
    let both = Tool {
        methods: vec!["GET".to_owned(), "POST".to_owned()],
        ..tool("a")
    };
    assert_eq!(
        between(both.clone(), tool("a")),
        ["route: /a no longer takes GET"]
    );
    assert_eq!(between(tool("a"), both), Vec::<String>::new());
    // Two tools may share a path.
    let get = Tool {
        path: "/x".to_owned(),
        methods: vec!["GET".to_owned()],
        ..tool("get")
    };
    let post = Tool {
        path: "/x".to_owned(),
        ..tool("post")
    };
    let old = Tool {
        methods: vec!["GET".to_owned(), "POST".to_owned()],
        mcp: false,
        ..get.clone()
    };
    assert_eq!(breaking_changes(&app(vec![old]), &app(vec![get, post])), []);
}

#[test]
fn access_and_origins() {
    let public = Tool {
        public: true,
        ..tool("a")
    };
    assert_eq!(
        between(public.clone(), tool("a")),
        ["access: it needs a token now"]
    );
    assert_eq!(between(tool("a"), public), Vec::<String>::new());
    let without = Tool {
        cors: None,
        ..tool("a")
    };
    assert_eq!(between(tool("a"), without.clone()), Vec::<String>::new());
    assert_eq!(between(without.clone(), tool("a")), Vec::<String>::new());
    let origins = |origins: &[&str]| Tool {
        cors: Some(Cors {
            origin: origins.iter().map(ToString::to_string).collect(),
            ..Cors::default()
        }),
        ..tool("a")
    };
    assert_eq!(
        between(
            origins(&["https://a", "https://b"]),
            origins(&["https://b"])
        ),
        ["cors: the origin `https://a` is no longer allowed"]
    );
    assert_eq!(
        between(without.clone(), origins(&["https://a"])),
        ["cors: the origin `*` is no longer allowed"]
    );
    assert_eq!(
        between(origins(&["https://a"]), without),
        Vec::<String>::new()
    );
    assert_eq!(
        between(origins(&["https://a"]), origins(&["*"])),
        Vec::<String>::new()
    );
}

#[test]
fn required_properties() {
    let text = json!({ "type": "string" });
    assert_eq!(
        inputs(object(text.clone(), false), object(text.clone(), true)),
        ["input.a: it is required now"]
    );
    assert_eq!(
        inputs(json!({ "type": "object" }), object(text.clone(), true)),
        ["input.a: it is required now"]
    );
    assert_eq!(
        inputs(object(text.clone(), true), object(text.clone(), false)),
        Vec::<String>::new()
    );
    assert_eq!(
        inputs(object(text.clone(), true), json!({ "type": "object" })),
        Vec::<String>::new()
    );
    // A tool without a schema accepts any object.
    let with = Tool {
        input_schema: Some(object(text.clone(), true)),
        ..tool("t")
    };
    assert_eq!(
        between(tool("t"), with.clone()),
        ["input.a: it is required now"]
    );
    assert_eq!(between(with, tool("t")), Vec::<String>::new());
    let optional = Tool {
        input_schema: Some(object(text, false)),
        ..tool("t")
    };
    assert_eq!(between(tool("t"), optional), Vec::<String>::new());
}

#[test]
fn path_parameters_have_no_names_for_http_callers() {
    let with = |name: &str, mcp| Tool {
        path: format!("/orders/:{name}"),
        mcp,
        input_schema: Some(
            json!({ "type": "object", "properties": { name: { "type": "string" } }, "required": [name] }),
        ),
        ..tool("t")
    };
    assert_eq!(
        between(with("id", false), with("order", false)),
        Vec::<String>::new()
    );
    assert_eq!(
        between(with("id", true), with("order", true)),
        ["input.order: it is required now"]
    );
}

#[test]
fn types() {
    let of = |name: &str| json!({ "type": name });
    assert_eq!(
        property(of("string"), of("number")),
        ["input.a: it takes number now, and no longer string"]
    );
    assert_eq!(
        property(of("number"), of("integer")),
        ["input.a: it takes integer now, and no longer number"]
    );
    assert_eq!(property(of("integer"), of("number")), Vec::<String>::new());
    assert_eq!(
        property(json!({}), of("string")),
        ["input.a: it takes only string now"]
    );
    assert_eq!(property(of("string"), json!({})), Vec::<String>::new());
    assert_eq!(property(of("string"), json!(true)), Vec::<String>::new());
    assert_eq!(
        property(of("string"), json!({ "not": {} })),
        ["input.a: it is refused now"]
    );
    assert_eq!(
        property(of("string"), json!(false)),
        ["input.a: it is refused now"]
    );
}

#[test]
fn unions() {
    let nullable = json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] });
    let text = json!({ "type": "string" });
    assert_eq!(
        property(nullable.clone(), text.clone()),
        ["input.a: it takes string now, and no longer null"]
    );
    assert_eq!(
        property(text.clone(), nullable.clone()),
        Vec::<String>::new()
    );
    assert_eq!(
        property(json!({ "type": ["string", "null"] }), nullable.clone()),
        Vec::<String>::new()
    );
    assert_eq!(
        property(nullable.clone(), json!({ "type": ["null", "string"] })),
        Vec::<String>::new()
    );
    assert_eq!(
        property(
            nullable,
            json!({ "anyOf": [{ "type": "string", "minLength": 3 }, { "type": "null" }] })
        ),
        ["input.a: it takes only a length of at least 3 now"]
    );
    let shape = |kind: &str, field: &str| json!({ "type": "object", "properties": { "kind": { "const": kind }, field: { "type": "string" } }, "required": ["kind", field] });
    let old = json!({ "oneOf": [shape("a", "x"), shape("b", "y")] });
    let new = json!({ "oneOf": [shape("a", "x"), shape("b", "z")] });
    assert_eq!(
        property(old.clone(), new),
        ["input.a.z: it is required now"]
    );
    assert_eq!(
        property(
            old.clone(),
            json!({ "oneOf": [shape("b", "y"), shape("a", "x"), shape("c", "x")] })
        ),
        Vec::<String>::new()
    );
}

#[test]
fn lists_of_values() {
    let of = |values: &[&str]| json!({ "type": "string", "enum": values });
    assert_eq!(
        property(of(&["a", "b"]), of(&["b"])),
        ["input.a: it no longer takes \"a\""]
    );
    assert_eq!(property(of(&["a"]), of(&["b", "a"])), Vec::<String>::new());
    assert_eq!(
        property(of(&["a"]), json!({ "type": "string" })),
        Vec::<String>::new()
    );
    assert_eq!(
        property(json!({ "type": "string" }), of(&["a", "b"])),
        ["input.a: it takes only \"a\", \"b\" now"]
    );
    assert_eq!(
        property(json!({ "const": 1 }), json!({ "const": 2 })),
        ["input.a: it no longer takes 1"]
    );
    let split = json!({ "anyOf": [{ "const": "a" }, { "const": "b" }] });
    assert_eq!(
        property(of(&["a", "b"]), split.clone()),
        Vec::<String>::new()
    );
    assert_eq!(
        property(of(&["a", "c"]), split),
        ["input.a: it no longer takes \"c\""]
    );
}

#[test]
fn bounds() {
    let number = |bounds: Value| {
        let mut schema = json!({ "type": "number" });
        schema
            .as_object_mut()
            .unwrap()
            .extend(bounds.as_object().unwrap().clone());
        schema
    };
    for (old, new, expected) in [
        (
            json!({}),
            json!({ "minimum": 1 }),
            Some("a value of at least 1"),
        ),
        (json!({ "minimum": 1 }), json!({ "minimum": 0 }), None),
        (
            json!({ "minimum": 1 }),
            json!({ "exclusiveMinimum": 1 }),
            Some("a value of more than 1"),
        ),
        (
            json!({ "exclusiveMinimum": 1 }),
            json!({ "minimum": 1 }),
            None,
        ),
        (
            json!({ "maximum": 9 }),
            json!({ "maximum": 8 }),
            Some("a value of at most 8"),
        ),
        (json!({ "maximum": 8 }), json!({ "maximum": 9 }), None),
        (
            json!({ "maximum": 8 }),
            json!({ "exclusiveMaximum": 8 }),
            Some("a value of less than 8"),
        ),
    ] {
        let found = property(number(old.clone()), number(new.clone()));
        let expected: Vec<_> = expected
            .map(|text| format!("input.a: it takes only {text} now"))
            .into_iter()
            .collect();
        assert_eq!(found, expected, "{old} {new}");
    }
    let text = |bounds: Value| json!({ "allOf": [{ "type": "string" }, bounds] });
    assert_eq!(
        property(text(json!({})), text(json!({ "minLength": 0 }))),
        Vec::<String>::new()
    );
    assert_eq!(
        property(
            text(json!({ "maxLength": 10 })),
            text(json!({ "maxLength": 5 }))
        ),
        ["input.a: it takes only a length of at most 5 now"]
    );
    assert_eq!(
        property(
            number(json!({ "multipleOf": 4 })),
            number(json!({ "multipleOf": 2 }))
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        property(number(json!({})), number(json!({ "multipleOf": 2 }))),
        ["input.a: only multiples of 2 are valid now"]
    );
}

#[test]
fn formats_and_patterns() {
    let text = json!({ "type": "string" });
    let email = json!({ "type": "string", "format": "email", "pattern": "^1$" });
    assert_eq!(
        property(text.clone(), email.clone()),
        ["input.a: only a email is valid now"]
    );
    assert_eq!(property(email.clone(), text.clone()), Vec::<String>::new());
    // The pattern may differ, because another release of the schema library may generate another pattern.
    assert_eq!(
        property(
            email,
            json!({ "type": "string", "format": "email", "pattern": "^2$" })
        ),
        Vec::<String>::new()
    );
    let pattern = |text: &str| json!({ "type": "string", "pattern": text });
    assert_eq!(
        property(text, pattern("^a")),
        ["input.a: only text that matches `^a` is valid now"]
    );
    assert_eq!(
        property(pattern("^a"), pattern("^b")),
        ["input.a: only text that matches `^b` is valid now"]
    );
}

#[test]
fn unknown_properties() {
    let open = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let strict = json!({ "type": "object", "properties": { "a": { "type": "string" } }, "additionalProperties": false });
    assert_eq!(
        inputs(open.clone(), strict.clone()),
        ["input: unknown properties are refused now"]
    );
    assert_eq!(inputs(strict.clone(), open), Vec::<String>::new());
    let other =
        json!({ "type": "object", "properties": { "b": {} }, "additionalProperties": false });
    assert_eq!(inputs(strict, other), ["input.a: it is refused now"]);
    let record = |name: &str| json!({ "type": "object", "additionalProperties": { "type": name } });
    assert_eq!(
        inputs(record("string"), record("number")),
        ["input.*: it takes number now, and no longer string"]
    );
}

#[test]
fn arrays_and_tuples() {
    let of = |items: Value| json!({ "type": "array", "items": items });
    assert_eq!(
        property(
            of(json!({ "type": "string" })),
            of(json!({ "type": "number" }))
        ),
        ["input.a[]: it takes number now, and no longer string"]
    );
    assert_eq!(
        property(json!({ "type": "array" }), of(json!({ "type": "number" }))),
        ["input.a[]: it takes only number now"]
    );
    let tuple = |items: Value| json!({ "type": "array", "prefixItems": items });
    assert_eq!(
        property(
            tuple(json!([{ "type": "string" }, { "type": "string" }])),
            tuple(json!([{ "type": "string" }, { "type": "number" }]))
        ),
        ["input.a[1]: it takes number now, and no longer string"]
    );
    assert_eq!(
        property(
            of(json!({})),
            json!({ "type": "array", "items": {}, "maxItems": 3 })
        ),
        ["input.a: it takes only a number of items of at most 3 now"]
    );
}

#[test]
fn references_and_recursion() {
    let tree = |leaf: &str| {
        json!({
            "$ref": "#/$defs/tree",
            "$defs": { "tree": {
                "type": "object",
                "properties": { "leaf": { "type": leaf }, "left": { "$ref": "#/$defs/tree" } }
            } }
        })
    };
    assert_eq!(inputs(tree("string"), tree("string")), Vec::<String>::new());
    let found = inputs(tree("string"), tree("number"));
    assert_eq!(
        found[0],
        "input.leaf: it takes number now, and no longer string"
    );
    let flat = json!({ "type": "object", "properties": { "leaf": { "type": "string" } } });
    assert_eq!(inputs(tree("string"), flat), Vec::<String>::new());
    let endless = json!({ "$ref": "#" });
    assert_eq!(inputs(endless.clone(), endless), Vec::<String>::new());
}

#[test]
fn intersections() {
    let both = json!({ "allOf": [object(json!({ "type": "string" }), true), { "type": "object", "properties": { "b": { "type": "number" } }, "required": ["b"] }] });
    let flat = json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "number" } }, "required": ["a", "b"] });
    assert_eq!(inputs(both.clone(), flat.clone()), Vec::<String>::new());
    assert_eq!(inputs(flat, both.clone()), Vec::<String>::new());
    assert_eq!(
        inputs(object(json!({ "type": "string" }), true), both),
        ["input.b: it is required now"]
    );
}

#[test]
fn outputs_may_add_but_not_remove_guarantees() {
    let text = json!({ "type": "string" });
    let closed = |schema: Value| {
        let mut schema = schema;
        schema["additionalProperties"] = json!(false);
        schema
    };
    assert_eq!(
        outputs(object(text.clone(), true), object(text.clone(), false)),
        ["output.a: it may be missing now"]
    );
    assert_eq!(
        outputs(
            object(text.clone(), true),
            closed(json!({ "type": "object" }))
        ),
        ["output.a: it was removed"]
    );
    assert_eq!(
        outputs(object(text.clone(), false), object(text.clone(), true)),
        Vec::<String>::new()
    );
    // An additional property does not break readers.
    let more = json!({ "type": "object", "properties": { "a": text, "b": text }, "required": ["a", "b"], "additionalProperties": false });
    assert_eq!(
        outputs(closed(object(text.clone(), true)), more),
        Vec::<String>::new()
    );
    let nullable = json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] });
    assert_eq!(
        outputs(object(text.clone(), true), object(nullable.clone(), true)),
        ["output.a: it may be null now, and was string"]
    );
    assert_eq!(
        outputs(object(nullable, true), object(text.clone(), true)),
        Vec::<String>::new()
    );
    let of = |values: &[&str]| object(json!({ "enum": values }), true);
    assert_eq!(
        outputs(of(&["a"]), of(&["a", "b"])),
        ["output.a: it may be \"b\" now"]
    );
    assert_eq!(
        outputs(
            object(text, true),
            object(json!({ "type": "number" }), true)
        ),
        ["output.a: it may be number now, and was string"]
    );
}

#[test]
fn the_comparison_of_a_huge_union_ends() {
    let branch = |number: usize| {
        object(
            json!({ "anyOf": (0..40).map(|n| json!({ "const": n + number })).collect::<Vec<_>>() }),
            true,
        )
    };
    let many = json!({ "anyOf": (0..200).map(branch).collect::<Vec<_>>() });
    let _ = inputs(many.clone(), many);
}
