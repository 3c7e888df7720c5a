//! Tests what each layer stops alone. It runs the attempts that do no harm when they succeed, under one layer at a
//! time. `docs/security.md` has the results as a table; `JELOU_UPDATE_DOCS=1` updates it.
//!
//! Only tests run servers without Deno's permissions: the setting exists only in builds with debug assertions.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;

use serde_json::{Value, json};

use super::stage::ATTEMPTS;
use super::{Hostile, Stage, hostile};
use crate::support::{DataFolder, Sandbox};

/// A function, its attempts, and their place in its answer.
struct Row {
    function: Hostile,
    at: &'static str,
    ways: &'static [&'static str],
}

const fn row(function: Hostile, at: &'static str, ways: &'static [&'static str]) -> Row {
    Row { function, at, ways }
}

const ROWS: &[Row] = &[
    row(
        hostile!("reads"),
        "",
        &[
            "passwd",
            "shadow",
            "node:fs",
            "a stream",
            "its own environment",
            "its own memory",
            "the server's environment",
            "the server's memory",
            "the server's files",
            "through /proc",
            "the key",
            "the database",
            "other processes' folders",
            "built functions",
            "packages",
            "the root",
            "its sockets",
            "the folder above",
        ],
    ),
    row(
        hostile!("writes"),
        "",
        &[
            "its own folder",
            "its bundle",
            "the system's temporary folder",
            "node:fs",
            "a built function",
            "the key",
            "a folder",
            "a symbolic link",
            "a hard link",
            "node's symbolic link",
            "mode",
            "owner",
            "another folder",
        ],
    ),
    row(
        hostile!("programs"),
        "",
        &[
            "output",
            "output at once",
            "spawn",
            "itself",
            "exec",
            "execSync",
            "node's spawn",
            "spawnSync",
        ],
    ),
    row(
        hostile!("foreign_code"),
        "",
        &["dlopen", "pointer", "callback", "wasi"],
    ),
    row(
        hostile!("modules"),
        "/refused",
        &["http", "a file as text", "evaluated", "a thread"],
    ),
    row(
        hostile!("storage"),
        "",
        &["localStorage", "caches", "key-value", "node:sqlite"],
    ),
    row(
        hostile!("listens"),
        "",
        &["tcp", "loopback", "unix", "node:net unix"],
    ),
    row(
        hostile!("loopback"),
        "",
        &[
            "fetch 127.0.0.1",
            "connect 127.0.0.1",
            "node:net 127.0.0.1",
            "fetch 2130706433",
            "fetch localhost",
            "connect [::ffff:127.0.0.1]",
            "node:http",
            "a client of its own",
            "through a proxy of TCP",
        ],
    ),
    row(hostile!("egress"), "", &["change its mode"]),
    row(
        hostile!("internals"),
        "/refused",
        &[
            "kill another",
            "look at another",
            "inspector",
            "a heap dump",
        ],
    ),
];

/// A layer alone, as the settings of its server.
struct Column {
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    /// The column with the same layers except this one, for a layer that needs another layer.
    upon: Option<&'static str>,
}

macro_rules! settings {
    ($permissions:literal, $landlock:literal, $seccomp:literal, $user:literal, $firewall:literal) => {
        &[
            ("SANDBOX__PERMISSIONS", $permissions),
            ("SANDBOX__LANDLOCK", $landlock),
            ("SANDBOX__SECCOMP", $seccomp),
            ("SANDBOX__USER", $user),
            ("SANDBOX__FIREWALL", $firewall),
            ("SANDBOX__CGROUP", "off"),
        ]
    };
}

/// The runtime with its usual flags and setup, but without any layer.
const RUNTIME: &str = "runtime";

const COLUMNS: [Column; 6] = [
    Column {
        name: RUNTIME,
        settings: settings!("false", "false", "false", "false", "off"),
        upon: None,
    },
    Column {
        name: "permissions",
        settings: settings!("true", "false", "false", "false", "off"),
        upon: Some(RUNTIME),
    },
    Column {
        name: "Landlock",
        settings: settings!("false", "true", "false", "false", "off"),
        upon: Some(RUNTIME),
    },
    Column {
        name: "seccomp",
        settings: settings!("false", "false", "true", "false", "off"),
        upon: Some(RUNTIME),
    },
    Column {
        name: "user id",
        settings: settings!("false", "false", "false", "true", "off"),
        upon: Some(RUNTIME),
    },
    Column {
        name: "firewall",
        settings: settings!("false", "false", "false", "true", "require"),
        upon: Some("user id"),
    },
];

/// A process that the attempts may kill, and files that they may overwrite.
struct Decoy {
    process: Child,
    data: DataFolder,
}

impl Decoy {
    /// Creates files with the same modes as the server's own files.
    fn like(genuine: &DataFolder) -> Self {
        let data = DataFolder::without_engine();
        let folders = [
            "",
            "run",
            "artifacts",
            "cache",
            "cache/deno",
            "cache/deno/npm",
        ];
        let files = ["master.key", "jelou.db"];
        for folder in folders {
            std::fs::create_dir_all(data.path().join(folder)).unwrap();
        }
        for file in files.into_iter().chain(["artifacts/x.js"]) {
            std::fs::write(data.path().join(file), "").unwrap();
        }
        for name in folders.into_iter().chain(files) {
            let mode = genuine.path().join(name).metadata().unwrap().permissions();
            std::fs::set_permissions(data.path().join(name), mode).unwrap();
        }
        let process = Command::new("sleep").arg("600").spawn().unwrap();
        Self { process, data }
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether each attempt was stopped, by function and attempt.
type Outcomes = BTreeMap<(&'static str, &'static str), bool>;

fn try_under(column: &Column, sandbox: &Sandbox, data: &Arc<DataFolder>) -> Outcomes {
    remove_traces();
    let first = 1_300_000_000 + std::process::id() % 10_000 * 60_001;
    let first = first.to_string();
    let mut settings = column.settings.to_vec();
    settings.push(("SANDBOX__FIRST_USER_ID", &first));
    // A heap dump blocks the event loop until it is written.
    settings.push(("LIMITS__STALL_TIMEOUT_MS", "60000"));
    let stage = Stage::start_on(sandbox, data, &settings);
    let decoy = Decoy::like(data);
    let input = json!({
        "server": decoy.process.id(),
        "worker": decoy.process.id(),
        "data": decoy.data.path(),
        "port": stage.port(),
        "others": [],
    });
    let mut outcomes = Outcomes::new();
    for row in ROWS {
        let reply = stage.call(row.function, &input);
        assert_eq!(
            reply.status, 200,
            "{}, {}: {reply:?}",
            column.name, row.function.file
        );
        let answer = reply.json();
        let attempts = answer.pointer(row.at).unwrap();
        for way in row.ways {
            let outcome = attempts.get(way).and_then(Value::as_str);
            let outcome = outcome.unwrap_or_else(|| panic!("{}: {answer}", row.function.file));
            // A slow attempt must not count as stopped.
            assert_ne!(
                outcome, "Error: no answer",
                "{}, {}, {way}",
                column.name, row.function.file
            );
            outcomes.insert((row.function.file, way), !outcome.starts_with("GOT"));
        }
    }
    // Stop the server regularly: a kill would leave the firewall's table behind.
    stage.stop();
    outcomes
}

/// Removes the files that successful attempts leave in the system's temporary folder.
fn remove_traces() {
    for file in ["jelou-hostile", "jelou-hostile.db", "jelou-hostile.sock"] {
        match std::fs::remove_file(Path::new("/tmp").join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
    }
}

fn table(columns: &BTreeMap<&'static str, Outcomes>) -> String {
    let mut table = String::from("| attempt |");
    for column in &COLUMNS {
        let _ = write!(table, " {} |", column.name);
    }
    table.push_str("\n|---|");
    table.push_str(&":-:|".repeat(COLUMNS.len()));
    table.push('\n');
    for row in ROWS {
        for way in row.ways {
            let key = (row.function.file, *way);
            let _ = write!(table, "| {}: {way} |", row.function.file.replace('_', " "));
            for column in &COLUMNS {
                let stopped = columns[column.name][&key];
                let before = column.upon.is_some_and(|upon| columns[upon][&key]);
                table.push_str(if stopped && !before { " ✓ |" } else { "  |" });
            }
            assert!(
                COLUMNS.iter().any(|column| columns[column.name][&key]),
                "nothing stops {key:?}"
            );
            table.push('\n');
        }
    }
    table
}

const BEGIN: &str = "<!-- Made by the test `hostile::walls`. -->\n\n";
const END: &str = "<!-- Until here. -->";

#[test]
fn each_stops_what_the_documentation_says() {
    let sandbox = Sandbox::new();
    let missing = missing_layers(&sandbox);
    if !missing.is_empty() {
        eprintln!("skipped: {missing:?}");
        return;
    }
    let stage = Stage::start_in(Sandbox::new(), &[]);
    for row in ROWS {
        let ways = format!("const WAYS = {};", json!(row.ways));
        let attempts = ATTEMPTS.replace("const WAYS: string[] | null = null;", &ways);
        assert_ne!(attempts, ATTEMPTS);
        stage.deploy(row.function, &attempts);
    }
    let data = stage.stop();
    let columns: BTreeMap<_, _> = COLUMNS
        .iter()
        .map(|column| (column.name, try_under(column, &sandbox, &data)))
        .collect();
    remove_traces();

    let made = table(&columns) + "\n";
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/security.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("JELOU_UPDATE_DOCS").is_some() {
        std::fs::write(&page, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(written, made, "docs/security.md says something else");
}

/// The layers that this machine does not have.
fn missing_layers(sandbox: &Sandbox) -> Vec<Value> {
    let outcome = sandbox.jelou("doctor").run();
    let checks = outcome.json()["data"]["checks"].clone();
    let needed = ["landlock", "seccomp", "user", "firewall"];
    let missing = |check: &&Value| {
        needed.iter().any(|name| check["name"] == *name) && check["state"] != "good"
    };
    checks
        .as_array()
        .unwrap()
        .iter()
        .filter(missing)
        .cloned()
        .collect()
}
