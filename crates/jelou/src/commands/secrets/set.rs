//! Sets secrets. Creates the function or the preview first, if it does not exist.

use std::collections::BTreeMap;

use jelou_client::Client;
use jelou_core::api::{CreateFunction, OpenPreview, SecretsChanged, SetSecrets};
use jelou_core::{PreviewName, Scope, SecretKey, Slug, Verb};

use super::values::Arguments;
use crate::cli::secrets::SetArgs;
use crate::context::{Confirmation, Context, require_scope};
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::project::{FILE_NAME, function_or_here};
use crate::prompt::Preset;

const CREATE: &str = "--create";

pub(crate) fn run(args: SetArgs, context: &Context) -> anyhow::Result<()> {
    let mut arguments = Arguments::read(args.arguments)?;
    let given = arguments.slug.take();
    let is_given = given.is_some();
    let slug = function_or_here(given)?;
    if !is_given {
        context
            .output
            .human(|human| human.item(&format!("Function: {slug}, from {FILE_NAME}")))?;
    }
    let secrets = arguments.resolve(args.from_env.as_deref(), context)?;

    let client = context.client()?;
    let preview = args.of.preview;
    let set = |secrets: &SetSecrets| {
        let of = client.secrets(&slug).of_preview(preview.clone());
        of.set(secrets)
    };
    let secrets = request(secrets);
    let changed = match set(&secrets) {
        Err(error) if error.is_not_found() => {
            let confirmation = Confirmation::from_flag(args.create);
            match &preview {
                None => create_function(&client, &slug, confirmation, context)?,
                Some(name) => {
                    // A missing function has its own error.
                    client.functions().get(&slug)?;
                    create_preview(&client, &slug, name, confirmation, context)?;
                }
            }
            set(&secrets)?
        }
        changed => changed?,
    };
    let next = Breadcrumb::new(format!("jelou secrets list {slug}"), "See all keys");
    announce(&changed, next, context)
}

/// Shows which secrets were set. Warns of secrets that are not masked in logs.
pub(in crate::commands) fn announce(
    changed: &SecretsChanged,
    next: Breadcrumb,
    context: &Context,
) -> anyhow::Result<()> {
    if !changed.unmasked.is_empty() {
        let names: Vec<_> = changed.unmasked.iter().map(SecretKey::as_str).collect();
        let (are, they) = match names.len() {
            1 => ("is", "its value is"),
            _ => ("are", "their values are"),
        };
        context.output.warn(&format!(
            "{} {are} not masked in logs, because {they} shorter than 8 bytes",
            names.join(", ")
        ))?;
    }
    context.output.result_with(changed, &[next], |human| {
        human.success(&match changed.keys.len() {
            1 => "Set 1 secret".to_owned(),
            count => format!("Set {count} secrets"),
        })
    })?;
    Ok(())
}

pub(in crate::commands) fn request(secrets: BTreeMap<SecretKey, String>) -> SetSecrets {
    SetSecrets {
        secrets: secrets
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect(),
    }
}

/// Creates the preview before the first deploy to it, because its code may need the secrets to start.
fn create_preview(
    client: &Client,
    slug: &Slug,
    name: &PreviewName,
    confirmation: Confirmation,
    context: &Context,
) -> anyhow::Result<()> {
    let question = format!("{slug} has no preview {name} yet. Create it?");
    if confirmation == Confirmation::Ask && context.prompt.require(&question, CREATE).is_err() {
        return Err(
            Failure::not_found(format!("`{slug}` has no preview `{name}`"))
                .hint(format!(
                    "`{CREATE}` creates it; `jelou deploy --preview {name}` follows later"
                ))
                .into(),
        );
    }
    if confirmation == Confirmation::Ask {
        require_scope(client, &Scope::Function(Verb::Deploy, slug.clone()))?;
    }
    context.confirm(confirmation, &question, Preset::Yes, CREATE)?;
    client.previews(slug).create(&OpenPreview {
        name: Some(name.clone()),
        ..OpenPreview::default()
    })?;
    context
        .output
        .human(|human| human.success(&format!("Created preview {name} of {slug}")))?;
    Ok(())
}

/// Creates the function before its first deploy, because its first call may need the secrets.
fn create_function(
    client: &Client,
    slug: &Slug,
    confirmation: Confirmation,
    context: &Context,
) -> anyhow::Result<()> {
    let place = format!("there is no function `{slug}` on {}", client.api());
    let question = format!(
        "There is no function {slug} on {} yet. Create it?",
        client.api()
    );
    if confirmation == Confirmation::Ask && context.prompt.require(&question, CREATE).is_err() {
        return Err(Failure::not_found(place)
            .hint(format!(
                "`{CREATE}` creates it, and its first deploy follows later"
            ))
            .into());
    }
    if confirmation == Confirmation::Ask {
        require_scope(client, &Scope::Function(Verb::Deploy, slug.clone()))?;
    }
    context.confirm(confirmation, &question, Preset::Yes, CREATE)?;
    client.functions().create(&CreateFunction {
        slug: slug.clone(),
        name: None,
    })?;
    context
        .output
        .human(|human| human.success(&format!("Created function {slug}")))?;
    Ok(())
}
