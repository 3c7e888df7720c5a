//! `jelou engine`: the engine that a server on this machine would use.

mod install;
mod status;

use jelou_engine::Deno;
use jelou_engine::deno::DENO_VERSION;
use jelou_server::{Config, Overrides};
use serde::Serialize;

use crate::cli::engine::{EngineArgs, EngineCommand};
use crate::context::Context;

pub(super) fn run(args: EngineArgs, context: &Context) -> anyhow::Result<()> {
    let overrides = Overrides {
        data: args.data,
        ..Overrides::default()
    };
    let data = Config::load(None, &overrides)?.data;
    match args.command {
        EngineCommand::Install => install::run(&data, context),
        EngineCommand::Status => status::run(&data, context),
    }
}

#[derive(Serialize)]
struct Described<'a> {
    engine: &'static str,
    version: &'static str,
    path: &'a std::path::Path,
    origin: jelou_engine::deno::DenoSource,
    /// Whether the bundler is installed, so that builds do not fetch it.
    bundler: bool,
}

impl<'a> Described<'a> {
    fn of(deno: &'a Deno) -> Self {
        Self {
            engine: "deno",
            version: DENO_VERSION,
            path: &deno.binary,
            origin: deno.source,
            bundler: deno.bundler.is_some(),
        }
    }
}
