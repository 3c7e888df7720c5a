//! `jelou previews delete`.

use jelou_core::{PreviewName, Scope, Slug, Verb};
use serde::Serialize;

use super::find::find;
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
    let scope = Scope::Function(Verb::Deploy, slug.clone());
    let client = context.client_for_change(confirmation, &question, "--yes", &scope)?;
    if confirmation == Confirmation::Ask {
        find(&client, &slug, &name)?;
    }
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
