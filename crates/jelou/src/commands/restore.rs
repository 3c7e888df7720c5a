//! `jelou restore`.

use std::path::Path;

use jelou_server::Config;
use jelou_server::backup::{self, BackupError, RestoreError};
use serde::Serialize;

use super::backup::{Input, Summary, advise_keys, config_of, runtime};
use crate::cli::backup::RestoreArgs;
use crate::context::Context;
use crate::exit::Failure;

#[derive(Serialize)]
struct Restored<'a> {
    data: &'a Path,
    #[serde(flatten)]
    summary: Summary<'a>,
}

pub(super) fn run(args: RestoreArgs, context: &Context) -> anyhow::Result<()> {
    let config = config_of(args.server)?;
    let input = Input::open(&args.file)?;
    let contents = runtime()?
        .block_on(backup::restore(&config, input))
        .map_err(|error| explain(error, &config))?;
    let summary = Summary::of(&contents);
    let restored = Restored {
        data: &config.data,
        summary: Summary::of(&contents),
    };
    context.output.result(&restored, |human| {
        human.success(&format!("Restored into {}", config.data.display()))?;
        summary.show(human)
    })?;
    advise_keys(&config, &contents, context)
}

fn explain(error: RestoreError, config: &Config) -> anyhow::Error {
    let empty = if config.database.url.is_some() {
        "restore into an empty database: create one with `createdb`, and set `database.url` (JELOU_DATABASE__URL) to it"
    } else {
        "restore into a new data folder, with `--data DIR`"
    };
    let message = error.to_string();
    match error {
        RestoreError::Backup(BackupError::NotEmpty(_)) => {
            Failure::conflict(message).hint(empty).into()
        }
        RestoreError::Backup(BackupError::OtherSchema { version, .. }) => Failure::validation(
            message,
        )
        .hint(format!(
            "restore it with jelou {version}; a newer version migrates the database when it starts"
        ))
        .into(),
        RestoreError::Backup(error @ BackupError::Database(_)) => {
            Failure::server("cannot write to the database")
                .because(error)
                .into()
        }
        RestoreError::Backup(error) => Failure::validation(message).because(error).into(),
        RestoreError::DataDir(error) => Failure::conflict(error.to_string())
            .hint("stop the server, or restore into another folder with `--data DIR`")
            .into(),
    }
}
