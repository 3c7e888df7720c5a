//! `jelou master-key`.

use crate::cli::master_key::MasterKeyCommand;
use crate::context::Context;

pub(crate) fn run(command: &MasterKeyCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        MasterKeyCommand::Rotate => rotate(context),
    }
}

fn rotate(context: &Context) -> anyhow::Result<()> {
    let rotated = context.client()?.rotate_master_key()?;
    context.output.result_with(&rotated, &[], |human| {
        human.success(&format!(
            "Encrypted {} values with the new key {}",
            rotated.values, rotated.key_id
        ))?;
        human.item("Backups from before need the old key file: keep a copy of it beside them")
    })?;
    Ok(())
}
