//! `jelou functions delete`.

use jelou_core::Scope;
use jelou_core::api::Function;
use serde::Serialize;

use crate::cli::functions::DeleteArgs;
use crate::context::{Confirmation, Context};
use crate::project::function_or_here;
use crate::prompt::Preset;

#[derive(Serialize)]
struct Deleted {
    deleted: Function,
}

pub(crate) fn run(args: DeleteArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let confirmation = Confirmation::from_flag(args.yes);
    let question = format!("Delete {slug}?");
    let scope = Scope::FunctionsWrite;
    let client = context.client_for_change(confirmation, &question, "--yes", &scope)?;
    let function = client.functions().get(&slug)?;
    context.confirm(
        confirmation,
        &format!("Delete {slug} with {}?", contents(&function)),
        Preset::No,
        "--yes",
    )?;
    client.functions().delete(&slug)?;
    context
        .output
        .result(&Deleted { deleted: function }, |human| {
            human.success(&format!("Deleted function {slug}"))
        })?;
    Ok(())
}

/// Lists what is deleted with the function.
fn contents(function: &Function) -> String {
    let count = |number, singular: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {singular}{plural}")
    };
    let previews = match function.previews {
        0 => String::new(),
        number => format!("{}, ", count(number, "preview")),
    };
    format!(
        "its deployments, {previews}{} and {}",
        count(function.tokens, "token"),
        count(function.secrets, "secret")
    )
}
