//! CORS answers to browsers, by the rules of the requested tool.

use crate::support::{Call, Reply, TestServer};

const TOOLS: &str = r#"export default app({ description: "Tools", config: { public: true }, tools: {
  open: define({ description: "Open", config: { path: "/open", methods: ["GET", "POST"] }, handler: () => ({}) }),
  closed: define({ description: "Closed", config: { path: "/closed", cors: false }, handler: () => ({}) }),
  own: define({ description: "Own", config: { path: "/own", methods: ["GET", "OPTIONS"], cors: false },
    handler: () => response.status(200).header("Access-Control-Allow-Origin", "https://own.example.com").json({}) }),
  exposes: define({ description: "Exposes", config: { path: "/exposes", methods: ["GET"] },
    handler: () => response.status(200).header("Access-Control-Expose-Headers", "X-Total").json({}) }),
  read: define({ description: "Read", config: { path: "/shared", methods: ["GET"] }, handler: () => ({}) }),
  write: define({ description: "Write", config: { path: "/shared", methods: ["PUT"],
    cors: { origin: ["https://app.example.com"], headers: ["X-Own"], credentials: true, maxAge: 7 } },
    handler: () => ({}) }),
} });"#;

const EXPOSED: &str = "RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Jelou-Token-Expires, X-Request-Id";
const APP: &str = "https://app.example.com";

fn preflight(call: Call, method: &str, origin: &str) -> Reply {
    call.method("OPTIONS")
        .header("origin", origin)
        .header("access-control-request-method", method)
        .send()
}

fn allowed(reply: &Reply) -> [Option<&str>; 4] {
    ["origin", "methods", "headers", "credentials"]
        .map(|what| reply.header(&format!("access-control-allow-{what}")))
}

#[test]
fn each_tool_has_its_own_rules() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let tool = |path: &str| server.call("tools", path);

    let open = preflight(tool("/open"), "POST", APP);
    assert_eq!((open.status, open.body.as_str()), (204, ""));
    let methods = Some("GET, POST, HEAD, OPTIONS");
    assert_eq!(allowed(&open), [Some("*"), methods, None, None]);
    assert_eq!(open.header("vary"), Some("Access-Control-Request-Headers"));
    // Headers that the page's libraries may add.
    let asked = "content-type,x-jelou-token,sentry-trace,baggage";
    let call = || tool("/open").header("access-control-request-headers", asked);
    assert_eq!(allowed(&preflight(call(), "POST", APP))[2], Some(asked));
    // Headers of other libraries, and an empty list; the origin is `null`.
    for asked in [
        "traceparent, tracestate",
        "X-Client-Info,apikey,authorization",
        "mcp-session-id",
        "",
    ] {
        let call = tool("/open").header("access-control-request-headers", asked);
        let reply = preflight(call, "POST", "null");
        let [origin, _, headers, _] = allowed(&reply);
        assert_eq!((origin, headers), (Some("*"), Some(asked)), "{asked}");
        assert_eq!(reply.header("vary"), Some("Access-Control-Request-Headers"));
    }
    assert_eq!(open.header("access-control-max-age"), Some("86400"));

    let write = preflight(tool("/shared"), "PUT", APP);
    let methods = Some("PUT, OPTIONS");
    assert_eq!(
        allowed(&write),
        [Some(APP), methods, Some("X-Own"), Some("true")]
    );
    assert_eq!(write.header("access-control-max-age"), Some("7"));
    assert_eq!(write.header("vary"), Some("Origin"));
    let stranger = preflight(tool("/shared"), "PUT", "https://evil.example.com");
    assert_eq!(stranger.header("access-control-allow-origin"), None);
    assert_eq!(stranger.header("access-control-allow-credentials"), None);
    let read = preflight(tool("/shared"), "GET", APP);
    assert_eq!(read.header("access-control-allow-origin"), Some("*"));

    // If a page can read the tool's own answers, it can also read the platform's answers for the tool.
    let patch = tool("/shared").method("PATCH").header("origin", APP).send();
    assert_eq!(patch.status, 405);
    assert_eq!(patch.header("access-control-allow-origin"), Some("*"));
    let put = tool("/shared").method("PUT").header("origin", APP).send();
    assert_eq!(put.status, 200);
    assert_eq!(put.header("access-control-allow-origin"), Some(APP));
    assert_eq!(put.header("access-control-expose-headers"), Some(EXPOSED));
    let own = tool("/exposes").header("origin", APP).send();
    assert_eq!(
        own.headers("access-control-expose-headers"),
        ["X-Total", EXPOSED]
    );
}

#[test]
fn a_list_of_headers_is_the_list() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let call = server
        .call("tools", "/shared")
        .header("access-control-request-headers", "x-other");
    let write = preflight(call, "PUT", APP);
    assert_eq!(write.header("access-control-allow-headers"), Some("X-Own"));
    assert_eq!(write.header("vary"), Some("Origin"));
}

#[test]
fn an_app_with_rules_of_its_own_gets_preflights_without_a_token() {
    let server = TestServer::start();
    let token = server.deploy(
        "own",
        r#"const methods = ["GET", "POST", "OPTIONS"];
        const site = (_input, ctx, request) => ctx.method === "OPTIONS"
          ? new Response(null, { status: 204, headers: { "access-control-allow-origin": request.headers.get("origin") } })
          : { method: ctx.method };
        export default app({ description: "Own", tools: {
          site: define({ description: "Site", config: { path: "*", methods, cors: false }, handler: site }),
          closed: define({ description: "Closed", config: { path: "/closed", methods: ["GET"], cors: false }, handler: site }),
          platform: define({ description: "Platform", config: { path: "/platform", methods }, handler: site }),
          save: define({ description: "Saves", config: { path: "/notes/:id", methods: ["PUT"], cors: false }, handler: site }),
          asked: define({ description: "Preflights", config: { path: "/notes/:id", methods: ["OPTIONS"], cors: false },
            handler: site }),
        } });"#,
    );
    let asks = |path: &str| preflight(server.call("own", path), "POST", APP);
    let own = asks("/a");
    assert_eq!((own.status, allowed(&own)[0]), (204, Some(APP)));
    // Another tool of the path takes OPTIONS, and the path names the function.
    let notes = preflight(server.call("own", "/notes/7"), "PUT", APP);
    assert_eq!((notes.status, allowed(&notes)[0]), (204, Some(APP)));
    let by_path = Call::new(server.address(), server.address(), "/fn/own/a");
    let by_path = preflight(by_path, "POST", APP);
    assert_eq!((by_path.status, allowed(&by_path)[0]), (204, Some(APP)));
    // Only preflight requests get this answer: no other request, no other route, and no path of the platform.
    let options = server.call("own", "/a").method("OPTIONS");
    assert_eq!(options.clone().send().status, 401);
    assert_eq!(options.token(&token).send().status, 204);
    for path in ["/a", "/notes/7", "/closed"] {
        assert_eq!(server.call("own", path).send().status, 401, "{path}");
    }
    assert_eq!(allowed(&asks("/platform"))[0], Some("*"));
    let reserved = asks("/__health");
    assert_eq!((reserved.status, allowed(&reserved)), (204, [None; 4]));
}

#[test]
fn rules_can_be_off() {
    let server = TestServer::start();
    server.deploy("tools", TOOLS);
    let closed = preflight(server.call("tools", "/closed"), "POST", APP);
    assert_eq!(closed.status, 204);
    assert_eq!(allowed(&closed), [None; 4]);
    let closed = server.call("tools", "/closed").header("origin", APP).send();
    assert_eq!(closed.status, 200);
    assert_eq!(allowed(&closed), [None; 4]);
    assert_eq!(closed.header("vary"), None);
    // With the rules off, a function can send its own CORS headers.
    let own = preflight(server.call("tools", "/own"), "GET", APP);
    let origin = own.header("access-control-allow-origin");
    assert_eq!(origin, Some("https://own.example.com"));
}
