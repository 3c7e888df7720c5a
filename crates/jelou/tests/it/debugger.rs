//! `jelou dev --inspect`: a debugger that speaks the protocol of Chrome's debugger.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};
use sourcemap::SourceMap;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, HandshakeError, Message, WebSocket, client};

use crate::support::{Call, Dev, Reply, Sandbox, eventually};

/// The longest time that a message may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A function. The tests set breakpoints at its sixth line.
fn source(greeting: &str) -> String {
    format!(
        "import {{ define }} from \"@jelou/functions\";\n\
         interface Input {{\n  name: string;\n}}\n\
         const greet = (name: string): string => {{\n  const text: string = `{greeting} ${{name}}`;\n  return text;\n}};\n\
         export default define({{\n  description: \"A test\",\n  config: {{ timeout: 1000 }},\n  handler: (input: Input) => greet(input.name),\n}});\n"
    )
}

/// The line `const text`, counted from 0.
const LINE: u32 = 5;

struct Debugger {
    socket: WebSocket<TcpStream>,
    events: VecDeque<Value>,
    last_id: u64,
}

impl Debugger {
    fn attach(url: &str) -> Self {
        eventually("a process to debug", || Self::connect(url, None).ok())
    }

    fn connect(url: &str, origin: Option<&str>) -> Result<Self, Error> {
        let mut request = url.into_client_request()?;
        if let Some(origin) = origin {
            let headers = request.headers_mut();
            headers.insert("origin", origin.parse().unwrap());
        }
        let authority = request.uri().authority().unwrap().to_string();
        let stream = TcpStream::connect(authority)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (socket, _) = client(request, stream).map_err(|error| match error {
            HandshakeError::Failure(error) => error,
            HandshakeError::Interrupted(_) => panic!("the handshake takes too long"),
        })?;
        Ok(Self {
            socket,
            events: VecDeque::new(),
            last_id: 0,
        })
    }

    fn read(&mut self) -> Result<Value, Error> {
        loop {
            if let Message::Text(text) = self.socket.read()? {
                return Ok(serde_json::from_str(&text).unwrap());
            }
        }
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.last_id += 1;
        let message = json!({ "id": self.last_id, "method": method, "params": parameters });
        self.socket
            .send(Message::text(message.to_string()))
            .unwrap();
        loop {
            let message = self.read().unwrap();
            if message["id"] == self.last_id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push_back(message);
        }
    }

    /// The parameters of the next event for which `is_it` is true.
    fn event(&mut self, method: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = match self.events.pop_front() {
                Some(event) => event,
                None => self.read().unwrap(),
            };
            if event["method"] == method && is_it(&event["params"]) {
                return event["params"].clone();
            }
        }
    }

    /// Finds the code of the project by its source map.
    fn script(&mut self) -> Script {
        self.ask("Debugger.enable", &json!({}));
        let parsed = self.event("Debugger.scriptParsed", |script| {
            let map = script["sourceMapURL"].as_str().unwrap_or_default();
            map.starts_with("data:application/json")
                && script["url"].as_str().unwrap().contains("/function")
        });
        let map = parsed["sourceMapURL"].as_str().unwrap();
        let (_, encoded) = map.split_once("base64,").unwrap();
        let map = BASE64_STANDARD.decode(encoded).unwrap();
        Script {
            id: parsed["scriptId"].as_str().unwrap().to_owned(),
            url: parsed["url"].as_str().unwrap().to_owned(),
            map: SourceMap::from_slice(&map).unwrap(),
        }
    }

    /// Sets a breakpoint at a line of an original file, as a debugger with source maps does.
    fn break_at(&mut self, script: &Script, file: &str, line: u32) {
        let place = script
            .map
            .tokens()
            .find(|token| token.get_source() == Some(file) && token.get_src_line() == line)
            .unwrap();
        let set = self.ask(
            "Debugger.setBreakpointByUrl",
            &json!({ "url": script.url, "lineNumber": place.get_dst_line(), "columnNumber": place.get_dst_col() }),
        );
        assert_eq!(set["locations"].as_array().unwrap().len(), 1, "{set}");
    }

    /// Waits for a stop. Returns the original file and line, and the id of the frame.
    fn stop(&mut self, script: &Script) -> (String, u32, String) {
        let paused = self.event("Debugger.paused", |_| true);
        let frame = &paused["callFrames"][0];
        let location = &frame["location"];
        assert_eq!(location["scriptId"], script.id, "{paused}");
        let number = |name: &str| u32::try_from(location[name].as_u64().unwrap()).unwrap();
        let token = script
            .map
            .lookup_token(number("lineNumber"), number("columnNumber"));
        let token = token.unwrap();
        (
            token.get_source().unwrap().to_owned(),
            token.get_src_line(),
            frame["callFrameId"].as_str().unwrap().to_owned(),
        )
    }

    fn evaluate(&mut self, frame: &str, expression: &str) -> Value {
        let result = self.ask(
            "Debugger.evaluateOnCallFrame",
            &json!({ "callFrameId": frame, "expression": expression }),
        );
        result["result"]["value"].clone()
    }

    fn is_disconnected(&mut self) -> bool {
        while self.read().is_ok() {}
        true
    }
}

struct Script {
    id: String,
    url: String,
    map: SourceMap,
}

/// The URL of the project's file, as an editor knows it.
fn url_of(sandbox: &Sandbox, file: &str) -> String {
    format!("file://{}", sandbox.project().join(file).display())
}

fn call(dev: &Dev) -> JoinHandle<Reply> {
    let call = dev.request().body(r#"{"name":"Ana"}"#);
    std::thread::spawn(move || call.send())
}

fn wait_for_debuggers(dev: &Dev, count: usize) {
    dev.find("the number of debuggers", |event| {
        event["event"] == "debugger" && event["attached"] == count
    });
}

/// Stops a call at the original line, reads a variable, and continues.
fn debug_call(dev: &Dev, sandbox: &Sandbox, url: &str, answer: &str) -> Debugger {
    let mut debugger = Debugger::attach(url);
    wait_for_debuggers(dev, 1);
    let script = debugger.script();
    let file = url_of(sandbox, "index.ts");
    debugger.break_at(&script, &file, LINE);
    let running = call(dev);
    let (source, line, frame) = debugger.stop(&script);
    assert_eq!((source, line), (file, LINE));
    assert_eq!(debugger.evaluate(&frame, "name"), "Ana");
    // Longer than the call's timeout.
    std::thread::sleep(Duration::from_millis(1500));
    debugger.ask("Debugger.resume", &json!({}));
    let reply = running.join().unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json(), answer);
    debugger
}

#[test]
fn breakpoints_hit_in_the_original_file_before_and_after_a_save() {
    let sandbox = Sandbox::new();
    sandbox.file("index.ts", source("Hola"));
    let mut dev = Dev::start(&sandbox, "--inspect=0");
    let url = dev.inspector.clone().unwrap();
    dev.event("loaded");
    let mut first = debug_call(&dev, &sandbox, &url, "Hola Ana");
    // Stopped while the code is replaced.
    let stopped = call(&dev);
    first.event("Debugger.paused", |_| true);
    sandbox.file("index.ts", source("Buenos días"));
    dev.event("loaded");
    assert!(first.is_disconnected());
    let reply = stopped.join().unwrap();
    assert_eq!(reply.json(), "Hola Ana", "{reply:?}");
    let second = debug_call(&dev, &sandbox, &url, "Buenos días Ana");
    drop(second);
    wait_for_debuggers(&dev, 0);
    // Without a debugger, nothing stops, and the limits apply.
    assert_eq!(call(&dev).join().unwrap().json(), "Buenos días Ana");
    dev.signal(Signal::INT);
    assert_eq!(dev.ended(), Some(0));
}

#[test]
fn a_call_without_a_debugger_has_its_timeout() {
    let sandbox = Sandbox::new();
    let slow = "await new Promise((done) => setTimeout(done, 60_000)); return greet(input.name);";
    let source = source("Hola").replace(
        "(input: Input) => greet(input.name)",
        &format!("async (input: Input) => {{ {slow} }}"),
    );
    sandbox.file("index.ts", source);
    let dev = Dev::start(&sandbox, "--inspect=0");
    dev.event("loaded");
    assert_eq!(call(&dev).join().unwrap().status, 504);
}

#[test]
fn a_process_can_wait_for_its_debugger() {
    let sandbox = Sandbox::new();
    sandbox.file("index.ts", source("Hola"));
    let dev = Dev::start(&sandbox, "--inspect-brk=0");
    let url = dev.inspector.clone().unwrap();
    let mut debugger = Debugger::attach(&url);
    debugger.ask("Debugger.enable", &json!({}));
    debugger.ask("Runtime.runIfWaitingForDebugger", &json!({}));
    // Stopped before the import.
    debugger.event("Debugger.paused", |_| true);
    debugger.ask("Debugger.resume", &json!({}));
    dev.event("loaded");
    assert_eq!(call(&dev).join().unwrap().json(), "Hola Ana");
}

#[test]
fn functions_are_listed_for_debuggers_of_this_machine_only() {
    let sandbox = Sandbox::new();
    sandbox.file("index.ts", source("Hola"));
    let dev = Dev::start(&sandbox, "--inspect=0");
    let url = dev.inspector.clone().unwrap();
    let authority = url.split('/').nth(2).unwrap().to_owned();
    dev.event("loaded");
    let list = |host: &str| Call::new(&authority, host).get("/json/list").send();
    let listed = list(&authority).json();
    assert_eq!(listed[0]["webSocketDebuggerUrl"], url, "{listed}");
    assert_eq!(listed[0]["type"], "node");
    let version = Call::new(&authority, "localhost")
        .get("/json/version")
        .send();
    assert_eq!(version.json()["Protocol-Version"], "1.3");
    // A page whose name resolves to this machine, and a page of another host.
    assert_eq!(list("example.com").status, 403);
    for (origin, is_open) in [
        ("https://example.com", false),
        ("http://localhost:3000", false),
        ("devtools://devtools", true),
    ] {
        let connected = Debugger::connect(&url, Some(origin));
        assert_eq!(connected.is_ok(), is_open, "{origin}");
    }
    // Another folder, because a folder has one `jelou dev`.
    let other = Sandbox::new();
    other.file("index.ts", source("Hola"));
    let refused = other
        .jelou(&format!("dev --port 0 --inspect={}", port_of(&authority)))
        .run();
    assert_eq!(refused.code, 2, "{refused}");
    let shown = refused.to_string();
    assert!(
        shown.contains("is taken by") && shown.contains("--inspect=PORT"),
        "{shown}"
    );
}

fn port_of(authority: &str) -> &str {
    authority.rsplit(':').next().unwrap()
}
