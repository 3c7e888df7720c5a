//! `jelou auth switch`.

use serde::Serialize;

use crate::cli::auth::SwitchArgs;
use crate::context::Context;
use crate::profile::{CredentialsFile, no_profile};

#[derive(Serialize)]
struct Switched<'a> {
    active: &'a str,
}

pub(crate) fn run(args: SwitchArgs, context: &Context) -> anyhow::Result<()> {
    let file = CredentialsFile::locate()?;
    let name = match args.name {
        Some(name) => name,
        None => ask(&file, context)?,
    };
    file.update(|credentials| {
        if credentials.get(&name).is_none() {
            return Err(no_profile(&name));
        }
        credentials.activate(&name);
        Ok(())
    })??;
    context
        .output
        .result(&Switched { active: &name }, |human| {
            human.success(&format!("Switched to profile {name}"))
        })?;
    Ok(())
}

fn ask(file: &CredentialsFile, context: &Context) -> anyhow::Result<String> {
    let credentials = file.load()?;
    let names: Vec<&str> = credentials.iter().map(|(name, _)| name).collect();
    let question = format!("Profile ({}):", names.join(", "));
    context
        .prompt
        .line(&context.output, &question, None, "jelou auth switch NAME")
}
