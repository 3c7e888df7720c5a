//! `jelou init --mode link`: links the folder to an existing function, without changing the function's code.

use std::path::Path;

use fs_err as fs;
use jelou_core::source::DEFAULT_ENTRYPOINT;
use jelou_core::{FunctionId, Slug};

use super::{Started, folder_name, sdk};
use crate::cli::init::InitArgs;
use crate::commands::deployments::write_into;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::project::{FILE_NAME, ProjectFile, entrypoint_in};
use crate::prompt::Preset;

pub(super) fn run(args: &InitArgs, context: &Context) -> anyhow::Result<()> {
    let folder = args.dir.as_path();
    let existing = ProjectFile::load(folder)?;
    let slug = match (
        &args.slug,
        existing.as_ref().and_then(ProjectFile::function),
    ) {
        (Some(slug), _) | (None, Some(slug)) => slug.clone(),
        (None, None) => folder_name::slug(folder, context)?,
    };
    let client = context.client()?;
    let function = client.functions().get(&slug)?;
    let id = function.id;
    let live = function.live_deployment;
    if args.download && live.is_none() {
        return Err(
            Failure::not_found(format!("`{slug}` has no live deployment to download"))
                .hint("leave `--download` out; `jelou deploy` creates a deployment")
                .into(),
        );
    }
    let mut project = link(existing, folder, &slug, &id, args.force)?;
    let mut has_code = entrypoint_in(folder, Some(&project))?.is_some();
    let mut files = vec![FILE_NAME.to_owned(), sdk::FOLDER.to_owned()];
    if let Some(live) = &live
        && is_wanted(args, has_code, &slug, context)?
    {
        let source = client.deployments(&slug).source(live)?;
        project.set_entrypoint(&source.entrypoint)?;
        files.extend(source.files.iter().map(|file| file.path.clone()));
        write_into(folder, source, args.force)?;
        has_code = true;
    }
    sdk::write(folder)?;
    project.save()?;

    let entrypoint = project.entrypoint().unwrap_or(DEFAULT_ENTRYPOINT);
    context.output.result_with(
        &Started {
            function: &slug,
            id: Some(id),
            files: files.clone(),
        },
        &[
            Breadcrumb::new(format!("jelou functions info {slug}"), "See what is live"),
            next(folder, has_code, live.is_some()),
        ],
        |human| {
            human.success(&format!("Linked this folder to {slug}"))?;
            human.item(&format!("Files: {}", files.join(", ")))?;
            if has_code {
                return human.item("Next:  jelou deploy");
            }
            if live.is_none() {
                return human.warning(&format!(
                    "There is no {entrypoint} here, and {slug} has no live deployment."
                ));
            }
            human.warning(&format!(
                "There is no {entrypoint} here. Get the function's code first, with `--download`:\n\
                 `jelou deploy` replaces what is live with what is in the folder."
            ))
        },
    )?;
    Ok(())
}

/// Returns the suggested next command. A deploy of a folder without the function's code would replace the live code.
fn next(folder: &Path, has_code: bool, is_live: bool) -> Breadcrumb {
    if !has_code && is_live {
        let folder = folder.display();
        return Breadcrumb::new(
            format!("jelou init {folder} --mode link --download"),
            "Get the code that is live",
        );
    }
    let what = if is_live {
        "Replace what is live with this folder's code"
    } else {
        "Deploy this folder's code"
    };
    Breadcrumb::new("jelou deploy", what)
}

/// Whether to download the live code. Asks only if the folder has no code.
fn is_wanted(
    args: &InitArgs,
    has_code: bool,
    slug: &Slug,
    context: &Context,
) -> anyhow::Result<bool> {
    if args.download {
        return Ok(true);
    }
    if has_code || !context.prompt.is_possible() {
        return Ok(false);
    }
    let question = format!("Download the code of {slug} into this folder?");
    let choice = context
        .prompt
        .choice(&context.output, &question, Preset::Yes, "--download")?;
    Ok(choice == Preset::Yes)
}

/// Adds the function's id to its `jelou.json` and keeps the other members, or creates the file.
fn link(
    existing: Option<ProjectFile>,
    folder: &Path,
    slug: &Slug,
    id: &FunctionId,
    force: bool,
) -> anyhow::Result<ProjectFile> {
    match existing {
        Some(mut project) if project.function() == Some(slug) => {
            project.set_id(id)?;
            Ok(project)
        }
        Some(project) if !force => {
            let other = project
                .function()
                .map_or_else(|| "no function".to_owned(), |other| format!("`{other}`"));
            Err(
                Failure::conflict(format!("{FILE_NAME} names {other}, not `{slug}`"))
                    .hint("`--force` overwrites it")
                    .into(),
            )
        }
        Some(_) | None => {
            fs::create_dir_all(folder)?;
            let entrypoint = entrypoint_in(folder, None)?;
            let entrypoint = entrypoint.as_deref().unwrap_or(DEFAULT_ENTRYPOINT);
            ProjectFile::new(folder, slug, Some(id), entrypoint)
        }
    }
}
