//! `jelou engine status`.

use std::path::Path;

use jelou_engine::deno::{self, DenoSource};

use super::Described;
use crate::context::Context;
use crate::exit::Failure;

pub(super) fn run(data: &Path, context: &Context) -> anyhow::Result<()> {
    let named = std::env::var_os("JELOU_DENO");
    let Some(deno) = deno::locate(data, named.as_deref())? else {
        return Err(Failure::not_found("no engine is installed")
            .hint("run `jelou engine install`; `jelou serve` does so by itself the first time")
            .into());
    };
    let origin = match deno.source {
        DenoSource::Environment => "named by JELOU_DENO",
        DenoSource::Installed => "installed in the data folder",
        DenoSource::Path => "found on PATH",
    };
    let bundler = match deno.bundler {
        Some(_) => "installed",
        None => "fetched from npm by the first build",
    };
    Ok(context.output.result(&Described::of(&deno), |human| {
        human.item(&format!("Deno:    {} ({origin})", deno.binary.display()))?;
        human.item(&format!("Bundler: {bundler}"))
    })?)
}
