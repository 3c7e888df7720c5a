//! What a function says of itself over MCP, made once when it goes live.

use bytes::Bytes;
use jelou_core::manifest::{Manifest, Mode, Tool};
use jelou_core::policy::RuntimeScopes;
use serde_json::{Map, Value, json};

use super::access::Access;
use super::arguments::Arguments;
use super::message::{Refusal, Request};
use super::mirrored::{self, Mirrored};
use super::revision::{Revision, SUPPORTED};
use crate::openapi::Identity;

/// How long a client may keep the list of tools: a deploy shows after that time at the latest.
const TTL_MS: u32 = 60_000;

#[derive(Debug)]
pub(crate) struct Catalog {
    entries: Vec<Entry>,
    public: Option<Lists>,
    all: Lists,
    initialization: Map<String, Value>,
    server_info: Value,
    /// Web pages that the function's CORS rules name.
    origins: Vec<String>,
}

/// A tool that can be called.
#[derive(Debug)]
pub(super) struct Entry {
    /// Index into the manifest's tools.
    pub(super) tool: usize,
    pub(super) name: String,
    pub(super) public: bool,
    pub(super) arguments: Arguments,
    pub(super) mirrored: Vec<Mirrored>,
    pub(super) output: OutputSchema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputSchema {
    None,
    Object,
    /// Of any type: the older revisions know none of these.
    Other,
}

/// Results that are the same for everyone with the same access.
#[derive(Debug)]
struct Lists {
    modern: Bytes,
    legacy: Bytes,
    discovery: Bytes,
}

impl Catalog {
    pub(crate) fn of(manifest: &Manifest, identity: Identity<'_>) -> Self {
        let tools: Vec<_> = manifest
            .tools
            .iter()
            .enumerate()
            .filter(|(_, tool)| tool.mcp)
            .map(|(index, tool)| ListedTool::of(index, tool))
            .collect();
        let server_info = json!({
            "name": manifest.name.as_deref().unwrap_or(identity.slug),
            "version": identity.deployment,
        });
        // With one tool it is that tool's own description.
        let instructions = (manifest.mode == Mode::App && !manifest.description.is_empty())
            .then_some(manifest.description.as_str());
        let server = Server {
            info: &server_info,
            instructions,
        };
        let some_public = tools.iter().any(|tool| tool.entry.public);
        let all_public = tools.iter().all(|tool| tool.entry.public);
        let scope = if all_public { "public" } else { "private" };
        let all = server.lists(tools.iter(), scope);
        // The answer to "nobody": who has a token gets another one.
        let public = (some_public && !all_public)
            .then(|| server.lists(tools.iter().filter(|tool| tool.entry.public), "private"));
        Self {
            public,
            all,
            initialization: server.initialization(),
            origins: named_origins(manifest),
            entries: tools.into_iter().map(|tool| tool.entry).collect(),
            server_info,
        }
    }

    /// Whether there is MCP at all.
    pub(crate) fn has_tools(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Whether nothing here needs a token.
    pub(super) fn is_public(&self) -> bool {
        self.entries.iter().all(|entry| entry.public)
    }

    pub(super) fn has_public(&self) -> bool {
        self.entries.iter().any(|entry| entry.public)
    }

    pub(super) fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    pub(super) fn server_info(&self) -> &Value {
        &self.server_info
    }

    pub(super) fn discovery(&self, access: &Access) -> Bytes {
        self.lists(access).discovery.clone()
    }

    pub(super) fn initialization(&self, version: &str) -> Bytes {
        let mut result = Map::new();
        result.insert("protocolVersion".to_owned(), json!(version));
        result.extend(self.initialization.clone());
        Bytes::from(Value::Object(result).to_string())
    }

    pub(super) fn list(
        &self,
        revision: Revision,
        access: &Access,
        request: &Request,
    ) -> Result<Bytes, Refusal> {
        if request
            .params
            .get("cursor")
            .is_some_and(|cursor| !cursor.is_null())
        {
            // All tools come at once, so no cursor was ever given out.
            return Err(Refusal::invalid_params("Unknown cursor"));
        }
        let lists = self.lists(access);
        let list = match revision {
            Revision::Modern => &lists.modern,
            Revision::Legacy => &lists.legacy,
        };
        Ok(match access.some_tools() {
            Some(scopes) => only(list, scopes),
            None => list.clone(),
        })
    }

    fn lists(&self, access: &Access) -> &Lists {
        match (access, &self.public) {
            (Access::Public, Some(public)) => public,
            _ => &self.all,
        }
    }
}

/// A list without the tools that a token is not for. It is made anew each time: few tokens are for some tools only, and
/// they seldom ask.
fn only(list: &Bytes, scopes: &RuntimeScopes) -> Bytes {
    let mut result: Map<String, Value> = serde_json::from_slice(list).unwrap_or_default();
    if let Some(Value::Array(tools)) = result.get_mut("tools") {
        tools.retain(|tool| {
            let name = tool["name"].as_str();
            name.is_some_and(|name| scopes.allow_mcp_tool(name))
        });
    }
    Bytes::from(Value::Object(result).to_string())
}

fn named_origins(manifest: &Manifest) -> Vec<String> {
    let origins = manifest
        .tools
        .iter()
        .filter_map(|tool| tool.cors.as_ref())
        .flat_map(|cors| &cors.origin);
    origins.filter(|origin| *origin != "*").cloned().collect()
}

struct ListedTool {
    entry: Entry,
    modern: Value,
    legacy: Value,
}

impl ListedTool {
    fn of(index: usize, tool: &Tool) -> Self {
        let (arguments, input_schema) = Arguments::of(tool);
        let mirrored = mirrored::of_schema(&input_schema);
        let mut legacy = Map::new();
        legacy.insert("name".to_owned(), json!(tool.name));
        let annotations = tool.annotations.as_ref();
        if let Some(title) = annotations.and_then(|annotations| annotations.get("title")) {
            legacy.insert("title".to_owned(), title.clone());
        }
        legacy.insert("description".to_owned(), json!(tool.description));
        legacy.insert("inputSchema".to_owned(), input_schema);
        let mut modern = legacy.clone();
        let mut output = OutputSchema::None;
        if let Some(schema) = tool
            .output_schema
            .as_ref()
            .filter(|schema| schema.is_object())
        {
            output = OutputSchema::Other;
            modern.insert("outputSchema".to_owned(), schema.clone());
            if schema.get("type").is_some_and(|name| name == "object") {
                output = OutputSchema::Object;
                legacy.insert("outputSchema".to_owned(), schema.clone());
            }
        }
        if let Some(annotations) = annotations {
            modern.insert("annotations".to_owned(), annotations.clone());
            legacy.insert("annotations".to_owned(), annotations.clone());
        }
        let entry = Entry {
            tool: index,
            name: tool.name.clone(),
            public: tool.public,
            arguments,
            mirrored,
            output,
        };
        Self {
            entry,
            modern: Value::Object(modern),
            legacy: Value::Object(legacy),
        }
    }
}

struct Server<'a> {
    info: &'a Value,
    instructions: Option<&'a str>,
}

impl Server<'_> {
    fn lists<'t>(&self, tools: impl Iterator<Item = &'t ListedTool>, scope: &str) -> Lists {
        let (modern, legacy): (Vec<_>, Vec<_>) =
            tools.map(|tool| (&tool.modern, &tool.legacy)).unzip();
        let mut discovery = Map::new();
        discovery.insert("supportedVersions".to_owned(), json!(SUPPORTED));
        discovery.extend(self.capabilities());
        let modern = Map::from_iter([("tools".to_owned(), json!(modern))]);
        Lists {
            modern: self.cacheable(modern, scope),
            legacy: Bytes::from(json!({ "tools": legacy }).to_string()),
            discovery: self.cacheable(discovery, scope),
        }
    }

    /// A result of revision 2026-07-28 that a client may keep.
    fn cacheable(&self, fields: Map<String, Value>, scope: &str) -> Bytes {
        let mut result = Map::new();
        result.insert("resultType".to_owned(), json!("complete"));
        result.extend(fields);
        result.insert("ttlMs".to_owned(), json!(TTL_MS));
        result.insert("cacheScope".to_owned(), json!(scope));
        result.insert("_meta".to_owned(), result_meta(self.info));
        Bytes::from(Value::Object(result).to_string())
    }

    fn initialization(&self) -> Map<String, Value> {
        let mut result = self.capabilities();
        result.insert("serverInfo".to_owned(), self.info.clone());
        result
    }

    fn capabilities(&self) -> Map<String, Value> {
        let mut fields = Map::from_iter([("capabilities".to_owned(), json!({ "tools": {} }))]);
        if let Some(instructions) = self.instructions {
            fields.insert("instructions".to_owned(), json!(instructions));
        }
        fields
    }
}

/// How a server names itself in each result of revision 2026-07-28.
pub(super) fn result_meta(server_info: &Value) -> Value {
    json!({ "io.modelcontextprotocol/serverInfo": server_info })
}
