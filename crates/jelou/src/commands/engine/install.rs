//! `jelou engine install`.

use std::path::Path;

use jelou_engine::deno::{self, DENO_VERSION};

use super::Described;
use crate::context::Context;

pub(super) fn run(data: &Path, context: &Context) -> anyhow::Result<()> {
    let deno = deno::install(data)?;
    Ok(context.output.result(&Described::of(&deno), |human| {
        human.success(&format!("Installed Deno {DENO_VERSION}"))?;
        human.item(&format!("Path: {}", deno.binary.display()))
    })?)
}
