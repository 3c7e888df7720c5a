//! Web handlers as people write them: each is deployed unchanged, behind the same tokens, limits and logs.

use serde_json::{Value, json};

use crate::support::{Outcome, Reply, Sandbox, Serve, Server, eventually};

/// The same small application in every form. `/boom` fails in the line with `boom`.
const APPLICATION: &str = r#"
async function application(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  if (pathname === "/boom") {
    throw new Error("boom");
  }
  if (pathname === "/stream") return new Response(request.body);
  if (pathname === "/json") return Response.json({ got: await request.json() }, { status: 201 });
  if (pathname !== "/") return new Response("nothing here", { status: 404 });
  const token = request.headers.get("x-jelou-token");
  return new Response(`${request.method} ${search} ${token}`);
}
"#;

/// The forms that start the application: a name, and the text after [`APPLICATION`].
const FORMS: [(&str, &str); 12] = [
    ("a default object", "export default { fetch: application };"),
    (
        "an app whose fetch uses this",
        "class App { answer = application; fetch(request: Request) { return this.answer(request); } }\nexport default new App();",
    ),
    ("a default function", "export default application;"),
    (
        "an anonymous default function of three",
        "export default (request: Request, _context: unknown, _more: unknown) => application(request);",
    ),
    ("Deno.serve", "Deno.serve(application);"),
    (
        "Deno.serve with options",
        "Deno.serve({ port: 8080 }, application);",
    ),
    (
        "Deno.serve with a handler option",
        "Deno.serve({ handler: application });",
    ),
    (
        "a destructured serve",
        "const { serve } = Deno;\nconst server = serve({ onListen: ({ port }) => console.log(port) }, application);\nserver.ref();\nserver.unref();\nserver.finished.then(() => {});",
    ),
    (
        "a server of the main module",
        "if (import.meta.main) Deno.serve(application);",
    ),
    (
        "a server that starts later",
        "async function start() {\n  await new Promise((done) => setTimeout(done, 50));\n  Deno.serve(application);\n}\nstart();",
    ),
    (
        "a fetch listener",
        "addEventListener(\"fetch\", (event: any) => event.respondWith(application(event.request)));",
    ),
    (
        "method exports",
        "export { application as GET, application as POST };",
    ),
];

fn get(server: &Server, slug: &str, token: &str, path: &str) -> Reply {
    server.request(slug).get(path).token(token).send()
}

fn post(server: &Server, slug: &str, token: &str, path: &str, body: &str) -> Reply {
    let request = server.request(slug).path(path).token(token);
    request.body(body).send()
}

fn answer(reply: Reply) -> (u16, String) {
    (reply.status, reply.body)
}

/// The function's line of this kind in the log.
fn logged(server: &Server, part: &str) -> String {
    eventually("the line in the log", || {
        let log = server.data.log();
        let line = log.lines().rfind(|line| line.contains(part));
        line.map(str::to_owned)
    })
}

fn refused(sandbox: &Sandbox, source: &str) -> Outcome {
    sandbox.function("mi-funcion", source);
    let outcome = sandbox.jelou("deploy mi-funcion -y --json").run();
    assert_eq!(outcome.code, 7, "{outcome}");
    outcome
}

/// The message of a refused deploy.
fn message(outcome: &Outcome) -> String {
    let message = &outcome.json()["error"]["message"];
    message.as_str().unwrap().to_owned()
}

#[test]
fn every_form_answers_unchanged() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let large = "x".repeat(600_000);
    for (index, (form, start)) in FORMS.into_iter().enumerate() {
        let slug = format!("form-{index}");
        let token = sandbox.deploy(&slug, &format!("{APPLICATION}\n{start}\n"));
        let get = |path| get(&server, &slug, &token, path);
        let post = |path, body: &str| post(&server, &slug, &token, path, body);
        assert_eq!(server.request(&slug).get("/").send().status, 401, "{form}");
        let greeting = (200, "GET ?a=1 null".to_owned());
        assert_eq!(answer(get("/?a=1")), greeting, "{form}");
        let created = (201, r#"{"got":{"a":1}}"#.to_owned());
        assert_eq!(answer(post("/json", r#"{"a":1}"#)), created, "{form}");
        for body in ["", "short", &large] {
            assert_eq!(answer(post("/stream", body)).1, body, "{form}");
        }
        assert_eq!(
            answer(get("/none")),
            (404, "nothing here".to_owned()),
            "{form}"
        );
        let failed = get("/boom");
        assert_eq!(
            failed.body, r#"{"error":"Internal function error"}"#,
            "{form}"
        );
        let id = failed.header("x-request-id").unwrap();
        let line = logged(&server, id);
        for part in ["boom", "index.ts:5", "ERROR"] {
            assert!(line.contains(part), "{form}: {line}");
        }
    }
}

#[test]
fn servers_of_node_see_real_requests_and_responses() {
    let source = r#"
import { createServer } from "node:http";

const server = createServer(async (request, response) => {
  if (request.url === "/boom") throw new Error("boom");
  if (request.url === "/late") {
    response.writeHead(200);
    response.write("the beginning");
    throw new Error("too late");
  }
  if (request.url === "/cookies") {
    response.setHeader("set-cookie", ["a=1", "b=2"]);
    return response.writeHead(204).end();
  }
  if (request.url === "/parts") {
    for (const part of ["one", "two"]) {
      response.write(part);
      await new Promise((done) => setTimeout(done, 5));
    }
    return response.end();
  }
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  const { method, url, headers, socket } = request;
  console.log("handled", url);
  response.end(JSON.stringify({
    method, url, bytes, token: headers["x-jelou-token"], type: headers["content-type"],
    from: socket.remoteAddress, port: server.address().port, listening: server.listening,
  }));
});
server.listen(4000, () => console.log("listens"));
"#;
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", source);
    let get = |path| get(&server, "mi-funcion", &token, path);
    for bytes in [0, 5, 3_000_000] {
        let body = "x".repeat(bytes);
        let reply = post(&server, "mi-funcion", &token, "/up?a=%20b", &body);
        assert_eq!(
            reply.json(),
            json!({
                "method": "POST", "url": "/up?a=%20b", "bytes": bytes, "type": "application/json",
                "from": "127.0.0.1", "port": 4000, "listening": true,
            })
        );
    }
    logged(&server, "\"listens\"");
    let reply = get("/");
    let id = reply.header("x-request-id").unwrap();
    assert!(logged(&server, "\"handled\",\"/\"").contains(id));
    assert_eq!(answer(get("/parts")), (200, "onetwo".to_owned()));
    let cookies = get("/cookies");
    let cookies = cookies
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    assert_eq!(cookies.count(), 2);
    let failed = get("/boom");
    assert_eq!(failed.status, 500);
    assert_eq!(failed.body, r#"{"error":"Internal function error"}"#);
    let line = logged(&server, failed.header("x-request-id").unwrap());
    assert!(
        line.contains("boom") && line.contains("index.ts:5"),
        "{line}"
    );
    let head = server.request("mi-funcion").get("/").method("HEAD");
    assert_eq!(head.token(&token).send().status, 200);
}

#[test]
fn frameworks_from_npm() {
    let hono = r#"
import { Hono } from "hono";
const app = new Hono<{ Bindings: { NAME: string } }>();
app.get("/", (c) => c.text(`hono ${c.env.NAME}`));
app.get("/users/:id{[0-9]+}", (c) => c.json(c.req.param()));
app.post("/json", async (c) => {
  c.executionCtx.waitUntil(Promise.resolve());
  return c.json(await c.req.json(), 201);
});
app.get("/boom", () => {
  throw new Error("boom");
});
export default app;
"#;
    let express = r#"
import express from "express";
const app = express();
app.get("/", (_request, response) => void response.send("express"));
app.post("/json", express.json(), (request, response) => void response.status(201).json(request.body));
app.get("/boom", () => {
  throw new Error("boom");
});
app.listen(3000);
"#;
    let exported = express.replace("app.listen(3000);", "export default app;");
    let fastify = r#"
import Fastify from "fastify";
const app = Fastify();
app.get("/", async () => "fastify");
app.post("/json", async (request, reply) => reply.code(201).send(request.body));
app.get("/boom", async () => {
  throw new Error("boom");
});
await app.listen({ port: 3000, host: "0.0.0.0" });
"#;
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).with_registry().start();
    let packages = r#"{"imports": {"hono": "npm:hono@4", "express": "npm:express@5", "fastify": "npm:fastify@5"}}"#;
    for (slug, source, greeting) in [
        ("hono", hono, "hono undefined"),
        ("express", express, "express"),
        ("exported", &exported, "express"),
        ("fastify", fastify, "fastify"),
    ] {
        sandbox.file(&format!("{slug}/deno.json"), packages);
        let token = sandbox.deploy(slug, source);
        let get = |path| get(&server, slug, &token, path);
        assert_eq!(answer(get("/")), (200, greeting.to_owned()));
        let created = post(&server, slug, &token, "/json", r#"{"a":1}"#);
        assert_eq!(answer(created), (201, r#"{"a":1}"#.to_owned()));
        assert_eq!(get("/none").status, 404);
        assert_eq!(get("/boom").status, 500);
    }
    let line = logged(&server, "Error: boom");
    assert!(line.contains("index.ts:"), "{line}");
    let document = server.request("hono").get("/openapi.json").send().json();
    let paths = document["paths"].as_object().unwrap();
    assert!(
        paths.contains_key("/users/{id}") && paths.contains_key("/json"),
        "{document}"
    );
}

#[test]
fn fetch_gets_secrets_and_a_context_as_in_workers() {
    let source = r#"
export default {
  async fetch(request: Request, env: any, ctx: any) {
    const { pathname } = new URL(request.url);
    if (pathname === "/binding") return new Response(await env.CACHE.get("a"));
    ctx.passThroughOnException();
    ctx.waitUntil((async () => {
      await new Promise((done) => setTimeout(done, 1));
      console.log("worked", env.NAME);
    })());
    return Response.json({ name: env.NAME, names: Object.keys(env), missing: env.MISSING ?? null });
  },
};
"#;
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", source);
    let set = sandbox.jelou("secrets set mi-funcion NAME=ana").run();
    assert_eq!(set.code, 0, "{set}");
    let reply = get(&server, "mi-funcion", &token, "/");
    let expected = json!({ "name": "ana", "names": ["NAME"], "missing": null });
    assert_eq!(reply.json(), expected);
    logged(&server, r#""args":["worked","ana"]"#);
    assert_eq!(get(&server, "mi-funcion", &token, "/binding").status, 500);
    let line = logged(&server, "env.CACHE is not set");
    assert!(line.contains("index.ts:5"), "{line}");
    assert!(line.contains("KV, R2, D1"), "{line}");
}

#[test]
fn only_exported_methods_are_accepted() {
    let source = "export function GET() { return new Response('got'); }\nexport const DELETE = () => new Response(null, { status: 204 });\n";
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", source);
    let call = |method| {
        let request = server.request("mi-funcion").get("/any").method(method);
        request.token(&token).send()
    };
    assert_eq!(answer(call("GET")), (200, "got".to_owned()));
    assert_eq!(answer(call("HEAD")), (200, String::new()));
    assert_eq!(call("DELETE").status, 204);
    let refused = call("PUT");
    assert_eq!(refused.status, 405);
    assert_eq!(refused.header("allow"), Some("GET, DELETE, HEAD, OPTIONS"));
    assert_eq!(refused.body, r#"{"error":"Method not allowed"}"#);
}

#[test]
fn mcp_and_the_documents_of_a_web_handler() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", "Deno.serve(() => new Response('own'));");
    let list = |token: &str| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
        let request = server.request("mi-funcion").path("/mcp").token(token);
        request.body(&message.to_string()).send()
    };
    assert_eq!(list(&token).json()["result"], json!({ "tools": [] }));
    assert_eq!(list("jfn_rt_wrong").status, 401);
    let health = server.request("mi-funcion").get("/__health").send().json();
    let tool = json!({ "name": "mi-funcion", "description": "" });
    assert_eq!(
        health,
        json!({ "status": "ok", "mode": "handler", "tool": tool })
    );
    for path in ["/register", "/.well-known/assetlinks.json"] {
        let reply = get(&server, "mi-funcion", &token, path);
        assert_eq!(answer(reply), (200, "own".to_owned()), "{path}");
    }
    sandbox
        .file(
            "mi-funcion/api/openapi.json",
            r#"{"openapi": "3.0.0", "info": {"title": "Mine"}, "paths": {}}"#,
        )
        .file(
            "mi-funcion/jelou.json",
            r#"{"function": "mi-funcion", "openapi": "api/openapi.json"}"#,
        );
    let deployed = sandbox.jelou("deploy mi-funcion -y --replace --json").run();
    assert_eq!(deployed.code, 0, "{deployed}");
    let document = server
        .request("mi-funcion")
        .get("/openapi.json")
        .send()
        .json();
    assert_eq!(document["info"]["title"], "Mine");
    let url = server.functions.replace("{slug}", "mi-funcion");
    assert_eq!(document["servers"], json!([{ "url": url }]));
    sandbox.file("mi-funcion/api/openapi.json", "{");
    let outcome = refused(&sandbox, "Deno.serve(() => new Response('own'));");
    assert!(
        message(&outcome).contains("`api/openapi.json` is not JSON"),
        "{outcome}"
    );
}

#[test]
fn settings_of_jelou_json() {
    let source = r#"
export default async (request: Request) => {
  if (request.url.endsWith("/slow")) await new Promise((done) => setTimeout(done, 10_000_000));
  return new Response(new URL(request.url).pathname);
};
"#;
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let settings = json!({
        "function": "mi-funcion",
        "public": ["/webhooks/*", "/status"],
        "timeout": 700,
        "cors": { "origin": ["https://app.example.com"] },
        "cron": [{ "expression": "0 9 * * *", "name": "daily" }],
        "env": false,
    });
    sandbox.file("mi-funcion/jelou.json", settings.to_string());
    let token = sandbox.deploy("mi-funcion", source);
    let without_token = |path: &str| server.request("mi-funcion").get(path).send().status;
    for (path, status) in [
        ("/webhooks/a/b", 200),
        ("/status", 200),
        ("//status/", 200),
        ("/webhooks/../admin", 400),
        ("/admin", 401),
        ("/statuses", 401),
    ] {
        assert_eq!(without_token(path), status, "{path}");
    }
    let slow = get(&server, "mi-funcion", &token, "/slow");
    assert_eq!(
        answer(slow),
        (504, r#"{"error":"Function timed out"}"#.to_owned())
    );
    let of_app = server.request("mi-funcion").get("/status");
    let of_app = of_app.header("origin", "https://app.example.com").send();
    let allowed = of_app.header("access-control-allow-origin");
    assert_eq!(allowed, Some("https://app.example.com"));
}

/// Each wrong setting is an error of the deploy that names the file and the setting.
#[test]
fn wrong_settings_are_refused_by_name() {
    let handler = "export default () => new Response();";
    let defined = r#"
import { define } from "@jelou/functions";
export default define({ description: "A test", config: { timeout: 1000 }, handler: () => 1 });
"#;
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    for (source, settings, expected) in [
        (
            handler,
            json!({ "pubilc": [] }),
            ": there is no setting `pubilc`",
        ),
        (
            handler,
            json!({ "public": "yes" }),
            "jelou.json: `public` must be true, false or a list of routes",
        ),
        (
            handler,
            json!({ "public": ["webhooks"] }),
            "jelou.json: `public` \"webhooks\" must start with \"/\"",
        ),
        (
            handler,
            json!({ "timeout": "1s" }),
            "jelou.json: `timeout` must be a number of milliseconds",
        ),
        (
            handler,
            json!({ "cors": { "orgin": "*" } }),
            "jelou.json: `cors` has the unknown key `orgin`; did you mean `origin`?",
        ),
        (
            handler,
            json!({ "cron": [{ "expression": "daily" }] }),
            "jelou.json:1: the schedule \"daily\" of `mi-funcion`: it has 1 field",
        ),
        (
            handler,
            json!({ "env": "no" }),
            "jelou.json: `env` must be true or false",
        ),
        (
            handler,
            json!({ "openapi": "none.json" }),
            "there is no file `none.json`",
        ),
        (
            defined,
            json!({ "timeout": 2000 }),
            "jelou.json and define() contradict each other: \"timeout\" is 2000 in jelou.json, and 1000 in `config.timeout`",
        ),
        (
            defined,
            json!({ "public": ["/a"] }),
            "a list in `public` is for functions with a web handler",
        ),
    ] {
        let mut members = settings.clone();
        members["function"] = Value::from("mi-funcion");
        sandbox.file("mi-funcion/jelou.json", members.to_string());
        let outcome = refused(&sandbox, source);
        assert!(
            message(&outcome).contains(expected),
            "{settings}: {outcome}"
        );
    }
    sandbox.file(
        "mi-funcion/jelou.json",
        r#"{"function": "mi-funcion", "timeout": 1000, "public": true}"#,
    );
    sandbox.deploy("mi-funcion", defined);
}

#[test]
fn modules_without_a_handler_are_refused_with_what_to_write() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    for (source, expected) in [
        (
            "export const a = 1;",
            "The module has no default export, and starts no server.",
        ),
        (
            "export default {};",
            "a plain object without a function `fetch`",
        ),
        (
            "export default () => new Response();\nexport const GET = () => new Response();",
            "The module exports a default function and GET; keep one of them.",
        ),
        (
            "Deno.serve({ port: 1 } as any);",
            "Deno.serve needs a handler",
        ),
        (
            "const listener = Deno.listen({ port: 8000 });\nfor await (const connection of listener) connection.close();",
            "Deno.listen: a function does not listen on a port by itself",
        ),
    ] {
        let outcome = refused(&sandbox, source);
        assert!(message(&outcome).contains(expected), "{source}: {outcome}");
    }
}

#[test]
fn what_is_no_response_is_a_logged_error() {
    let source = r#"
export default (request: Request): any => {
  const { pathname } = new URL(request.url);
  if (pathname === "/nothing") return;
  if (pathname === "/caught") return new Response("failed", { status: 500 });
  return { a: 1 };
};
"#;
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", source);
    for (path, body, line) in [
        (
            "/",
            r#"{"error":"Internal function error"}"#,
            "returned an object. A web handler returns a Response",
        ),
        (
            "/nothing",
            r#"{"error":"Internal function error"}"#,
            "returned nothing. A web handler returns a Response",
        ),
        (
            "/caught",
            "failed",
            "The handler answered 500 and logged no error",
        ),
    ] {
        let reply = get(&server, "mi-funcion", &token, path);
        assert_eq!(answer(reply), (500, body.to_owned()), "{path}");
        logged(&server, line);
    }
}

/// The clients of Supabase add a prefix, and its functions see their name at the start of the path.
#[test]
fn a_function_of_supabase() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox
        .file("functions/_shared/cors.ts", "export const corsHeaders = { 'Access-Control-Allow-Origin': 'https://a.example' };\n")
        .file("functions/hello/index.ts", r#"
import { corsHeaders } from "../_shared/cors.ts";

Deno.serve(async (request) => {
  if (request.method === "OPTIONS") return new Response("ok", { headers: corsHeaders });
  const { name } = await request.json();
  const body = { message: `Hello ${name}!`, path: new URL(request.url).pathname };
  return new Response(JSON.stringify(body), { headers: { ...corsHeaders, "Content-Type": "application/json" } });
});
"#)
        .file("functions/jelou.json", r#"{"function": "hello", "entrypoint": "hello/index.ts"}"#);
    let deployed = sandbox.jelou("deploy functions -y --json").run();
    assert_eq!(deployed.code, 0, "{deployed}");
    let token = deployed.json()["data"]["token"].clone();
    for (path, seen) in [
        ("/", "/"),
        ("/functions/v1/hello", "/hello"),
        ("/functions/v1/hello/a", "/hello/a"),
        ("/hello/a", "/hello/a"),
    ] {
        let reply = post(
            &server,
            "hello",
            token.as_str().unwrap(),
            path,
            r#"{"name":"Ana"}"#,
        );
        assert_eq!(
            reply.json(),
            json!({ "message": "Hello Ana!", "path": seen })
        );
        let origin = reply.header("access-control-allow-origin");
        assert_eq!(origin, Some("https://a.example"));
    }
}

/// With `"cors": false`, preflights reach the code without a token. Other requests still need one.
#[test]
fn preflights_reach_code_with_rules_of_its_own() {
    const OWN: &str = "new Response(null, { status: 204, headers: { \"access-control-allow-origin\": \"https://a.example\" } })";
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    for (slug, source) in [
        (
            "exported",
            format!(
                "export const OPTIONS = () => {OWN};\nexport const POST = () => new Response(\"own\");\n"
            ),
        ),
        (
            "served",
            format!(
                "Deno.serve((request) => request.method === \"OPTIONS\" ? {OWN} : new Response(\"own\"));\n"
            ),
        ),
    ] {
        let settings = json!({ "function": slug, "cors": false });
        sandbox.file(&format!("{slug}/jelou.json"), settings.to_string());
        let token = sandbox.deploy(slug, &source);
        let options = || server.request(slug).get("/a").method("OPTIONS");
        let preflight = options()
            .header("origin", "https://a.example")
            .header("access-control-request-method", "POST")
            .send();
        let allowed = preflight.header("access-control-allow-origin");
        assert_eq!(
            (preflight.status, allowed),
            (204, Some("https://a.example")),
            "{slug}"
        );
        assert_eq!(options().send().status, 401, "{slug}");
        assert_eq!(server.request(slug).send().status, 401, "{slug}");
        let own = server.request(slug).token(&token).send();
        assert_eq!((own.status, &*own.body), (200, "own"), "{slug}");
    }
}

/// The configuration of a Workers project, and the bindings that its code reads from `env`.
#[test]
fn bindings_of_workers_are_named_at_the_deploy() {
    let source = r#"
export default {
  async fetch(request: Request, env: any): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/cache") return new Response(await env.CACHE.get("a"));
    if (pathname === "/jobs") await env.JOBS.send({ a: 1 });
    return new Response(env.GREETING ?? env.NAME);
  },
};
"#;
    let config = "{\n  // Workers\n  \"main\": \"src/index.ts\",\n  \"vars\": { \"GREETING\": \"hi\" },\n  \"kv_namespaces\": [{ \"binding\": \"CACHE\", \"id\": \"1\" }],\n}\n";
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let set = sandbox
        .jelou("secrets set mi-funcion NAME=ana --create")
        .run();
    assert_eq!(set.code, 0, "{set}");
    sandbox
        .file("mi-funcion/src/index.ts", source)
        .file("mi-funcion/wrangler.jsonc", config);
    sandbox.file("mi-funcion/jelou.json", r#"{"function": "mi-funcion"}"#);
    let outcome = sandbox.jelou("deploy mi-funcion -y --json").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let data = &outcome.json()["data"];
    assert_eq!(
        data["warnings"],
        json!([
            "wrangler.jsonc declares bindings, which do not exist here; `env` has secrets only:\n  CACHE (kv_namespaces), read at src/index.ts:5: use ctx.memory or a key-value store over the network",
            "the code calls methods of members of `env` that are not set. Bindings of Workers do not exist here: use ctx.memory, or a service over the network\n  JOBS, at src/index.ts:6",
            "the code may read members of `env` that are not set. To set one: jelou secrets set mi-funcion GREETING=...\n  GREETING, at src/index.ts:7",
        ])
    );
    let token = data["token"].as_str().unwrap();
    assert_eq!(get(&server, "mi-funcion", token, "/").body, "ana");
}

/// Imports that bundlers accept: without an extension, of a folder, and of the file that a compiler would write.
#[test]
fn imports_without_an_extension() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox
        .file("mi-funcion/src/one.ts", "export const one = 1;\n")
        .file("mi-funcion/src/two.tsx", "export const two: number = 2;\n")
        .file("mi-funcion/src/more/index.ts", "export { one as three } from \"../one\";\n")
        .file("mi-funcion/jelou.json", r#"{"function": "mi-funcion"}"#)
        .file(
            "mi-funcion/src/index.ts",
            "import { one } from \"./one\";\nimport { two } from \"./two.js\";\nimport { three } from \"./more\";\nexport default { fetch: () => Response.json([one, two, three]) };\n",
        );
    let outcome = sandbox.jelou("deploy mi-funcion -y --json").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let token = outcome.json()["data"]["token"].clone();
    let reply = get(&server, "mi-funcion", token.as_str().unwrap(), "/");
    assert_eq!(reply.json(), json!([1, 2, 1]));
}

/// Modules that wait at their top level for the end of a server, which never ends.
#[test]
fn modules_that_wait_for_their_server() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = "const server = Deno.serve(() => new Response(\"waits\"));\nawait server.finished;\nthrow new Error(\"never\");\n";
    let token = sandbox.deploy("mi-funcion", source);
    let reply = get(&server, "mi-funcion", &token, "/");
    assert_eq!(answer(reply), (200, "waits".to_owned()));
}

#[test]
fn modules_of_workers_are_refused_by_name() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    let source = "import { DurableObject } from \"cloudflare:workers\";\nexport class Room extends DurableObject {}\nexport default { fetch: () => new Response() };\n";
    let text = message(&refused(&sandbox, source));
    assert!(
        text.contains("`index.ts:1:31` imports `cloudflare:workers`, a module of Workers"),
        "{text}"
    );
}

/// The client of a WebSocket gets an answer, and the log suggests the supported API.
#[test]
fn websockets_of_node_servers_are_refused() {
    let source = r#"
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
const server = createServer((_request, response) => void response.end("plain"));
new WebSocketServer({ server });
server.listen(3000);
"#;
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).with_registry().start();
    sandbox.file("mi-funcion/deno.json", r#"{"imports": {"ws": "npm:ws@8"}}"#);
    let token = sandbox.deploy("mi-funcion", source);
    let upgrade = server.request("mi-funcion").get("/").token(&token);
    let reply = upgrade
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .send();
    assert_eq!(reply.status, 501);
    logged(&server, "use Deno.upgradeWebSocket(request)");
    assert_eq!(get(&server, "mi-funcion", &token, "/").body, "plain");
}

/// JSX and aliases in the configuration of TypeScript's compiler.
#[test]
fn jsx_and_aliases_of_tsconfig() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).with_registry().start();
    sandbox
        .file("mi-funcion/jelou.json", r#"{"function": "mi-funcion"}"#)
        .file("mi-funcion/package.json", r#"{"dependencies": {"hono": "^4"}}"#)
        .file(
            "mi-funcion/tsconfig.json",
            "{ // JSX\n  \"extends\": [\"./config/jsx\", \"./config/tsconfig.json\"],\n}\n",
        )
        .file(
            "mi-funcion/config/jsx.json",
            r#"{ "compilerOptions": { "jsx": "react-jsx", "jsxImportSource": "hono/jsx" } }"#,
        )
        .file(
            "mi-funcion/config/tsconfig.json",
            "{ /* all */ \"compilerOptions\": { \"paths\": { \"@/*\": [\"../src/*\"] }, }, }\n",
        )
        .file("mi-funcion/src/pages/title.tsx", "export const Title = (props: { text: string }) => <h1>{props.text}</h1>;\n")
        .file(
            "mi-funcion/src/index.tsx",
            "import { Hono } from \"hono\";\nimport { Title } from \"@/pages/title\";\nconst app = new Hono();\napp.get(\"/\", (c) => c.html(<Title text=\"Hola\" />));\nexport default app;\n",
        );
    let outcome = sandbox.jelou("deploy mi-funcion -y --json").run();
    assert_eq!(outcome.code, 0, "{outcome}");
    let token = outcome.json()["data"]["token"].clone();
    let reply = get(&server, "mi-funcion", token.as_str().unwrap(), "/");
    assert_eq!(answer(reply), (200, "<h1>Hola</h1>".to_owned()));
}

/// JavaScript texts may have lone surrogates, which no other part of the platform can read.
#[test]
fn lone_surrogates_are_replaced() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = "import { define, z } from \"@jelou/functions\";\n\
         export default define({ description: \"uno \\ud800\",\n\
           input: z.object({ n: z.string().describe(\"dos \\udc00\").default(\"tres \\ud800\") }),\n\
           handler: () => ({ value: \"cuatro \\ud83d\" }) });\n";
    let token = sandbox.deploy("mi-funcion", source);
    let document = server.request("mi-funcion").get("/openapi.json").send();
    for part in ["uno \u{fffd}", "dos \u{fffd}", "tres \u{fffd}"] {
        assert!(document.body.contains(part), "{part}: {document:?}");
    }
    let called = sandbox
        .jelou(&format!(
            "call --function mi-funcion --token {token} --json"
        ))
        .run();
    let value = called.json()["data"]["body"]["value"].clone();
    assert_eq!(value, "cuatro \u{fffd}", "{called}");
    sandbox.function("mi-funcion", "throw new Error(\"cinco \\ud800\");\n");
    let failed = sandbox.jelou("deploy mi-funcion -y --json").run();
    assert_eq!(failed.code, 7, "{failed}");
    assert!(failed.to_string().contains("cinco \u{fffd}"), "{failed}");
}
