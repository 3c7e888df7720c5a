//! Runs a Deno process with all permissions of Deno inside chosen layers.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use jelou_sandbox::{
    Confinement, FileRights, Launch, Layer, LayerStatus, Opening, ProcessIds, ProcessLimits,
    Purpose, Sandbox, SandboxConfig, SandboxMode, sandbox_layers,
};
use serde_json::Value;

/// The folder of a run. It is next to the folder of another process, which the run must not read.
pub(crate) struct Place {
    root: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let passable = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(root.path(), passable).unwrap();
        let place = Self { root };
        for folder in [place.home(), place.other()] {
            fs_err::create_dir(&folder).unwrap();
        }
        fs_err::write(place.other().join("secret"), "secret").unwrap();
        place
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Returns the folder of another process.
    pub(crate) fn other(&self) -> PathBuf {
        self.root.path().join("other")
    }
}

pub(crate) struct Run<'a> {
    place: &'a Place,
    layers: &'a [Layer],
    pub(crate) purpose: Purpose,
    pub(crate) max_data_bytes: Option<u64>,
    pub(crate) limits: ProcessLimits,
    pub(crate) egress_allow: &'a [IpNet],
    /// The openings of only this process.
    pub(crate) openings: Vec<Opening>,
    pub(crate) ipv6: bool,
}

fn wanted(layer: bool) -> SandboxMode {
    if layer {
        SandboxMode::Auto
    } else {
        SandboxMode::Off
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(place: &'a Place, layers: &'a [Layer]) -> Self {
        Self {
            place,
            layers,
            purpose: Purpose::Serve,
            max_data_bytes: None,
            limits: ProcessLimits {
                cpu_weight: 100,
                max_memory_mib: 256,
                max_threads: 128,
                max_open_files: 900,
            },
            egress_allow: &[],
            openings: Vec::new(),
            ipv6: false,
        }
    }

    /// Returns the outcome of each attempt: its value, or the name of its error.
    pub(crate) async fn attempts(&self, attempts: &[(&str, String)]) -> Value {
        let ways = attempts
            .iter()
            .fold(String::new(), |mut ways, (name, code)| {
                let _ = writeln!(ways, "{name:?}: async () => {code},");
                ways
            });
        let libc = "libc.so.6";
        self.eval(&format!(
            r#"const i = "i64";
            const libc = Deno.dlopen("{libc}", {{
              syscall: {{ parameters: [i, i, "buffer", i, i, i], result: i }},
              numbers: {{ name: "syscall", parameters: [i, i, i, i, i, i], result: i }},
              __errno_location: {{ parameters: [], result: "pointer" }},
            }}).symbols;
            const done = (result) =>
              result >= 0 ? "done" : new Deno.UnsafePointerView(libc.__errno_location()).getInt32();
            const call = (number, ...rest) =>
              done(libc.numbers(...[number, ...rest, 0, 0, 0, 0, 0].slice(0, 6).map(BigInt)));
            const text = (value) => new TextEncoder().encode(value + "\0");
            const outcomes = {{}};
            const ways = {{ {ways} }};
            for (const [name, way] of Object.entries(ways)) {{
              try {{
                const got = await way();
                outcomes[name] = got === undefined ? "done" : got;
              }} catch (error) {{
                outcomes[name] = error.name;
              }}
            }}
            console.log(JSON.stringify(outcomes));"#
        ))
        .await
        .unwrap()
    }

    /// Runs code. Returns the JSON that the code prints, or how its process ended.
    pub(crate) async fn eval(&self, code: &str) -> Result<Value, String> {
        let home = self.place.home();
        let mut launch = Launch::new(&deno(), &home);
        launch
            .args(["eval", "--quiet", "--no-config", "--no-lock"])
            .arg(code)
            .env("DENO_DIR", home.join("deno"))
            .env("DENO_NO_UPDATE_CHECK", "1")
            .env("NO_COLOR", "1");
        let config = SandboxConfig {
            mode: SandboxMode::Auto,
            landlock: self.layers.contains(&Layer::Landlock),
            seccomp: self.layers.contains(&Layer::Seccomp),
            user: self.layers.contains(&Layer::User),
            cgroup: wanted(self.layers.contains(&Layer::Cgroup)),
            firewall: wanted(self.layers.contains(&Layer::Firewall)),
            // The firewall's table is named after this user id, so the id must be unique on this machine.
            first_user_id: 1_000_000 + std::process::id() % 10_000 * 60_001,
            ipv6: self.ipv6,
            ..SandboxConfig::default()
        };
        let sandbox = Sandbox::set_up(config, self.limits, self.egress_allow, &home).unwrap();
        for layer in self.layers {
            let active = |status: &LayerStatus| status.layer == *layer && status.active;
            assert!(
                sandbox.layers().iter().any(active),
                "{:?}",
                sandbox.layers()
            );
        }
        let rights = FileRights {
            read: Vec::new(),
            execute: vec![deno()],
            write: vec![home.clone()],
        };
        let mut user = sandbox.lend_user().unwrap();
        if let Some(user) = user.as_mut().filter(|_| !self.openings.is_empty()) {
            sandbox.open_firewall(user, &self.openings).unwrap();
        }
        let ids = user.as_ref().map(|lent| ProcessIds {
            user: lent.user(),
            group: None,
        });
        if let Some(ids) = ids {
            ids.user.own_all(&home).unwrap();
        }
        let confinement =
            Confinement::new(&sandbox, self.purpose, ids, &rights, self.max_data_bytes);
        let mut confinement = confinement.unwrap();
        let group = sandbox.lend_group(&self.limits);
        if let Some(group) = &group {
            confinement = confinement.join(group).unwrap();
        }
        let mut command = launch.command(confinement).unwrap();
        let output = command.output().await.unwrap();
        let out_of_memory = group.is_some_and(|group| group.was_out_of_memory());
        sandbox.take_down();
        let stdout = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(&stdout).map_err(|_| {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let why = if out_of_memory { ", out of memory" } else { "" };
            format!("{}{why}: {stdout}{stderr}", output.status)
        })
    }
}

fn deno() -> PathBuf {
    let fetched = std::env::var_os("JELOU_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/engine"),
        PathBuf::from,
    );
    let folder = fetched.join("engine");
    let installed = fs_err::read_dir(&folder).map(|entries| {
        let paths = entries.map(|entry| entry.unwrap().path());
        let deno = paths.filter(|path| path.file_name().is_some_and(is_deno));
        deno.max()
    });
    let Ok(Some(deno)) = installed else {
        panic!("no Deno in {}: run `make engine`", folder.display());
    };
    deno.canonicalize().unwrap()
}

fn is_deno(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("deno-"))
}

/// Returns whether the machine has the layer. Tests of a missing layer are skipped.
pub(crate) fn has(layer: Layer) -> bool {
    let place = Place::new();
    let layers = sandbox_layers(&SandboxConfig::default(), &[], &place.home());
    let status = layers.iter().find(|status| status.layer == layer).unwrap();
    if let Some(reason) = &status.reason {
        eprintln!("skipped: {reason}");
    }
    status.active
}
