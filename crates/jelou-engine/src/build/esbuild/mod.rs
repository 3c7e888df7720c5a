//! Drives the bundler, esbuild, over its protocol for long-lived processes: packets on its standard input and output.
//!
//! For each import and each file, the bundler sends a request to the [`Plugin`]. `docs/decisions/130-bundling.md` says
//! why the server drives the bundler itself.

mod value;

use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use value::{Value, malformed};

/// The key of all builds of a process. These builds have the same options.
const BUILD: u32 = 0;
/// The name of the plugin in the protocol.
const PLUGIN: &str = "jelou";
/// The `pluginData` of an import that the plugin asks the bundler to resolve. The bundler then asks the plugin about
/// this import again, and because of this value, the plugin leaves it to the bundler.
const OWN_RESOLUTION: u32 = 1;
/// Maximum bytes of one packet. The last packet contains the bundle, its source map and the metafile.
const MAX_PACKET_BYTES: usize = 512 * 1024 * 1024;

/// The options of all builds of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) entrypoint: String,
    /// Command-line options.
    pub(super) options: Vec<String>,
    pub(super) folder: String,
    /// Regular expression (Go's syntax) of the imports that the plugin resolves.
    pub(super) resolved: &'static str,
}

#[derive(Debug)]
pub(super) struct Import<'a> {
    pub(super) specifier: &'a str,
    /// The path of the importing file.
    pub(super) importer: &'a str,
    /// `import-statement`, `require-call`, `dynamic-import` and others.
    pub(super) kind: &'a str,
}

/// The answer to an import: the module to which it leads.
#[derive(Debug, Clone)]
pub(super) enum Resolution {
    /// The bundler resolves the import itself.
    Default,
    /// The import statement remains in the bundle, with this specifier.
    External(String),
    /// A module that the plugin loads.
    Module {
        path: String,
        namespace: &'static str,
    },
    /// The bundler resolves another specifier, relative to a folder.
    As {
        specifier: String,
        folder: String,
        /// Whether the import remains in the bundle if it cannot be resolved. Otherwise an unresolved import is an
        /// error.
        may_be_missing: bool,
    },
}

/// A file that the bundler is about to read.
#[derive(Debug)]
pub(super) struct Load<'a> {
    pub(super) path: &'a str,
    /// The `type` in the import's attributes, or an empty string.
    pub(super) attribute: &'a str,
}

/// The answer to a [`Load`]: the content of the file.
#[derive(Debug)]
pub(super) enum Loaded {
    /// The bundler reads the file itself.
    Default,
    Content {
        content: Vec<u8>,
        /// One of the bundler's loaders, such as `js`.
        loader: &'static str,
    },
    Error(String),
}

pub(super) trait Plugin {
    fn resolve(&mut self, import: &Import<'_>) -> Resolution;

    /// Returns the content of a file.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    fn load(&mut self, load: &Load<'_>) -> Result<Loaded>;
}

/// An error or a warning of the bundler.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: String,
    pub(super) place: Option<Place>,
}

#[derive(Debug)]
pub(super) struct Place {
    /// Relative to the folder of the build.
    pub(super) file: String,
    /// Counts from 1.
    pub(super) line: u32,
    /// Counts from 0.
    pub(super) column: u32,
}

#[derive(Debug)]
pub(super) struct Output {
    pub(super) errors: Vec<Message>,
    pub(super) warnings: Vec<Message>,
    pub(super) code: Vec<u8>,
    pub(super) source_map: Vec<u8>,
    /// JSON with every file that the bundler read, and its part of the bundle.
    pub(super) metafile: String,
}

/// The connection to the bundler's process: its standard input and output.
#[derive(Debug)]
pub(super) struct Bundler<R, W> {
    from: BufReader<R>,
    to: W,
    /// The imports that the bundler resolves for the plugin, by the number of the plugin's request.
    resolving: HashMap<u32, Resolving>,
    requests: u32,
}

#[derive(Debug)]
struct Resolving {
    /// The number of the bundler's request that waits for this resolution.
    asked_by: u32,
    plugin: Value,
    specifier: String,
    may_be_missing: bool,
}

struct Packet {
    id: u32,
    is_request: bool,
    value: Value,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Bundler<R, W> {
    pub(super) fn new(from: R, to: W) -> Self {
        Self {
            from: BufReader::new(from),
            to,
            resolving: HashMap::new(),
            requests: 0,
        }
    }

    /// Sends the options of the builds to a new process.
    ///
    /// # Errors
    ///
    /// When the process ends early, breaks the protocol, or refuses the options.
    pub(super) async fn prepare(&mut self, request: &Request) -> Result<()> {
        // The first packet is the version, which the process checks by itself.
        self.packet_bytes().await?;
        let asked = self.send_request(context_request(request)).await?;
        let packet = self.packet().await?;
        if packet.is_request || packet.id != asked {
            return Err(malformed("no response to the options"));
        }
        refused(&packet.value)?;
        match packet.value.list("errors").first() {
            Some(error) => Err(Error::other(error.str("text").to_owned())),
            None => Ok(()),
        }
    }

    /// Builds once. Files that have not changed since the previous build are not parsed again.
    ///
    /// # Errors
    ///
    /// When the process ends early, breaks the protocol, or the plugin cannot read a file.
    pub(super) async fn build(&mut self, plugin: &mut impl Plugin) -> Result<Output> {
        let rebuild = Value::map([
            ("command", Value::text("rebuild")),
            ("key", Value::Int(BUILD)),
        ]);
        let build = self.send_request(rebuild).await?;
        let mut result = None;
        loop {
            let packet = self.packet().await?;
            if packet.is_request && packet.value.str("command") == "on-end" {
                result = Some(output(packet.value));
                self.send(packet.id, false, &nothing()).await?;
            } else if packet.is_request {
                self.answer(packet.id, &packet.value, plugin).await?;
            } else if packet.id == build {
                refused(&packet.value)?;
                return result.ok_or_else(|| malformed("a build without a result"));
            } else if let Some(resolving) = self.resolving.remove(&packet.id) {
                let answer = resolved(&resolving, &packet.value);
                self.send(resolving.asked_by, false, &answer).await?;
            } else {
                return Err(malformed("a response without a request"));
            }
        }
    }

    async fn answer(&mut self, id: u32, request: &Value, plugin: &mut impl Plugin) -> Result<()> {
        match request.str("command") {
            "on-resolve" if request.int("pluginData") == Some(OWN_RESOLUTION) => {
                self.send(id, false, &Value::Map(Vec::new())).await
            }
            "on-resolve" => self.answer_resolve(id, request, plugin).await,
            "on-load" => {
                let loaded = plugin.load(&Load {
                    path: request.str("path"),
                    attribute: request
                        .get("with")
                        .map(|with| with.str("type"))
                        .unwrap_or_default(),
                })?;
                let fields = match loaded {
                    Loaded::Default => Vec::new(),
                    Loaded::Content { content, loader } => vec![
                        ("contents".to_owned(), Value::Bytes(content)),
                        ("loader".to_owned(), Value::text(loader)),
                    ],
                    Loaded::Error(text) => vec![error(text)],
                };
                let answer = by_plugin(&plugin_of(request), fields);
                self.send(id, false, &answer).await
            }
            // Other commands, such as the notice that a build starts, need no answer.
            _ => self.send(id, false, &nothing()).await,
        }
    }

    async fn answer_resolve(
        &mut self,
        id: u32,
        request: &Value,
        plugin: &mut impl Plugin,
    ) -> Result<()> {
        let import = Import {
            specifier: request.str("path"),
            importer: request.str("importer"),
            kind: request.str("kind"),
        };
        let own = plugin_of(request);
        let fields = match plugin.resolve(&import) {
            Resolution::Default => Vec::new(),
            Resolution::External(path) => external(path),
            Resolution::Module { path, namespace } => vec![
                ("path".to_owned(), Value::Text(path)),
                ("namespace".to_owned(), Value::text(namespace)),
            ],
            Resolution::As {
                specifier,
                folder,
                may_be_missing,
            } => {
                let asked = self
                    .send_request(Value::map([
                        ("command", Value::text("resolve")),
                        ("path", Value::text(specifier.as_str())),
                        ("key", Value::Int(BUILD)),
                        ("pluginName", Value::text(PLUGIN)),
                        ("resolveDir", Value::text(folder)),
                        ("kind", Value::text(import.kind)),
                        ("pluginData", Value::Int(OWN_RESOLUTION)),
                    ]))
                    .await?;
                let resolving = Resolving {
                    asked_by: id,
                    plugin: own,
                    specifier: import.specifier.to_owned(),
                    may_be_missing,
                };
                self.resolving.insert(asked, resolving);
                return Ok(());
            }
        };
        self.send(id, false, &by_plugin(&own, fields)).await
    }

    async fn send_request(&mut self, value: Value) -> Result<u32> {
        let id = self.requests;
        self.requests += 1;
        self.send(id, true, &value).await?;
        Ok(id)
    }

    async fn send(&mut self, id: u32, is_request: bool, value: &Value) -> Result<()> {
        let mut bytes = vec![0; 4];
        bytes.extend(((id << 1) | u32::from(!is_request)).to_le_bytes());
        value.encode(&mut bytes);
        let length = u32::try_from(bytes.len() - 4).map_err(Error::other)?;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        self.to.write_all(&bytes).await?;
        self.to.flush().await
    }

    async fn packet(&mut self) -> Result<Packet> {
        let bytes = self.packet_bytes().await?;
        let (id, value) = bytes
            .split_at_checked(4)
            .ok_or_else(|| malformed("a packet without a number"))?;
        let mut number = [0; 4];
        number.copy_from_slice(id);
        let number = u32::from_le_bytes(number);
        Ok(Packet {
            id: number >> 1,
            is_request: number & 1 == 0,
            value: Value::decode(value)?,
        })
    }

    async fn packet_bytes(&mut self) -> Result<Vec<u8>> {
        let length = self.from.read_u32_le().await? as usize;
        if length > MAX_PACKET_BYTES {
            return Err(malformed("a packet that is too large"));
        }
        let mut bytes = Vec::new();
        let read = (&mut self.from)
            .take(length as u64)
            .read_to_end(&mut bytes)
            .await?;
        if read == length {
            Ok(bytes)
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }
}

fn context_request(request: &Request) -> Value {
    let filter = |pattern: &str| {
        Value::List(vec![Value::map([
            ("id", Value::Int(0)),
            ("filter", Value::text(pattern)),
            ("namespace", Value::text("")),
        ])])
    };
    let plugin = Value::map([
        ("name", Value::text(PLUGIN)),
        ("onStart", Value::Bool(false)),
        ("onEnd", Value::Bool(false)),
        ("onResolve", filter(request.resolved)),
        ("onLoad", filter(".*")),
    ]);
    let options = request.options.iter().map(Value::text).collect();
    let entry = Value::List(vec![Value::text(""), Value::text(&request.entrypoint)]);
    Value::map([
        ("command", Value::text("build")),
        ("key", Value::Int(BUILD)),
        ("entries", Value::List(vec![entry])),
        ("flags", Value::List(options)),
        ("write", Value::Bool(false)),
        ("stdinContents", Value::Null),
        ("stdinResolveDir", Value::Null),
        ("absWorkingDir", Value::text(&request.folder)),
        ("nodePaths", Value::List(Vec::new())),
        ("context", Value::Bool(true)),
        ("plugins", Value::List(vec![plugin])),
    ])
}

/// Returns the number of the plugin, which the answer must repeat.
fn plugin_of(request: &Value) -> Value {
    request
        .list("ids")
        .first()
        .cloned()
        .unwrap_or(Value::Int(0))
}

fn by_plugin(plugin: &Value, fields: Vec<(String, Value)>) -> Value {
    let own = [
        ("id".to_owned(), plugin.clone()),
        ("pluginName".to_owned(), Value::text(PLUGIN)),
    ];
    if fields.is_empty() {
        return Value::Map(Vec::new());
    }
    Value::Map(own.into_iter().chain(fields).collect())
}

fn external(path: String) -> Vec<(String, Value)> {
    vec![
        ("path".to_owned(), Value::Text(path)),
        ("external".to_owned(), Value::Bool(true)),
    ]
}

fn error(text: String) -> (String, Value) {
    let message = Value::map([
        ("id", Value::text("")),
        ("pluginName", Value::text(PLUGIN)),
        ("text", Value::Text(text)),
        ("location", Value::Null),
        ("notes", Value::List(Vec::new())),
        ("detail", Value::Int(0)),
    ]);
    ("errors".to_owned(), Value::List(vec![message]))
}

fn resolved(resolving: &Resolving, found: &Value) -> Value {
    let is_missing = found.get("error").is_some() || !found.list("errors").is_empty();
    let fields = if !is_missing {
        let mut fields = vec![
            ("path".to_owned(), Value::text(found.str("path"))),
            ("namespace".to_owned(), Value::text(found.str("namespace"))),
            ("suffix".to_owned(), Value::text(found.str("suffix"))),
        ];
        if found.is_true("external") {
            fields.push(("external".to_owned(), Value::Bool(true)));
        }
        if found.get("sideEffects") == Some(&Value::Bool(false)) {
            fields.push(("sideEffects".to_owned(), Value::Bool(false)));
        }
        fields
    } else if resolving.may_be_missing {
        external(resolving.specifier.clone())
    } else {
        let text = found.list("errors").first().map(|error| error.str("text"));
        vec![error(text.unwrap_or("could not be resolved").to_owned())]
    };
    by_plugin(&resolving.plugin, fields)
}

/// Returns an answer without messages.
fn nothing() -> Value {
    Value::map([
        ("errors", Value::List(Vec::new())),
        ("warnings", Value::List(Vec::new())),
    ])
}

/// Returns the error of a request that the bundler has refused.
fn refused(answer: &Value) -> Result<()> {
    match answer.get("error") {
        Some(Value::Text(text)) => Err(Error::other(text.clone())),
        _ => Ok(()),
    }
}

fn output(answer: Value) -> Output {
    let (mut code, mut source_map) = (Vec::new(), Vec::new());
    let (errors, warnings) = (
        messages(answer.list("errors")),
        messages(answer.list("warnings")),
    );
    let metafile = answer.str("metafile").to_owned();
    if let Value::Map(fields) = answer
        && let Some((_, Value::List(files))) =
            fields.into_iter().find(|(key, _)| key == "outputFiles")
    {
        for file in files {
            let is_map = Path::new(file.str("path"))
                .extension()
                .is_some_and(|kind| kind == "map");
            let Value::Map(fields) = file else { continue };
            for (key, value) in fields {
                if let ("contents", Value::Bytes(bytes)) = (key.as_str(), value) {
                    *(if is_map { &mut source_map } else { &mut code }) = bytes;
                }
            }
        }
    }
    Output {
        errors,
        warnings,
        code,
        source_map,
        metafile,
    }
}

fn messages(values: &[Value]) -> Vec<Message> {
    values
        .iter()
        .map(|value| Message {
            text: value.str("text").to_owned(),
            place: value.get("location").and_then(|place| {
                Some(Place {
                    file: match place.str("file") {
                        "" => return None,
                        file => file.to_owned(),
                    },
                    line: place.int("line")?,
                    column: place.int("column")?,
                })
            }),
        })
        .collect()
}
