//! Checks a machine for `jelou doctor`, before a server starts or while one runs. Changes nothing.

use std::cmp::Ordering;
use std::error::Error as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jelou_engine::{DENIED_IPV4, Layer, LayerStatus, deno, sandbox_layers, whole_networks};
use jelou_store::{DatabaseError, Location, schema_state};
use rustix::fs::Access;
use rustix::process::Resource;
use serde::Serialize;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::stored::store_config;

/// Required and recommended free disk space.
const LEAST_BYTES: u64 = 256 * 1024 * 1024;
const ENOUGH_BYTES: u64 = 1024 * 1024 * 1024;
/// Recommended limit of open files for a busy server.
const ENOUGH_FILES: u64 = 4096;
/// Number of user ids for processes, starting at `sandbox.first_user_id`.
const USER_IDS: u32 = 60_001;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Good,
    /// The server works, but an optional part is missing.
    Missing,
    Wrong,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub state: State,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
}

impl Check {
    fn new(name: &'static str, state: State, detail: impl Into<String>) -> Self {
        Self {
            name,
            state,
            detail: detail.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

/// Runs all checks.
pub async fn examine(config: &Config) -> Vec<Check> {
    let data = existing(&config.data);
    let serving = DataDir::is_in_use(&config.data);
    let mut checks = vec![permissions(config)];
    let layers = sandbox_layers(
        &config.sandbox,
        &whole_networks(&config.egress.allow),
        &DataDir::run_dir_of(&config.data),
    );
    checks.extend(layers.iter().map(|status| layer(config, status)));
    checks.extend(user_ids(config, &layers));
    checks.push(engine(&config.data));
    checks.push(data_folder(&config.data, data, serving));
    checks.extend(key(&config.data));
    checks.push(database(config).await);
    checks.push(space(data));
    checks.push(open_files());
    checks.push(port("listen", config.listen, serving));
    checks.extend(
        config
            .api_listen
            .map(|address| port("api_listen", address, serving)),
    );
    checks
}

fn permissions(config: &Config) -> Check {
    let name = "permissions";
    let allowed = &config.egress.allow;
    if allowed.is_empty() {
        let detail = format!(
            "Deno refuses files, programs, the environment and {} ranges of addresses",
            DENIED_IPV4.len()
        );
        return Check::new(name, State::Good, detail);
    }
    let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
    let detail = format!(
        "Deno refuses files, programs, the environment and private addresses but {} (egress.allow)",
        allowed.join(", ")
    );
    Check::new(name, State::Good, detail)
}

fn layer(config: &Config, status: &LayerStatus) -> Check {
    let (name, does) = match status.layer {
        Layer::Landlock => ("landlock", "the kernel refuses other files, and listening"),
        Layer::Seccomp => (
            "seccomp",
            "the kernel refuses other programs and risky system calls",
        ),
        Layer::User => ("user", "each process has a user id of its own"),
        Layer::Cgroup => (
            "cgroup",
            "the kernel shares out processor and memory among functions",
        ),
        Layer::Firewall => (
            "firewall",
            "the kernel also refuses the addresses that Deno refuses",
        ),
    };
    let Some(reason) = &status.reason else {
        return Check::new(name, State::Good, does);
    };
    let state = if config.sandbox.requires(status.layer) {
        State::Wrong
    } else {
        State::Missing
    };
    let check = Check::new(name, state, reason.as_ref());
    match status.layer {
        Layer::Cgroup => check.hint(
            "set `Delegate=yes` in the systemd unit of the service; the check applies to the control group of this process",
        ),
        Layer::Firewall => check.hint("run as root, with the package nftables installed"),
        Layer::Landlock | Layer::Seccomp | Layer::User => check,
    }
}

/// Checks whether accounts of the machine have user ids in the range for processes.
fn user_ids(config: &Config, layers: &[LayerStatus]) -> Option<Check> {
    let active = layers
        .iter()
        .any(|status| status.layer == Layer::User && status.active);
    if !active {
        return None;
    }
    let first = config.sandbox.first_user_id;
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let taken = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id: u32 = fields.nth(1)?.parse().ok()?;
        (first..first.saturating_add(USER_IDS))
            .contains(&id)
            .then(|| format!("the account `{name}` has the user id {id}, which a process may get"))
    });
    Some(match taken {
        Some(detail) => Check::new("user ids", State::Wrong, detail)
            .hint("set sandbox.first_user_id to the first of 60,001 unused ids"),
        None => Check::new(
            "user ids",
            State::Good,
            format!("no account has one of the 60,001 ids from {first} on"),
        ),
    })
}

fn engine(data: &Path) -> Check {
    let named = std::env::var_os("JELOU_DENO");
    let name = "engine";
    match deno::locate(data, named.as_deref()) {
        Err(error) => Check::new(name, State::Wrong, error.to_string()),
        Ok(Some(found)) if found.bundler.is_some() => Check::new(
            name,
            State::Good,
            format!("Deno {}, {}", deno::DENO_VERSION, found.binary.display()),
        ),
        Ok(_) if on_path("npm") => Check::new(
            name,
            State::Missing,
            format!("Deno {} is not installed yet", deno::DENO_VERSION),
        )
        .hint("run `jelou engine install`, or let the first `jelou serve` do it"),
        Ok(_) => Check::new(
            name,
            State::Wrong,
            format!(
                "Deno {} is not installed, and npm, which fetches it, is missing",
                deno::DENO_VERSION
            ),
        )
        .hint("install npm, or set JELOU_DENO"),
    }
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

fn data_folder(data: &Path, existing: &Path, serving: bool) -> Check {
    let name = "data folder";
    let shown = data.display();
    if rustix::fs::access(existing, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let detail = format!("{shown} cannot be written to");
        return Check::new(name, State::Wrong, detail).hint("use another folder with `--data`");
    }
    let detail = match (data.exists(), serving) {
        (true, true) => format!("{shown}, in use by a server"),
        (true, false) => shown.to_string(),
        (false, _) => format!("{shown}, created at the first start"),
    };
    Check::new(name, State::Good, detail)
}

/// Checks the file of the master key. `None` if there is no file.
fn key(data: &Path) -> Option<Check> {
    let metadata = DataDir::key_file_of(data).metadata().ok()?;
    let name = "master key";
    let of_others = metadata.mode() & 0o077;
    Some(if of_others == 0 {
        Check::new(name, State::Good, "only its owner can read it")
    } else {
        let detail = format!("its mode is {:o}", metadata.mode() & 0o777);
        Check::new(name, State::Wrong, detail).hint("chmod 600 master.key")
    })
}

/// Checks whether this version can use the database, and what it would change there.
async fn database(config: &Config) -> Check {
    let name = "database";
    let store = store_config(config, &config.data);
    let empty = || Check::new(name, State::Good, "created at the first start");
    if matches!(&store.location, Location::Sqlite(file) if !file.exists()) {
        return empty();
    }
    let state = match schema_state(&store).await {
        Ok(state) => state,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}"));
            let detail = format!("{error}{}", cause.unwrap_or_default());
            let check = Check::new(name, State::Wrong, detail);
            return match error {
                DatabaseError::Connect { .. } => check.hint(
                    "check `database.url` (JELOU_DATABASE__URL), and that the database runs and accepts this user",
                ),
                _ => check,
            };
        }
    };
    let Some(schema) = state.database else {
        return empty();
    };
    if !state.is_usable {
        let detail = format!("a newer version has migrated it (migration {schema})");
        return Check::new(name, State::Wrong, detail)
            .hint("run that version, or restore a backup of this one");
    }
    match schema.cmp(&state.program) {
        Ordering::Equal => Check::new(name, State::Good, format!("migration {schema}")),
        Ordering::Greater => {
            let detail = format!(
                "a newer version has migrated it, and this version can use it (migration {schema})"
            );
            Check::new(name, State::Good, detail)
        }
        Ordering::Less => {
            let detail = format!(
                "the start of this version migrates it from {schema} to {}",
                state.program
            );
            let check = Check::new(name, State::Missing, detail);
            if state.is_reversible {
                check.hint("make a backup first; servers of the old version can go on beside this one, and start again")
            } else {
                check.hint("make a backup first; servers of the old version that run can go on, but do not start again")
            }
        }
    }
}

fn space(existing: &Path) -> Check {
    let name = "disk space";
    let Ok(disk) = rustix::fs::statvfs(existing) else {
        return Check::new(name, State::Missing, "not known");
    };
    let bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    let detail = format!("{} MiB free", bytes / (1024 * 1024));
    match bytes {
        ..LEAST_BYTES => Check::new(name, State::Wrong, detail).hint("256 MiB are needed"),
        LEAST_BYTES..ENOUGH_BYTES => Check::new(name, State::Missing, detail),
        _ => Check::new(name, State::Good, detail),
    }
}

fn open_files() -> Check {
    let name = "open files";
    match rustix::process::getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < ENOUGH_FILES => {
            Check::new(name, State::Missing, format!("at most {limit}"))
                .hint("raise the limit (LimitNOFILE= in a unit of systemd)")
        }
        Some(limit) => Check::new(name, State::Good, format!("at most {limit}")),
        None => Check::new(name, State::Good, "no limit"),
    }
}

fn port(name: &'static str, address: SocketAddr, serving: bool) -> Check {
    match TcpListener::bind(address) {
        Ok(_) => Check::new(name, State::Good, format!("{address} is free")),
        Err(error) if serving && error.kind() == std::io::ErrorKind::AddrInUse => {
            let detail = format!("{address} is in use, most likely by the running server");
            Check::new(name, State::Good, detail)
        }
        Err(error) => Check::new(name, State::Wrong, format!("{address}: {error}"))
            .hint("use another address with `--listen`; port 0 picks a free port"),
    }
}

/// Returns the folder, or its nearest existing ancestor.
fn existing(folder: &Path) -> &Path {
    folder
        .ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"))
}
