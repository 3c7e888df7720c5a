//! `jelou previews delete`.

use jelou_core::{PreviewName, Slug};
use serde::Serialize;

use crate::cli::previews::DeleteArgs;
use crate::context::{Confirmation, Context};
use crate::output::Breadcrumb;
use crate::project::function_or_here;
use crate::prompt::Preset;

#[derive(Serialize)]
struct Deleted {
    function: Slug,
    deleted: PreviewName,
}

pub(super) fn run(args: DeleteArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let name = args.name;
    let question = format!("Delete preview {name} of {slug} with its secrets and its memory?");
    let confirmation = Confirmation::from_flag(args.yes);
    if confirmation == Confirmation::Ask {
        context.prompt.require(&question, "--yes")?;
    }
    let client = context.client()?;
    context.confirm(confirmation, &question, Preset::No, "--yes")?;
    client.previews(&slug).delete(&name)?;
    let summary = format!("Deleted preview {name}");
    let breadcrumb = Breadcrumb::new(
        format!("jelou previews list {slug}"),
        "See the previews that are left",
    );
    context.output.result_with(
        &Deleted {
            function: slug,
            deleted: name,
        },
        &[breadcrumb],
        |human| human.success(&summary),
    )?;
    Ok(())
}
