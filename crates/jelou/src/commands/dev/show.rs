//! The output of `jelou dev`: text for people, or one JSON object per line.

use std::io;

use jelou_core::api::PlannedSchedule;
use jelou_core::manifest::Tool;
use jelou_core::{Manifest, Slug};
use jelou_server::{DevelopedFunction, DevelopmentServer, ReloadError, Reloaded};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::keys::{HELP, Key};
use super::projects::Projects;
use super::reload::{Outcome, Step};
use crate::commands::logs;
use crate::output::Output;

/// The path of the function's OpenAPI document.
const DOCUMENT: &str = "/openapi.json";

#[derive(Debug)]
pub(super) struct Show<'a> {
    output: &'a Output,
    /// The slugs of the functions, by index.
    slugs: Vec<Slug>,
    /// Whether the routes of each function were already shown.
    introduced: Vec<bool>,
}

impl<'a> Show<'a> {
    pub(super) fn new(output: &'a Output, projects: &Projects) -> Self {
        let sources = projects.sources.iter();
        let slugs: Vec<_> = sources.map(|(slug, _)| slug.clone()).collect();
        Self {
            output,
            introduced: vec![false; slugs.len()],
            slugs,
        }
    }

    pub(super) fn progress(&self, text: &str) {
        // Failed output must not prevent the start.
        let _ = self.output.note(text);
    }

    /// Shows where debuggers attach, because one may have to attach before the first load ends. People see the URL of a
    /// function after its first load, when it can be called.
    pub(super) fn listening(&self, server: &DevelopmentServer) -> io::Result<()> {
        for function in server.functions() {
            if self.output.is_json() {
                self.event(json!({
                    "event": "listening",
                    "function": function.slug(),
                    "url": function.url(),
                    "token": function.token(),
                    "inspector": function.inspector_url(),
                }))?;
                continue;
            }
            if let Some(url) = function.inspector_url() {
                let text = format!("Debugger at {url} (VS Code: F5; Chrome: chrome://inspect)");
                self.output.human(|human| human.item(&text))?;
            }
        }
        Ok(())
    }

    /// Shows that a debugger was attached or detached.
    pub(super) fn debuggers(&self, count: usize) -> io::Result<()> {
        if self.output.is_json() {
            return self.event(json!({ "event": "debugger", "attached": count }));
        }
        if count > 0 {
            self.output.warn(
                "a debugger is attached: until it detaches, a call has no timeout, and a process no stall limit and no idle end",
            )
        } else {
            let text = "The debugger is detached: timeouts and limits apply again";
            self.output.human(|human| human.success(text))
        }
    }

    pub(super) fn outcome(
        &mut self,
        outcome: &Outcome,
        server: &DevelopmentServer,
    ) -> io::Result<()> {
        match &outcome.of {
            Step::Load {
                result: Ok(reloaded),
                began,
            } => {
                let ms = began.elapsed().as_millis();
                self.loaded(outcome.function, reloaded, ms, server)
            }
            Step::Load {
                result: Err(error), ..
            } => self.failed(outcome.function, error),
            Step::Types(checked) => self.types(outcome.function, checked),
        }
    }

    /// Shows the result of a type check. The code is served even if its types are wrong.
    fn types(&self, position: usize, checked: &Result<(), ReloadError>) -> io::Result<()> {
        let error = checked.as_ref().err();
        if self.output.is_json() {
            return self.event(json!({
                "event": "types",
                "function": self.slugs[position],
                "ok": error.is_none(),
                "message": error.map(|error| &error.message),
                "place": error.and_then(|error| error.place.as_ref()).map(ToString::to_string),
            }));
        }
        let name = self.name(position);
        match error {
            Some(error) => self.output.warn(&format!(
                "{name}types are wrong, and the code serves all the same\n{}",
                error.message
            )),
            None => {
                let text = format!("{name}Types are right");
                self.output.human(|human| human.success(&text))
            }
        }
    }

    fn loaded(
        &mut self,
        position: usize,
        reloaded: &Reloaded,
        ms: u128,
        server: &DevelopmentServer,
    ) -> io::Result<()> {
        let Reloaded {
            manifest,
            warnings,
            schedules,
        } = reloaded;
        let function = &server.functions()[position];
        if self.output.is_json() {
            let tools: Vec<_> = manifest.tools.iter().map(|tool| &tool.name).collect();
            return self.event(json!({
                "event": "loaded",
                "function": function.slug(),
                "ms": ms,
                "tools": tools,
                "warnings": warnings,
                "schedules": schedules,
            }));
        }
        for warning in warnings {
            self.output
                .warn(&format!("{}{warning}", self.name(position)))?;
        }
        let is_first = !std::mem::replace(&mut self.introduced[position], true);
        let is_last = self.introduced.iter().all(|introduced| *introduced);
        self.output.human(|human| {
            human.success(&format!("{}Loaded in {ms} ms", self.name(position)))?;
            if !is_first {
                return Ok(());
            }
            human.item(&format!("{} at {}", function.slug(), function.url()))?;
            if let Some(token) = function.token() {
                human.item(&format!("Token {token}"))?;
            }
            for tool in &manifest.tools {
                let (method, path) = route(tool);
                human.item(&format!("{method} /{path}  {}", tool.description))?;
            }
            for PlannedSchedule { id, next, .. } in schedules {
                let next = next.first().map_or_else(String::new, local);
                human.item(&format!(
                    "Schedule {id}: due {next} on a server; here it does not run"
                ))?;
            }
            human.item(&format!("Try it: {}", curl(manifest, function)))?;
            human.item(&format!("MCP:    {}mcp", function.url()))?;
            if is_last { human.item(HELP) } else { Ok(()) }
        })
    }

    fn failed(&self, position: usize, error: &ReloadError) -> io::Result<()> {
        let place = error.place.as_ref();
        if self.output.is_json() {
            return self.event(json!({
                "event": "failed",
                "function": self.slugs[position],
                "message": error.message,
                "hint": error.hint,
                "place": place.map(ToString::to_string),
            }));
        }
        self.output.human(|human| {
            human.failure(&format!("{}{}", self.name(position), error.message))?;
            if let Some(frame) = &error.frame {
                human.text(frame)?;
            }
            if let Some(hint) = &error.hint {
                human.item(&format!("hint: {hint}"))?;
            }
            human.item(if self.introduced[position] {
                "The code before goes on serving. Save again to try again"
            } else {
                "Nothing is served yet. Save again to try again"
            })
        })
    }

    /// Returns the name of the function as a prefix for its texts, if there are several functions.
    fn name(&self, position: usize) -> String {
        if self.slugs.len() > 1 {
            format!("{}: ", self.slugs[position])
        } else {
            String::new()
        }
    }

    /// Shows a log record: a call, or a line of the function. An error is followed by the source lines of its position.
    pub(super) fn record(&self, function: &DevelopedFunction, json: &str) -> io::Result<()> {
        let record: Value = serde_json::from_str(json).unwrap_or_default();
        // `jelou call` and browsers request this document. The developer did not call it.
        if record["path"] == DOCUMENT && record["status"] == 200 {
            return Ok(());
        }
        logs::show_record(self.output, &self.slugs, function.slug(), json)?;
        if record["level"] != "ERROR" || self.output.is_json() {
            return Ok(());
        }
        match texts_in(&record).find_map(|text| function.frame_in(text)) {
            Some(frame) => self.output.human(|human| human.text(&frame)),
            None => Ok(()),
        }
    }

    pub(super) fn key(&self, key: Key, server: &DevelopmentServer) -> io::Result<()> {
        match key {
            Key::Open => {
                let url = server.functions().first().map(|function| function.url());
                // Fails on a machine without a desktop. The address is already on the screen.
                if open(url.unwrap_or(server.url())).is_err() {
                    self.output.warn("no browser could be opened")?;
                }
                Ok(())
            }
            Key::Clear => self.output.raw(b"\x1b[2J\x1b[3J\x1b[H"),
            _ => self.output.human(|human| human.item(HELP)),
        }
    }

    fn event(&self, mut event: Value) -> io::Result<()> {
        event["kind"] = "dev".into();
        self.output.raw(format!("{event}\n").as_bytes())
    }
}

/// Returns the time of day in this machine's time zone.
fn local(time: &Timestamp) -> String {
    let time = time.to_zoned_datetime(TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// Iterates over all strings in a value.
fn texts_in(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(items) => Box::new(items.iter().flat_map(texts_in)),
        Value::Object(fields) => Box::new(fields.values().flat_map(texts_in)),
        _ => Box::new(std::iter::empty()),
    }
}

fn open(url: &str) -> io::Result<()> {
    let mut command = std::process::Command::new("xdg-open");
    for name in jelou_core::private_variables() {
        command.env_remove(name);
    }
    command
        .arg(url)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .map(drop)
}

/// Returns the method for an example call, and the path without its leading slash.
fn route(tool: &Tool) -> (&str, &str) {
    let path = tool.path.trim_start_matches('/').trim_end_matches('*');
    let post = tool.methods.iter().find(|method| *method == "POST");
    let method = post.or(tool.methods.first());
    (method.map_or("POST", String::as_str), path)
}

/// Returns a `curl` command that calls the first tool, with example values for the required fields of its input.
fn curl(manifest: &Manifest, function: &DevelopedFunction) -> String {
    let Some(tool) = manifest.tools.first() else {
        return format!("curl {}", function.url());
    };
    let (method, path) = route(tool);
    let mut words = vec![format!("curl -X {method} {}{path}", function.url())];
    if let Some(token) = function.token() {
        words.push(format!("-H 'X-Jelou-Token: {token}'"));
    }
    if let (Some(schema), true) = (&tool.input_schema, method != "GET") {
        let input = example(schema).to_string().replace('\'', "'\\''");
        words.push(format!("-H 'Content-Type: application/json' -d '{input}'"));
    }
    words.join(" ")
}

/// Returns an example value that the schema may accept.
fn example(schema: &Value) -> Value {
    if let Some(given) = schema.get("default").or(schema.get("const")) {
        return given.clone();
    }
    if let Some(first) = schema["enum"].get(0).or(schema["examples"].get(0)) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
            let fields = required.iter().filter_map(Value::as_str);
            fields
                .map(|name| (name.to_owned(), example(&schema["properties"][name])))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Some("array") => json!([]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => json!("text"),
        _ => Value::Null,
    }
}
