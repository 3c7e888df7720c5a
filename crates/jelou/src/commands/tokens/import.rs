//! `jelou tokens import`.

use std::io::Read;
use std::path::Path;

use jelou_core::Scope;
use jelou_core::api::{ImportOutcome, ImportReport, ImportTokens, TokenExport};
use serde::Deserialize;

use crate::cli::tokens::ImportArgs;
use crate::context::{Confirmation, Context};
use crate::exit::Failure;
use crate::output::{Breadcrumb, Table};
use crate::project::function_or_here;
use crate::prompt::Preset;

/// The input: a file of `tokens export -o`, or the stdout of `tokens export --json`.
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Envelope { data: serde_json::Value },
    Plain(serde_json::Value),
}

pub(crate) fn run(args: ImportArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let export = read(&args.input)?;
    let count = export.tokens.len();
    let import = ImportTokens {
        tokens: export.tokens,
        replace: args.replace,
        dry_run: args.dry_run,
    };
    let confirmation = if args.replace && !args.dry_run {
        Confirmation::from_flag(args.yes)
    } else {
        Confirmation::Given
    };
    let question =
        format!("Import {count} tokens into {slug}, and revoke the tokens that have their names?");
    let client = context.client_for_change(confirmation, &question, "--yes", &Scope::Admin)?;
    if confirmation == Confirmation::Ask {
        client.tokens(&slug).import(&ImportTokens {
            dry_run: true,
            ..import.clone()
        })?;
    }
    context.confirm(confirmation, &question, Preset::No, "--yes")?;
    let report = client.tokens(&slug).import(&import)?;
    context.output.result_with(
        &report,
        &[Breadcrumb::new(
            format!("jelou tokens list {slug} --wide"),
            "See all tokens",
        )],
        |human| {
            human.table(&table(&report))?;
            if report.dry_run {
                human.item("Nothing was changed")
            } else {
                human.success("Tokens imported")
            }
        },
    )?;
    Ok(())
}

fn read(input: &Path) -> anyhow::Result<TokenExport> {
    let unreadable =
        |error: std::io::Error| Failure::input("the file cannot be read").because(error);
    let mut text = String::new();
    if input == Path::new("-") {
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(unreadable)?;
    } else {
        text = fs_err::read_to_string(input).map_err(unreadable)?;
    }
    let wrong = |error: serde_json::Error| {
        Failure::validation(format!("the file is not a list of tokens: {error}"))
            .hint("make it with `jelou tokens export`")
    };
    let (File::Envelope { data } | File::Plain(data)) =
        serde_json::from_str(&text).map_err(wrong)?;
    Ok(serde_json::from_value(data).map_err(wrong)?)
}

fn table(report: &ImportReport) -> Table {
    let mut table = Table::new()
        .column("Name", 14)
        .column("Outcome", 14)
        .column("ID", 0);
    for item in &report.items {
        let outcome = match item.outcome {
            ImportOutcome::Imported => "imported",
            ImportOutcome::Replaced => "replaced",
            ImportOutcome::AlreadyHere => "already here",
            ImportOutcome::Clash => "clash",
        };
        let id = item.id.as_ref().map(ToString::to_string);
        table.row([
            item.name.to_string(),
            outcome.to_owned(),
            id.or_else(|| item.reason.clone()).unwrap_or_default(),
        ]);
    }
    table
}
