//! `jelou tokens export`.

use std::io::Write;
use std::path::Path;

use fs_err::OpenOptions;
use fs_err::os::unix::fs::OpenOptionsExt;
use jelou_core::api::TokenExport;
use serde::Serialize;

use crate::cli::tokens::ExportArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::project::function_or_here;

/// The result of an export to a file.
#[derive(Serialize)]
struct Exported<'a> {
    file: &'a Path,
    tokens: usize,
}

pub(crate) fn run(args: ExportArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let export = context.client()?.tokens(&slug).export()?;
    let Some(file) = args.output.filter(|file| file != Path::new("-")) else {
        let text = serde_json::to_string_pretty(&export)?;
        context.output.result(&export, |human| human.text(&text))?;
        return Ok(());
    };
    write(&file, &export)?;
    let tokens = export.tokens.len();
    context.output.result_with(
        &Exported {
            file: &file,
            tokens,
        },
        &[Breadcrumb::new(
            format!("jelou tokens import {slug} {}", file.display()),
            "Import it, with the profile of the other server",
        )],
        |human| {
            let count = match tokens {
                1 => "1 token".to_owned(),
                count => format!("{count} tokens"),
            };
            human.success(&format!("Wrote {count} to {}", file.display()))
        },
    )?;
    Ok(())
}

fn write(file: &Path, export: &TokenExport) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(export)?;
    text.push('\n');
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true);
    options
        .mode(0o600)
        .open(file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            Failure::input("the file cannot be written")
                .because(error)
                .into()
        })
}
