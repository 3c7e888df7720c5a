//! `jelou dev`: serves a project, and loads it again after every save.

mod frame;
mod keys;
mod port;
mod show;
mod source;
mod watch;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use fs_err as fs;
use jelou_server::{
    Config, DataDirError, DevelopmentConfig, DevelopmentServer, Overrides, Project, ReloadError,
    Reloaded, StartError,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use self::keys::Key;
use self::show::Show;
use self::source::Source;
use self::watch::Watch;
use crate::cli::dev::DevArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::project;

/// The folder, in that of the project, for what the function keeps.
const STATE: &str = ".jelou";
/// The file in it with the address of the running server.
const ADDRESS: &str = "address";

/// The address of the `jelou dev` that serves this folder.
pub(super) fn address_of(dir: &Path) -> Option<String> {
    let address = std::fs::read_to_string(dir.join(STATE).join(ADDRESS)).ok()?;
    Some(address.trim().to_owned())
}

pub(super) fn run(args: DevArgs, context: &Context) -> anyhow::Result<()> {
    let began = Instant::now();
    project::check_folder(&args.dir)?;
    let source = Source {
        dir: args.dir,
        env_file: args.env_file,
    };
    let chosen = port::choose(args.port)?;
    if let Some(reason) = &chosen.reason {
        context
            .output
            .warn(&format!("{reason}; this server uses port {}", chosen.port))?;
    }
    let overrides = Overrides {
        listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, chosen.port)).to_string()),
        data: args.data,
        ..Overrides::default()
    };
    let config =
        Config::load(None, &overrides).map_err(|error| Failure::validation(error.to_string()))?;
    let development = DevelopmentConfig {
        slug: source.slug()?,
        state: state(&source.dir, args.fresh)?,
        asks_for_token: args.token,
    };
    let watch = (!args.no_watch)
        .then(|| Watch::start(&source.dir, source.env_file.as_deref()))
        .transpose()
        .context("cannot watch the files of the project")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let show = Show::new(&context.output, &source.dir, development.slug.clone());
    runtime.block_on(develop(config, development, &source, watch, show, began))
}

/// The folder for the state of the project. Git ignores it.
fn state(dir: &Path, fresh: bool) -> anyhow::Result<std::path::PathBuf> {
    let state = dir.join(STATE);
    if fresh && state.exists() {
        fs::remove_dir_all(&state)?;
    }
    fs::create_dir_all(&state)?;
    fs::write(state.join(".gitignore"), "*\n")?;
    Ok(state)
}

async fn develop(
    config: Config,
    development: DevelopmentConfig,
    source: &Source,
    watch: Option<Watch>,
    mut show: Show<'_>,
    began: Instant,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let address = development.state.join(ADDRESS);
    let server = tokio::select! {
        started = DevelopmentServer::start(config, development, |text| show.progress(text)) => {
            started.map_err(|error| explain(error, &source.dir))?
        }
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    fs::write(&address, server.url())?;
    show.listening(&server)?;
    let mut records = server.records()?;
    let mut changes = changes_of(watch);
    let mut keys = keys::read();
    let mut known: Option<Arc<Project>> = None;
    let mut reload = Box::pin(reload(&server, source, None, began));
    let mut is_loading = true;
    loop {
        tokio::select! {
            outcome = &mut reload, if is_loading => {
                is_loading = false;
                if let Some(outcome) = outcome {
                    show.outcome(&outcome, &server)?;
                    known = outcome.project;
                }
            }
            Some(()) = changes.recv() => {
                // An unfinished build is of older files. It is dropped.
                reload.set(self::reload(&server, source, known.clone(), Instant::now()));
                is_loading = true;
            }
            Some(record) = records.recv() => show.record(&record)?,
            Some(key) = keys.recv() => match key {
                Key::Reload => {
                    reload.set(self::reload(&server, source, None, Instant::now()));
                    is_loading = true;
                }
                Key::Quit => break,
                other => show.key(other, &server)?,
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop(reload);
    // The next start writes it again.
    let _ = fs::remove_file(&address);
    server.shut_down().await;
    Ok(())
}

fn explain(error: StartError, dir: &Path) -> anyhow::Error {
    if !matches!(error, StartError::DataDir(DataDirError::InUse(_))) {
        return error.into();
    }
    let place = address_of(dir).map(|address| format!(" at {address}"));
    let place = place.unwrap_or_default();
    Failure::conflict(format!("another `jelou dev` serves this folder{place}"))
        .hint("use that one, or end it first")
        .into()
}

/// How a load ended.
struct Outcome {
    result: Result<Reloaded, ReloadError>,
    /// What was loaded; `None` if it could not be read.
    project: Option<Arc<Project>>,
    began: Instant,
}

/// Reads the project and loads it. `None` if it is the one that is known already.
async fn reload(
    server: &DevelopmentServer,
    source: &Source,
    known: Option<Arc<Project>>,
    began: Instant,
) -> Option<Outcome> {
    let read = tokio::task::block_in_place(|| source.read());
    let project = match read {
        Ok(project) if known.as_deref() == Some(&project) => return None,
        Ok(project) => project,
        Err(error) => {
            let result = Err(server.refuse(&format!("{error:#}")));
            return Some(Outcome {
                result,
                project: None,
                began,
            });
        }
    };
    Some(Outcome {
        result: server.reload(&project).await,
        project: Some(Arc::new(project)),
        began,
    })
}

/// Watches in a task of its own, so that no change is missed.
fn changes_of(watch: Option<Watch>) -> mpsc::UnboundedReceiver<()> {
    let (sender, changes) = mpsc::unbounded_channel();
    if let Some(mut watch) = watch {
        tokio::spawn(async move {
            loop {
                watch.changed().await;
                if sender.send(()).is_err() {
                    return;
                }
            }
        });
    }
    changes
}
