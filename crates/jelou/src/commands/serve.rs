//! `jelou serve`: starts the server, and stops it on SIGTERM or Ctrl-C.

mod log_filter;

use std::io::{self, IsTerminal};

use anyhow::Context as _;
use jelou_client::ApiUrl;
use jelou_server::{
    Config, DataDirError, DatabaseOverrides, InheritedSockets, ListenError, LogFormat, Overrides,
    Ready, Server, StartError, TlsOverrides,
};
use jelou_token::AccessToken;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::serve::ServeArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::profile::{self, CredentialsFile, LOCAL_PROFILE};
use crate::{env, output};

pub(super) fn run(args: ServeArgs, context: &Context) -> anyhow::Result<()> {
    let overrides = Overrides {
        listen: args.listen,
        api_listen: args.api_listen,
        data: args.data,
        domain: args.domain,
        tls: args.tls_cert.is_some().then_some(TlsOverrides {
            cert: args.tls_cert,
            key: args.tls_key,
        }),
        database: args.database.map(|url| DatabaseOverrides { url }),
    };
    let config = Config::load(args.config.as_deref(), &overrides)
        .map_err(|error| Failure::validation(error.to_string()))?;
    log_to_stderr(config.log.format)?;
    // Called before the runtime starts, because it changes the environment.
    let sockets = InheritedSockets::from_environment()
        .map_err(|error| Failure::validation(error.to_string()).because(error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve(config, sockets, context))
}

async fn serve(config: Config, sockets: InheritedSockets, context: &Context) -> anyhow::Result<()> {
    let progress = |text: &str| {
        // An output error must not prevent the start.
        let _ = context.output.human(|human| human.item(text));
    };
    // Installed before the server starts, so that no signal is lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let api_address = config.api_listen.unwrap_or(config.listen);
    let (server, ready) = tokio::select! {
        started = Server::start(config, sockets, progress) => started.map_err(explain)?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Err(Failure::interrupted().into()),
    };
    if api_address.ip().is_loopback() {
        match save_local_profile(&server, &ready).await {
            Ok(Some(before)) => context.output.warn(&format!(
                "the profile `{LOCAL_PROFILE}` is now of this server; before, it was of the server at {before}"
            ))?,
            Ok(None) => {}
            Err(error) => context.output.warn(&format!(
                "the profile `{LOCAL_PROFILE}` was not saved: {error:#}"
            ))?,
        }
    }
    announce(&ready, context)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("shutting down");
    server.shut_down().await;
    Ok(())
}

/// Adds a hint to the error if another program uses the server's data folder or its address.
fn explain(error: StartError) -> anyhow::Error {
    let (address, source) = match error {
        StartError::Listen(ListenError::Bind { address, source }) => (address, source),
        StartError::DataDir(DataDirError::InUse(_)) => {
            return Failure::conflict(error.to_string())
                .hint("stop that server first, or use another folder: `--data FOLDER`")
                .into();
        }
        error => return error.into(),
    };
    let hint = match source.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there, perhaps another `jelou serve`; `--listen 127.0.0.1:0` takes a free port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have the address; `--listen 0.0.0.0:PORT` listens on all that it has"
        }
        _ => "ports below 1024 need root, or `setcap cap_net_bind_service=+ep` on the binary",
    };
    Failure::server(format!("cannot listen on {address}"))
        .because(source)
        .hint(hint)
        .into()
}

/// Saves the profile `local`, so that the user who started the server needs no login. Returns the address that the
/// profile had before, if it was another one.
async fn save_local_profile(server: &Server, ready: &Ready) -> anyhow::Result<Option<String>> {
    let api: ApiUrl = ready.api.parse()?;
    let credentials = CredentialsFile::locate()?.load()?;
    let saved = credentials.get(LOCAL_PROFILE);
    let before = saved.map(|saved| saved.api().to_owned());
    let saved = saved
        .and_then(|saved| AccessToken::parse(saved.token()).ok())
        .filter(|token| server.accepts(token));
    match (&ready.access_token, saved) {
        (Some(first), _) => profile::save_local(&api, first)?,
        (None, Some(saved)) => profile::save_local(&api, &saved)?,
        (None, None) => profile::save_local(&api, &server.local_access_token().await?)?,
    }
    Ok(before.filter(|before| *before != api.to_string()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Announcement<'a> {
    api: &'a str,
    functions: &'a str,
    access_token: Option<&'a str>,
}

fn announce(ready: &Ready, context: &Context) -> io::Result<()> {
    let announcement = Announcement {
        api: &ready.api,
        functions: &ready.functions,
        access_token: ready.access_token.as_ref().map(AccessToken::expose),
    };
    context.output.line(&announcement, |human: &mut output::Human| {
        human.success("Ready")?;
        human.item(&format!("API:       {}", ready.api))?;
        human.item(&format!("Functions: {}", ready.functions))?;
        if let Some(token) = &ready.access_token {
            human.warning(
                "An admin access token was created for this server.\nSave it now — it will not be shown again.",
            )?;
            human.item(&format!("Token      {}", token.expose()))?;
            human.item(&format!("Log in elsewhere with: jelou login --api {} --token -", ready.api))?;
        }
        Ok(())
    })
}

/// Sends the log of the server to stderr.
fn log_to_stderr(format: LogFormat) -> anyhow::Result<()> {
    let filter = env::read(env::JELOU_LOG);
    let filter = log_filter::parse(filter.as_deref().unwrap_or("info"))
        .map_err(|error| Failure::validation(error.to_string()))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
