//! `jelou audit export`.

use std::io::{BufWriter, Write};
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt;
use serde::Serialize;

use super::read_all;
use crate::cli::audit::ExportArgs;
use crate::context::Context;

#[derive(Serialize)]
struct Exported<'a> {
    output: &'a Path,
    entries: u64,
}

pub(crate) fn run(args: &ExportArgs, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let line = |entry: &jelou_core::api::AuditEntry| -> anyhow::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        Ok(line)
    };
    let Some(output) = args
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"))
    else {
        read_all(&client, args.after, |entry| {
            Ok(context.output.raw(&line(entry)?)?)
        })?;
        return Ok(());
    };
    let file = fs_err::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        // The file contains names of people and addresses, so only its owner may read it.
        .mode(0o600)
        .open(output)?;
    let mut file = BufWriter::new(file);
    let mut entries = 0;
    read_all(&client, args.after, |entry| {
        entries += 1;
        Ok(file.write_all(&line(entry)?)?)
    })?;
    file.flush()?;
    context
        .output
        .result(&Exported { output, entries }, |human| {
            human.success(&format!(
                "Exported {entries} entries to {}",
                output.display()
            ))
        })?;
    Ok(())
}
