//! `jelou auth remove`.

use serde::Serialize;

use crate::cli::auth::RemoveArgs;
use crate::context::{Confirmation, Context};
use crate::profile::{CredentialsFile, no_profile};
use crate::prompt::Preset;

#[derive(Serialize)]
struct Removed<'a> {
    removed: &'a str,
}

pub(crate) fn run(args: &RemoveArgs, context: &Context) -> anyhow::Result<()> {
    let name = args.name.as_str();
    let file = CredentialsFile::locate()?;
    if file.load()?.get(name).is_none() {
        return Err(no_profile(name).into());
    }
    context.confirm(
        Confirmation::from_flag(args.yes),
        &format!("Remove profile {name}?"),
        Preset::No,
        "--yes",
    )?;
    file.update(|credentials| credentials.remove(name))?;
    context.output.result(&Removed { removed: name }, |human| {
        human.success(&format!("Removed profile {name}"))
    })?;
    Ok(())
}
