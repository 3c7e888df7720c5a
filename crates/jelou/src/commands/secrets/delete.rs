//! `jelou secrets delete`.

use jelou_core::api::{Secret, SecretsChanged};
use jelou_core::{Scope, SecretKey, Verb, suggestion};

use crate::cli::secrets::DeleteArgs;
use crate::context::{Confirmation, Context};
use crate::exit::Failure;
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
    let scope = Scope::Function(Verb::Secrets, slug.clone());
    let client = context.client_for_change(confirmation, &question, "--yes", &scope)?;
    let secrets = client.secrets(&slug).of_preview(preview);
    if confirmation == Confirmation::Ask {
        require_key(&secrets.list()?, &key)?;
    }
    context.confirm(confirmation, &question, Preset::No, "--yes")?;
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

/// Checks that one of the secrets has the key, before the user is asked to confirm its deletion.
pub(in crate::commands) fn require_key(secrets: &[Secret], key: &SecretKey) -> anyhow::Result<()> {
    if secrets.iter().any(|secret| secret.key == *key) {
        return Ok(());
    }
    let failure = Failure::not_found(format!("there is no secret `{key}`"));
    let known = secrets.iter().map(|secret| secret.key.as_str());
    Err(match suggestion::nearest(key.as_str(), known) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure,
    }
    .into())
}
