//! `jelou backup FILE`.

use std::path::Path;

use jelou_server::backup::{BackupError, Contents};
use jelou_server::{Config, backup};
use serde::Serialize;

use super::file::Target;
use super::{Summary, config_of, runtime};
use crate::cli::backup::WriteArgs;
use crate::context::Context;
use crate::exit::Failure;

#[derive(Serialize)]
struct Written<'a> {
    file: &'a Path,
    bytes: u64,
    #[serde(flatten)]
    summary: Summary<'a>,
}

pub(super) fn run(args: WriteArgs, context: &Context) -> anyhow::Result<()> {
    let config = config_of(args.server)?;
    let file = args.file.unwrap_or_default();
    let mut target = Target::create(&file, args.force)?;
    let contents = runtime()?
        .block_on(backup::write(&config, &mut target))
        .map_err(|error| explain(error, &config))?;
    let Some(bytes) = target.finish()? else {
        return Ok(());
    };
    let summary = Summary::of(&contents);
    context.output.result(
        &Written {
            file: &file,
            bytes,
            summary: Summary::of(&contents),
        },
        |human| {
            human.success(&format!("Backup written to {}", file.display()))?;
            summary.show(human)?;
            human.item(&without_key(&config, &contents))
        },
    )?;
    Ok(())
}

fn without_key(config: &Config, contents: &Contents) -> String {
    if contents.trailer.keys.is_empty() {
        return "It has no secrets, so it needs no master key".to_owned();
    }
    format!(
        "The master key ({} or JELOU_MASTER_KEY) is not in it.\nKeep a copy of the key in another place: without it the secrets cannot be decrypted.",
        backup::key_file(&config.data).display()
    )
}

fn explain(error: BackupError, config: &Config) -> anyhow::Error {
    match error {
        BackupError::OtherDatabase { .. } => Failure::validation(error.to_string())
            .hint("make the backup with the version of jelou that serves this database")
            .into(),
        BackupError::Database(_) | BackupError::NoTables => {
            let failure = Failure::server(format!("cannot read {}", described(config)));
            failure.because(error).hint(place_hint(config)).into()
        }
        other => other.into(),
    }
}

fn described(config: &Config) -> String {
    if config.database.url.is_some() {
        return "the PostgreSQL database of `database.url`".to_owned();
    }
    format!("the database in `{}`", config.data.display())
}

fn place_hint(config: &Config) -> &'static str {
    if config.database.url.is_some() {
        "check `database.url` (JELOU_DATABASE__URL), and that the database runs; docs/postgresql.md has the form of the URL"
    } else {
        "name the server's data folder with `--data`"
    }
}
