//! `jelou audit verify`.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use jelou_core::api::AuditEntry;
use jelou_core::audit_chain::{ChainFault, Verifier};
use serde::Serialize;
use serde_json::Value;

use super::read_all;
use crate::cli::audit::VerifyArgs;
use crate::context::Context;
use crate::exit::Failure;

/// Length of SHA-256 in hexadecimal.
const HASH_LENGTH: usize = 64;

#[derive(Serialize)]
struct Verified<'a> {
    entries: u64,
    first: Option<i64>,
    last: Option<i64>,
    /// Hash of the last entry. A later verification with `--contains` proves that this entry still exists.
    hash: Option<&'a str>,
}

pub(crate) fn run(args: &VerifyArgs, context: &Context) -> anyhow::Result<()> {
    if let Some(hash) = &args.contains {
        check_hash(hash)?;
    }
    let mut verifier = Verifier::default();
    let mut first = None;
    let mut is_contained = args.contains.is_none();
    let mut add = |entry: &AuditEntry| -> anyhow::Result<()> {
        verifier.add(entry).map_err(|fault| failure(&fault))?;
        is_contained |= entry.hash == args.contains;
        first.get_or_insert(entry.id);
        Ok(())
    };
    match &args.file {
        Some(path) => {
            read_file(path, add)?;
            if first.is_none() {
                return Err(Failure::validation("the file has no audit entries")
                    .hint("write one with `jelou audit export --out FILE`")
                    .into());
            }
        }
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
            "no entry has the hash of --contains: this is another trail, or it was rewritten",
        )
        .into());
    }
    let last = verifier.last();
    let report = Verified {
        entries: verifier.count(),
        first,
        last: last.map(|(id, _)| id),
        hash: last.map(|(_, hash)| hash),
    };
    context.output.result(&report, |human| {
        human.success(&format!("The trail is intact: {} entries", report.entries))?;
        if let (Some(first), Some((id, hash))) = (first, last) {
            human.item(&format!("First: {first}"))?;
            human.item(&format!("Last: {id} {hash}"))?;
        }
        match first {
            Some(first) if first > 1 => human.warning(&format!(
                "The trail begins at entry {first}: the entries before it were not verified"
            )),
            _ => Ok(()),
        }
    })?;
    Ok(())
}

/// Checks that `--contains` has a whole hash. A part of it would match no entry.
fn check_hash(hash: &str) -> anyhow::Result<()> {
    let is_hex = hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_hex && hash.len() == HASH_LENGTH {
        return Ok(());
    }
    let message = format!(
        "--contains is no hash of an entry: a hash is {HASH_LENGTH} digits of `0-9 a-f`, in lower case"
    );
    let hint = "copy the whole hash that `jelou audit verify` or an export shows";
    Err(Failure::input(message).hint(hint).into())
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
        let number = number + 1;
        let not_entry = |error: serde_json::Error| {
            Failure::validation(format!("line {number} is not an audit entry")).because(error)
        };
        let entry: AuditEntry = serde_json::from_str(&line).map_err(not_entry)?;
        each(&entry)?;
        // The hash covers the members of `AuditEntry`, so other members must not pass.
        let written: Value = serde_json::from_str(&line).map_err(not_entry)?;
        if let Some(name) = difference(&written, &serde_json::to_value(&entry)?) {
            let id = entry.id;
            return Err(Failure::validation(format!(
                "the audit trail is not intact: entry {id} was changed: its member `{name}` is not as the server writes it"
            ))
            .hint("if a newer server wrote the export, verify it with that version of jelou")
            .into());
        }
    }
    Ok(())
}

/// Returns the name of a member that only one of the two objects has, or that differs.
fn difference(written: &Value, expected: &Value) -> Option<String> {
    let members = [written, expected].map(|value| value.as_object().into_iter().flatten());
    let [written_members, expected_members] = members;
    written_members
        .chain(expected_members)
        .map(|(name, _)| name)
        .find(|name| written.get(name) != expected.get(name))
        .cloned()
}
