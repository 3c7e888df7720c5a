//! `jelou master-key`.

use jelou_core::Scope;

use crate::cli::master_key::{MasterKeyCommand, RotateArgs};
use crate::context::{Confirmation, Context};
use crate::prompt::Preset;

pub(crate) fn run(command: &MasterKeyCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        MasterKeyCommand::Rotate(args) => rotate(args, context),
    }
}

/// Asks before the rotation, because the server keeps no copy of the current key.
fn rotate(args: &RotateArgs, context: &Context) -> anyhow::Result<()> {
    let question = "Replace the master key? Earlier backups need the present key: copy master.key from the data folder \
                    beside them first.";
    let confirmation = Confirmation::from_flag(args.yes);
    let client = context.client_for_change(confirmation, question, "--yes", &Scope::Admin)?;
    if confirmation == Confirmation::Ask {
        client.check_master_key_rotation()?;
    }
    context.confirm(confirmation, question, Preset::No, "--yes")?;
    let rotated = client.rotate_master_key()?;
    context.output.result_with(&rotated, &[], |human| {
        human.success(&format!(
            "Encrypted {} values with the new key {}",
            rotated.values, rotated.key_id
        ))?;
        human.item("Backups from before need the former key, which the server no longer has")
    })?;
    Ok(())
}
