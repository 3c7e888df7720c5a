//! `jelou functions create`.

use jelou_core::api::CreateFunction;

use crate::cli::functions::CreateArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Breadcrumb;

pub(crate) fn run(args: CreateArgs, context: &Context) -> anyhow::Result<()> {
    let slug = match args.slug.or(args.positional_slug) {
        Some(slug) => slug,
        None => context
            .prompt
            .line(&context.output, "Slug:", None, "--slug")?
            .parse()
            .map_err(|error: jelou_core::slug::ParseSlugError| {
                Failure::validation(error.to_string())
            })?,
    };
    let function = context.client()?.functions().create(&CreateFunction {
        slug,
        name: args.name,
    })?;
    let slug = &function.slug;
    context.output.result_with(
        &function,
        &[
            Breadcrumb::new(
                format!("jelou secrets set {slug} KEY=VALUE"),
                "Set its secrets",
            ),
            Breadcrumb::new(format!("jelou deploy --function {slug}"), "Deploy it"),
        ],
        |human| {
            human.success(&format!("Created function {slug}"))?;
            human.item(&format!("ID:  {}", function.id))?;
            human.item(&format!("URL: {}", function.url))?;
            match &function.local_url {
                Some(url) => human.item(&format!("or:  {url}")),
                None => Ok(()),
            }
        },
    )?;
    Ok(())
}
