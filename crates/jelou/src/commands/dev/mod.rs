//! `jelou dev`: serves projects, and reloads them after every save.

mod contact;
mod keys;
mod port;
mod projects;
mod reload;
mod show;
mod source;
mod watch;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use fs_err as fs;
use jelou_core::Slug;
use jelou_server::{
    BreakAt, Config, DataDirError, DebuggerConfig, DevelopedFunction, DevelopmentConfig,
    DevelopmentServer, Overrides, StartError,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::sync::watch::Receiver;

pub(super) use self::contact::Contact;
use self::keys::Key;
use self::port::Chosen;
use self::projects::Projects;
use self::reload::Change;
use self::show::Show;
use self::source::Source;
use self::watch::Watch;
use crate::cli::dev::DevArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Output;

/// Returns the function of this folder's project.
pub(super) fn slug_of(dir: &Path) -> anyhow::Result<Slug> {
    let source = Source {
        dir: dir.to_path_buf(),
        env_file: None,
    };
    source.slug()
}

/// Whether a `jelou dev` of this folder runs. It has no [`Contact`] until its server has started.
pub(super) fn runs_in(dir: &Path) -> bool {
    DevelopmentServer::runs_in(&projects::state_of(dir))
}

pub(super) fn run(args: DevArgs, context: &Context) -> anyhow::Result<()> {
    let began = Instant::now();
    let projects = Projects::find(args.dirs.clone(), args.env_file.as_deref())?;
    // Checked before the ports, which the other server has taken.
    if let Some(other) = Contact::find(&projects.home).filter(|other| other.answers(context)) {
        return Err(already_served(Some(&other)));
    }
    let debugger = debugger(&args, &context.output)?;
    let env_file = args.env_file.as_deref().unwrap_or(Path::new(source::ENV));
    let env_file = env_file.display().to_string();
    let chosen = port::choose(args.port, port::SERVER, "--port")?;
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
        slugs: projects
            .sources
            .iter()
            .map(|(slug, _)| slug.clone())
            .collect(),
        state: empty_or_kept(projects.state(), args.fresh)?,
        env_file,
        asks_for_token: args.token,
        debugger,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let show = Show::new(&context.output, &projects);
    let watches = !args.no_watch;
    runtime.block_on(develop(config, development, projects, watches, show, began))
}

/// Returns how debuggers attach; `None` if they cannot.
fn debugger(args: &DevArgs, output: &Output) -> anyhow::Result<Option<DebuggerConfig>> {
    let (asked, break_at, option) = match (args.inspect, args.inspect_brk) {
        (Some(port), _) => (port, BreakAt::Nothing, "--inspect=PORT"),
        (None, Some(port)) => (port, BreakAt::Import, "--inspect-brk=PORT"),
        (None, None) => return Ok(None),
    };
    let Chosen { port, reason } = port::choose(asked, port::DEBUGGER, option)?;
    if let Some(reason) = reason {
        output.warn(&format!("{reason}; debuggers use port {port}"))?;
    }
    Ok(Some(DebuggerConfig { port, break_at }))
}

/// Creates the state folder of the projects, with a `.gitignore`. `fresh`: deletes an existing folder first.
fn empty_or_kept(state: PathBuf, fresh: bool) -> anyhow::Result<PathBuf> {
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
    projects: Projects,
    watches: bool,
    mut show: Show<'_>,
    began: Instant,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let state = development.state.clone();
    let server = tokio::select! {
        started = DevelopmentServer::start(config, development, |text| show.progress(text)) => {
            started.map_err(|error| explain(error, &projects.home))?
        }
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    Contact::of(&server).await?.write(&state)?;
    show.listening(&server)?;
    let (sender, mut outcomes) = mpsc::unbounded_channel();
    let mut records = records_of(server.functions())?;
    let mut changes = Vec::new();
    let functions = server.functions().iter().map(Arc::clone);
    for (position, (function, (_, source))) in functions.zip(projects.sources).enumerate() {
        let (change, saves) = mpsc::unbounded_channel();
        if watches {
            let watch = Watch::start(&source.dir, source.env_file.as_deref())
                .context("cannot watch the files of the project")?;
            tokio::spawn(tell(watch, change.clone()));
        }
        changes.push(change);
        let sender = sender.clone();
        tokio::spawn(reload::follow(
            position, function, source, saves, sender, began,
        ));
    }
    let mut keys = keys::read();
    let mut debuggers = server.watch_debuggers();
    loop {
        tokio::select! {
            Some(count) = changed(&mut debuggers) => show.debuggers(count)?,
            Some(outcome) = outcomes.recv() => show.outcome(&outcome, &server)?,
            Some((position, record)) = records.recv() => {
                show.record(&server.functions()[position], &record)?;
            }
            Some(key) = keys.recv() => match key {
                Key::Reload => for change in &changes {
                    // Fails only while the process ends.
                    let _ = change.send(Change::Asked);
                },
                Key::Quit => break,
                other => show.key(other, &server)?,
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    Contact::remove(&state);
    server.shut_down().await;
    Ok(())
}

/// Waits for another number of debuggers. Returns `None` if no debugger can attach.
async fn changed(debuggers: &mut Option<Receiver<usize>>) -> Option<usize> {
    let debuggers = debuggers.as_mut()?;
    debuggers.changed().await.ok()?;
    Some(*debuggers.borrow_and_update())
}

fn explain(error: StartError, dir: &Path) -> anyhow::Error {
    if !matches!(error, StartError::DataDir(DataDirError::InUse(_))) {
        return error.into();
    }
    already_served(Contact::find(dir).as_ref())
}

fn already_served(other: Option<&Contact>) -> anyhow::Error {
    let place = other.map(|contact| format!(" at {}", contact.url));
    let place = place.unwrap_or_default();
    Failure::conflict(format!("another `jelou dev` serves this folder{place}"))
        .hint("use that one, or end it first")
        .into()
}

/// Forwards file changes. Runs in its own task, so that no change is missed.
async fn tell(mut watch: Watch, changes: mpsc::UnboundedSender<Change>) {
    loop {
        watch.changed().await;
        if changes.send(Change::Saved).is_err() {
            return;
        }
    }
}

/// Merges the log records of all functions. Each record comes with the index of its function.
fn records_of(
    functions: &[Arc<DevelopedFunction>],
) -> std::io::Result<mpsc::Receiver<(usize, String)>> {
    let (sender, all) = mpsc::channel(1);
    for (position, function) in functions.iter().enumerate() {
        let (mut records, sender) = (function.records()?, sender.clone());
        tokio::spawn(async move {
            while let Some(record) = records.recv().await {
                if sender.send((position, record)).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(all)
}
