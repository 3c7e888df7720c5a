//! `jelou backup`.

mod file;
mod verify;
mod write;

use std::collections::BTreeSet;

use jelou_server::backup::Contents;
use jelou_server::{Config, Overrides, backup};
use serde::Serialize;

use crate::cli::backup::{BackupArgs, BackupCommand, ServerArgs};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Human;

pub(super) use file::Input;

pub(super) fn run(args: BackupArgs, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Some(BackupCommand::Verify(args)) => verify::run(args, context),
        None => write::run(args.write, context),
    }
}

pub(super) fn config_of(args: ServerArgs) -> anyhow::Result<Config> {
    let overrides = Overrides {
        data: args.data,
        ..Overrides::default()
    };
    Config::load(args.config.as_deref(), &overrides)
        .map_err(|error| Failure::validation(error.to_string()).into())
}

pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// The content of a backup, for the output of the commands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary<'a> {
    version: &'a str,
    schema: i64,
    created_at: &'a str,
    rows: &'a std::collections::BTreeMap<String, u64>,
    /// The ids of the master keys that its secrets need.
    master_keys: &'a BTreeSet<String>,
}

impl<'a> Summary<'a> {
    pub(super) fn of(contents: &'a Contents) -> Self {
        Self {
            version: &contents.header.version,
            schema: contents.header.schema,
            created_at: &contents.header.created_at,
            rows: &contents.trailer.rows,
            master_keys: &contents.trailer.keys,
        }
    }

    pub(super) fn show(&self, human: &mut Human) -> std::io::Result<()> {
        let count = |table: &str, one: &str, many: &str| {
            let rows = self.rows.get(table).copied().unwrap_or_default();
            format!("{rows} {}", if rows == 1 { one } else { many })
        };
        human.item(&format!(
            "{}, {}, {}, {}",
            count("functions", "function", "functions"),
            count("deployments", "deployment", "deployments"),
            count("runtime_tokens", "runtime token", "runtime tokens"),
            count("secrets", "secret", "secrets"),
        ))?;
        human.item(&format!(
            "Made at {} by jelou {}",
            self.created_at, self.version
        ))
    }
}

/// Warns if a backup's secrets need a master key that this machine does not have.
pub(super) fn advise_keys(
    config: &Config,
    contents: &Contents,
    context: &Context,
) -> anyhow::Result<()> {
    let missing = backup::missing_keys(config, contents)?;
    if missing.is_empty() {
        return Ok(());
    }
    context.output.warn(&format!(
        "The secrets need the master key {}, which is not here.\n\
         Copy it to {} (mode 0600) or set JELOU_MASTER_KEY: the server does not start without it.",
        missing.join(", "),
        backup::key_file(&config.data).display()
    ))?;
    Ok(())
}
