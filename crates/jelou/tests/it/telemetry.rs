//! The export of traces and logs to a collector. The receiver decodes the messages by the published schema.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::support::{Sandbox, Serve, eventually, function};

/// A collector that takes OTLP in JSON.
struct Collector {
    endpoint: String,
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    /// Each with the name of its service.
    spans: Vec<(String, Span)>,
    logs: Vec<(String, LogRecord)>,
    bodies: String,
    keys: Vec<String>,
    /// Number of requests that are refused before the first one is accepted.
    unavailable: usize,
}

impl Collector {
    fn start(unavailable: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Received {
            unavailable,
            ..Received::default()
        }));
        let shared = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let mut writer = stream;
                    while let Some((path, headers, body)) = request(&mut reader) {
                        let status = shared.lock().unwrap().take(&path, &headers, &body);
                        let answer = format!(
                            "HTTP/1.1 {status} x\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{{}}"
                        );
                        writer.write_all(answer.as_bytes()).unwrap();
                    }
                });
            }
        });
        Self { endpoint, received }
    }

    fn serve<'a>(&self, sandbox: &'a Sandbox) -> Serve<'a> {
        Serve::new(sandbox).env("JELOU_OTLP__ENDPOINT", &self.endpoint)
    }

    /// The spans of a service, once there are this many.
    fn spans(&self, service: &str, count: usize) -> Vec<Span> {
        eventually(&format!("{count} spans of {service}"), || {
            let received = self.received.lock().unwrap();
            let of = |(name, _): &&(String, Span)| name == service;
            let spans: Vec<_> = received.spans.iter().filter(of).collect();
            (spans.len() >= count)
                .then(|| spans.into_iter().map(|(_, span)| span.clone()).collect())
        })
    }

    fn logs(&self, service: &str, count: usize) -> Vec<LogRecord> {
        eventually(&format!("{count} lines of {service}"), || {
            let received = self.received.lock().unwrap();
            let logs: Vec<_> = received
                .logs
                .iter()
                .filter(|(name, log)| {
                    name == service && attribute(&log.attributes, "event.name").is_none()
                })
                .map(|(_, log)| log.clone())
                .collect();
            (logs.len() >= count).then_some(logs)
        })
    }
}

/// Path, headers and body of the next request.
fn request(reader: &mut impl BufRead) -> Option<(String, HashMap<String, String>, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, headers, body))
}

impl Received {
    fn take(&mut self, path: &str, headers: &HashMap<String, String>, body: &[u8]) -> u16 {
        self.bodies.push_str(std::str::from_utf8(body).unwrap());
        if self.unavailable > 0 {
            self.unavailable -= 1;
            return 503;
        }
        assert_eq!(headers["content-type"], "application/json");
        self.keys.extend(headers.get("x-key").cloned());
        match path {
            "/v1/traces" => {
                let request: ExportTraceServiceRequest = serde_json::from_slice(body).unwrap();
                for resource in request.resource_spans {
                    let name = text(&resource.resource.unwrap().attributes, "service.name");
                    for span in resource
                        .scope_spans
                        .into_iter()
                        .flat_map(|scope| scope.spans)
                    {
                        self.spans.push((name.clone(), span));
                    }
                }
            }
            "/v1/logs" => {
                let request: ExportLogsServiceRequest = serde_json::from_slice(body).unwrap();
                for resource in request.resource_logs {
                    let name = text(&resource.resource.unwrap().attributes, "service.name");
                    let scopes = resource.scope_logs.into_iter();
                    for record in scopes.flat_map(|scope| scope.log_records) {
                        self.logs.push((name.clone(), record));
                    }
                }
            }
            other => panic!("a request to {other}"),
        }
        200
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a any_value::Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    match attribute(attributes, key) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        other => panic!("{key} is {other:?}"),
    }
}

fn body(record: &LogRecord) -> String {
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_of_functions_by_functions_are_one_trace() {
    let collector = Collector::start(2);
    let sandbox = Sandbox::new();
    sandbox.file("otlp.toml", "[otlp]\nheaders = { x-key = \"k1\" }\n");
    let file = sandbox.project().join("otlp.toml");
    let server = collector
        .serve(&sandbox)
        .arguments(&format!("--listen 127.0.0.1:0 --config {}", file.display()))
        .start();
    let inner = sandbox.deploy(
        "inner",
        &function("(_input, ctx) => { ctx.log(\"inside\", { n: 1 }); return ctx.traceparent; }"),
    );
    let url = server.functions.replace("{slug}", "inner");
    let outer = sandbox.deploy(
        "outer",
        &function(&format!(
            "async (_input, ctx) => {{\n    const response = await fetch(\"{url}/\", {{ method: \"POST\", body: \"{{}}\", headers: {{ \"content-type\": \"application/json\", \"x-jelou-token\": ctx.env.get(\"INNER\")! }} }});\n    ctx.log.warn(\"got\", response.status);\n    return [ctx.traceparent, await response.json()];\n  }}"
        )),
    );
    let set = sandbox
        .jelou(&format!("secrets set outer INNER={inner}"))
        .run();
    assert_eq!(set.code, 0, "{set}");
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let reply = server
        .request("outer")
        .token(&outer)
        .header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01"))
        .send();
    assert_eq!(reply.status, 200, "{reply:?}");
    let [own, others]: [String; 2] = serde_json::from_str(&reply.body).unwrap();
    let span_of = |traceparent: &str| {
        let parts: Vec<_> = traceparent.split('-').collect();
        assert_eq!((parts[1], parts[3]), (trace, "01"), "{traceparent}");
        parts[2].to_owned()
    };
    let spans = collector.spans("outer", 3);
    let named = |spans: &[Span], name: &str| {
        let found: Vec<_> = spans
            .iter()
            .filter(|span| span.name == name)
            .cloned()
            .collect();
        assert_eq!(found.len(), 1, "{name} in {spans:?}");
        found[0].clone()
    };
    let call = named(&spans, "POST *");
    assert_eq!(hex(&call.trace_id), trace);
    assert_eq!(hex(&call.span_id), span_of(&own));
    assert_eq!(hex(&call.parent_span_id), "b7ad6b7169203331");
    let request = reply.header("x-request-id").unwrap();
    assert_eq!(text(&call.attributes, "jelou.request.id"), request);
    for name in ["start", "handler"] {
        let part = named(&spans, name);
        assert_eq!(part.parent_span_id, call.span_id, "{name}");
        assert_ne!(part.span_id, call.span_id);
        assert!(
            part.start_time_unix_nano >= call.start_time_unix_nano,
            "{name}"
        );
        assert!(
            part.end_time_unix_nano >= part.start_time_unix_nano,
            "{name}"
        );
        assert!(
            part.end_time_unix_nano <= call.end_time_unix_nano + 1_000_000,
            "{name}"
        );
    }
    // The call of the other function is a child of the first call.
    let called = named(&collector.spans("inner", 3), "POST *");
    assert_eq!(hex(&called.span_id), span_of(&others));
    assert_eq!(called.parent_span_id, call.span_id);
    for (service, expected, severity) in [
        ("outer", "got 200", "WARN"),
        ("inner", "inside {\"n\":1}", "INFO"),
    ] {
        let lines = collector.logs(service, 1);
        assert_eq!(body(&lines[0]), expected);
        assert_eq!(lines[0].severity_text, severity);
        assert_eq!(hex(&lines[0].trace_id), trace, "{service}");
    }
    let stored = sandbox.jelou("logs outer kind:call --history --json").run();
    assert!(
        stored
            .stdout()
            .contains(&format!("\"traceId\":\"{trace}\"")),
        "{stored}"
    );

    // Without a trace of the caller, the id of the request names the trace.
    let reply = server.request("inner").token(&inner).send();
    let request = reply.header("x-request-id").unwrap().replace('-', "");
    assert!(reply.body.contains(&request), "{reply:?}");
    let spans = collector.spans("inner", 5);
    assert!(spans.iter().any(|span| hex(&span.trace_id) == request));
    let received = collector.received.lock().unwrap();
    assert!(!received.keys.is_empty() && received.keys.iter().all(|key| key == "k1"));
}

#[test]
fn no_secret_reaches_a_collector_and_none_is_needed_for_calls() {
    let collector = Collector::start(0);
    let sandbox = Sandbox::new();
    let server = collector.serve(&sandbox).start();
    let source = function(
        "async (_input, ctx) => {\n    const key = ctx.env.get(\"API_KEY\")!;\n    ctx.log(key, { nested: [key] });\n    console.log(btoa(`x${key}`), encodeURIComponent(key));\n    console.log(ctx.env.get(\"PEM\"));\n    console.error(new Error(`failed with ${key}`));\n    await fetch(`http://127.0.0.1:9/?key=${encodeURIComponent(key)}`).catch((error) => console.log(error));\n    return \"ok\";\n  }",
    );
    let token = sandbox.deploy("keeper", &source);
    let pem = "-----BEGIN KEY-----\ncanarycanarycanary1\ncanarycanarycanary2\n-----END KEY-----";
    sandbox.file(
        "secrets.env",
        format!(
            "API_KEY='canary/9f value+x'\nPEM=\"{}\"\n",
            pem.replace('\n', "\\n")
        ),
    );
    let set = sandbox
        .jelou("secrets set keeper --from-env secrets.env")
        .run();
    assert_eq!(set.code, 0, "{set}");
    let reply = server
        .request("keeper")
        .path("/canary%2F9f%20value%2Bx")
        .token(&token)
        .send();
    assert_eq!(reply.status, 200, "{reply:?}");
    collector.logs("keeper", 5);
    collector.spans("keeper", 2);
    let received = collector.received.lock().unwrap();
    assert!(received.bodies.contains("[masked]"));
    for part in ["canary", "Y2FuYXJ5", "NhbmFye", "jYW5hcn", &token] {
        assert!(
            !received.bodies.contains(part),
            "{part} in {}",
            received.bodies
        );
    }
}

#[test]
fn a_collector_that_is_gone_slows_no_call() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .env("JELOU_OTLP__ENDPOINT", "http://127.0.0.1:9")
        .start();
    let token = sandbox.deploy("alone", &function("() => \"ok\""));
    for _ in 0..20 {
        assert_eq!(server.call("alone", Some(&token), "{}").0, 200);
    }
    // The server stops while a batch is sent again.
    let log = server.stop().log();
    assert!(
        log.contains("the collector does not take telemetry"),
        "{log}"
    );
    assert!(log.contains("otlp.endpoint"), "{log}");
}
