//! `jelou secret`: secrets of the organisation.

use jelou_core::Scope;
use jelou_core::api::{RollbackSecret, SecretsChanged};

use super::secrets::{Arguments, announce, report, request, require_key, show};
use crate::cli::organisation_secrets::{
    DeleteArgs, OrganisationSecretsCommand, RollbackArgs, SetArgs,
};
use crate::context::{Confirmation, Context};
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::prompt::Preset;

pub(crate) fn run(command: OrganisationSecretsCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        OrganisationSecretsCommand::List => list(context),
        OrganisationSecretsCommand::Set(args) => set(args, context),
        OrganisationSecretsCommand::Delete(args) => delete(args, context),
        OrganisationSecretsCommand::Rollback(args) => rollback(&args, context),
    }
}

fn list(context: &Context) -> anyhow::Result<()> {
    let secrets = context.client()?.organisation_secrets().list()?;
    context.output.result_with(
        &secrets,
        &[Breadcrumb::new("jelou secret set NAME", "Set one")],
        |human| {
            if secrets.is_empty() {
                return human.item("No secrets of the organisation; `jelou secret set` adds one");
            }
            show(human, &secrets)
        },
    )?;
    Ok(())
}

fn set(args: SetArgs, context: &Context) -> anyhow::Result<()> {
    let mut arguments = Arguments::read(args.arguments)?;
    if let Some(slug) = arguments.slug.take() {
        return Err(
            Failure::input(format!("`{slug}` is not the name of a secret"))
                .hint("`jelou secrets set` sets the secrets of a function")
                .into(),
        );
    }
    let secrets = arguments.resolve(None, context)?;
    let client = context.client()?;
    let changed = client.organisation_secrets().set(&request(secrets))?;
    announce(&changed, see_all(), context)
}

fn delete(args: DeleteArgs, context: &Context) -> anyhow::Result<()> {
    let key = args.key;
    let question = format!("Delete secret {key} of the organisation?");
    let confirmation = Confirmation::from_flag(args.yes);
    let client = context.client_for_change(confirmation, &question, "--yes", &Scope::Admin)?;
    let secrets = client.organisation_secrets();
    if confirmation == Confirmation::Ask {
        require_key(&secrets.list()?, &key)?;
    }
    context.confirm(confirmation, &question, Preset::No, "--yes")?;
    secrets.delete(&key)?;
    let summary = format!("Deleted secret {key}");
    let deleted = SecretsChanged {
        keys: vec![key],
        unmasked: Vec::new(),
    };
    context
        .output
        .result_with(&deleted, &[see_all()], |human| human.success(&summary))?;
    Ok(())
}

fn rollback(args: &RollbackArgs, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let rollback = RollbackSecret {
        version: args.version,
    };
    let rolled_back = client
        .organisation_secrets()
        .rollback(&args.key, &rollback)?;
    report(&rolled_back, see_all(), context)
}

fn see_all() -> Breadcrumb {
    Breadcrumb::new("jelou secret list", "See all keys")
}
