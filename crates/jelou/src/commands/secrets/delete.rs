//! `jelou secrets delete`.

use jelou_core::api::SecretsChanged;

use crate::cli::secrets::DeleteArgs;
use crate::context::{Confirmation, Context};
use crate::output::Breadcrumb;
use crate::project::function_or_here;
use crate::prompt::Preset;

pub(crate) fn run(args: DeleteArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let key = args.key;
    let preview = args.of.preview;
    let question = match &preview {
        None => format!("Delete secret {key} of {slug}?"),
        Some(name) => format!("Delete secret {key} of preview {name} of {slug}?"),
    };
    let confirmation = Confirmation::from_flag(args.yes);
    if confirmation == Confirmation::Ask {
        context.prompt.require(&question, "--yes")?;
    }
    let client = context.client()?;
    context.confirm(confirmation, &question, Preset::No, "--yes")?;
    let secrets = client.secrets(&slug).of_preview(preview);
    secrets.delete(&key)?;
    let summary = format!("Deleted secret {key}");
    context.output.result_with(
        &SecretsChanged {
            keys: vec![key],
            unmasked: Vec::new(),
        },
        &[Breadcrumb::new(
            format!("jelou secrets list {slug}"),
            "See the secrets that are left",
        )],
        |human| human.success(&summary),
    )?;
    Ok(())
}
