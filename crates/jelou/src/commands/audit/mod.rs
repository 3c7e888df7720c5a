//! `jelou audit`.

mod export;
mod list;
mod verify;

use jelou_client::{AuditQuery, Client};
use jelou_core::api::{AuditEntry, AuditHead};

use crate::cli::audit::{AuditArgs, AuditCommand};
use crate::context::Context;

const PAGE: u32 = 1_000;

pub(crate) fn run(args: AuditArgs, context: &Context) -> anyhow::Result<()> {
    match args.command {
        None => list::run(&args.list, context),
        Some(AuditCommand::List(args)) => list::run(&args, context),
        Some(AuditCommand::Verify(args)) => verify::run(&args, context),
        Some(AuditCommand::Export(args)) => export::run(&args, context),
    }
}

/// Calls `each` for every entry after the id `after`, oldest first. Returns the head of the trail, as of the last page.
fn read_all(
    client: &Client,
    mut after: i64,
    mut each: impl FnMut(&AuditEntry) -> anyhow::Result<()>,
) -> anyhow::Result<Option<AuditHead>> {
    loop {
        let page = client.audit().list(AuditQuery {
            limit: Some(PAGE),
            before: None,
            after: Some(after),
        })?;
        page.items.iter().try_for_each(&mut each)?;
        match page.next {
            Some(next) => after = next,
            None => return Ok(page.head),
        }
    }
}
