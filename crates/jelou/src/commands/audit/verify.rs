//! `jelou audit verify`.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use jelou_core::api::AuditEntry;
use jelou_core::audit_chain::{ChainFault, Verifier};
use serde::Serialize;

use super::read_all;
use crate::cli::audit::VerifyArgs;
use crate::context::Context;
use crate::exit::Failure;

#[derive(Serialize)]
struct Verified<'a> {
    entries: u64,
    last: Option<i64>,
    /// Hash of the last entry. A later verification with `--contains` proves that this entry still exists.
    hash: Option<&'a str>,
}

pub(crate) fn run(args: &VerifyArgs, context: &Context) -> anyhow::Result<()> {
    let mut verifier = Verifier::default();
    let mut is_contained = args.contains.is_none();
    let mut add = |entry: &AuditEntry| -> anyhow::Result<()> {
        verifier.add(entry).map_err(|fault| failure(&fault))?;
        is_contained |= entry.hash == args.contains;
        Ok(())
    };
    match &args.file {
        Some(path) => read_file(path, add)?,
        None => {
            let head = read_all(&context.client()?, 0, &mut add)?;
            if let Some(head) = head.filter(|head| head.id > 0) {
                let hash = head.hash.unwrap_or_default();
                verifier
                    .end(head.id, &hash)
                    .map_err(|fault| failure(&fault))?;
            }
        }
    }
    if !is_contained {
        return Err(Failure::validation(
            "no entry has the hash of --contains: the trail is another one, or was written anew",
        )
        .into());
    }
    let last = verifier.last();
    let report = Verified {
        entries: verifier.count(),
        last: last.map(|(id, _)| id),
        hash: last.map(|(_, hash)| hash),
    };
    context.output.result(&report, |human| {
        human.success(&format!("The trail is intact: {} entries", report.entries))?;
        match last {
            Some((id, hash)) => human.item(&format!("Last: {id} {hash}")),
            None => Ok(()),
        }
    })?;
    Ok(())
}

fn failure(fault: &ChainFault) -> anyhow::Error {
    Failure::validation(format!("the audit trail is not intact: {fault}"))
        .hint("compare it with an earlier export; docs/audit.md says what can cause this")
        .into()
}

fn read_file(
    path: &Path,
    mut each: impl FnMut(&AuditEntry) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(fs_err::File::open(path)?))
    };
    for (number, line) in reader.lines().enumerate() {
        let line = line.context("cannot read the export")?;
        if line.is_empty() {
            continue;
        }
        let entry: AuditEntry = serde_json::from_str(&line).map_err(|error| {
            let number = number + 1;
            Failure::validation(format!("line {number} is not an audit entry")).because(error)
        })?;
        each(&entry)?;
    }
    Ok(())
}
