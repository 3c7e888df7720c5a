//! The MCP catalog of a deployment: its callable tools and the prepared results of lists.

use bytes::Bytes;
use jelou_core::manifest::{Manifest, Mode, Tool};
use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::lists::{self, Side};
use super::mirrored::Mirrored;
use super::versions::SUPPORTED;
use crate::documents::DeploymentNames;

/// How long a client may cache the list of tools after a deploy.
const TTL_MS: u32 = 60_000;

#[derive(Debug)]
pub(crate) struct Catalog {
    entries: Vec<Entry>,
    /// Whether the function has the endpoint at all, even without tools.
    is_served: bool,
    is_public: bool,
    public: Option<Lists>,
    all: Lists,
    initialization: Map<String, Value>,
    server_info: Value,
    /// The origins that the CORS rules of the function name.
    origins: Vec<String>,
}

/// A callable tool.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Index into the manifest's tools.
    pub(crate) tool: usize,
    pub(crate) name: String,
    pub(crate) public: bool,
    pub(crate) arguments: Arguments,
    pub(crate) mirrored: Vec<Mirrored>,
    pub(crate) output: OutputSchema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputSchema {
    None,
    Object,
    /// Any other type. Older revisions support only objects.
    Other,
}

/// The prepared results for all callers with the same access.
#[derive(Debug)]
pub(crate) struct Lists {
    /// The tool list for revision 2026-07-28.
    pub(crate) modern: Bytes,
    /// The tool list for older revisions.
    pub(crate) legacy: Bytes,
    pub(crate) discovery: Bytes,
}

impl Catalog {
    pub(crate) fn of(manifest: &Manifest, names: DeploymentNames<'_>) -> Self {
        let tools: Vec<_> = manifest
            .tools
            .iter()
            .enumerate()
            .filter(|(_, tool)| tool.mcp)
            .map(|(index, tool)| ListedTool::of(index, tool))
            .collect();
        let server_info = json!({
            "name": manifest.name.as_deref().unwrap_or(names.slug),
            "version": names.deployment,
        });
        // With one tool, the instructions would repeat the tool's description.
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
        // The cache scope is private, because callers with a token get a different list.
        let public = (some_public && !all_public)
            .then(|| server.lists(tools.iter().filter(|tool| tool.entry.public), "private"));
        Self {
            // A web handler has no tools. Its endpoint exists to report this to clients.
            is_served: !tools.is_empty() || manifest.mode == Mode::Handler,
            is_public: all_public && (!tools.is_empty() || manifest.is_public()),
            public,
            all,
            initialization: server.initialization(),
            origins: named_origins(manifest),
            entries: tools.into_iter().map(|tool| tool.entry).collect(),
            server_info,
        }
    }

    /// Whether MCP offers a tool.
    pub(crate) fn has_tools(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Whether the function has the endpoint, even without tools.
    pub(crate) fn is_served(&self) -> bool {
        self.is_served
    }

    /// Whether no request to the endpoint needs a token.
    pub(crate) fn is_public(&self) -> bool {
        self.is_public
    }

    pub(crate) fn has_public(&self) -> bool {
        self.entries.iter().any(|entry| entry.public)
    }

    pub(crate) fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    pub(crate) fn server_info(&self) -> &Value {
        &self.server_info
    }

    pub(crate) fn initialization(&self, version: &str) -> Bytes {
        let mut result = Map::new();
        result.insert("protocolVersion".to_owned(), json!(version));
        result.extend(self.initialization.clone());
        Bytes::from(Value::Object(result).to_string())
    }

    /// Returns the results for callers with a token.
    pub(crate) fn all(&self) -> &Lists {
        &self.all
    }

    /// Returns the results for callers without a token.
    pub(crate) fn public(&self) -> &Lists {
        self.public.as_ref().unwrap_or(&self.all)
    }
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
        let (arguments, mut input_schema) = Arguments::of(tool);
        lists::complete(&mut input_schema, Side::Input);
        let mirrored = Mirrored::of_schema(&input_schema);
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
            let mut schema = schema.clone();
            lists::complete(&mut schema, Side::Output);
            modern.insert("outputSchema".to_owned(), schema.clone());
            if schema.get("type").is_some_and(|name| name == "object") {
                output = OutputSchema::Object;
                legacy.insert("outputSchema".to_owned(), schema);
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

    /// Builds a cacheable result of revision 2026-07-28.
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

/// Returns the `_meta` of a result of revision 2026-07-28: the server's name and version.
pub(crate) fn result_meta(server_info: &Value) -> Value {
    json!({ "io.modelcontextprotocol/serverInfo": server_info })
}
