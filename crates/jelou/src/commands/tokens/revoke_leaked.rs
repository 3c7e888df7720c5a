//! `jelou tokens revoke-leaked`.

use jelou_core::Scope;
use jelou_core::api::{LeakOutcome, LeakedToken, MAX_LEAKED_VALUES, ReportLeak};

use super::input::{Input, no_token};
use crate::cli::tokens::RevokeLeakedArgs;
use crate::context::{Confirmation, Context};
use crate::output::{Breadcrumb, Human};
use crate::prompt::Preset;

pub(crate) fn run(args: &RevokeLeakedArgs, context: &Context) -> anyhow::Result<()> {
    let confirmation = Confirmation::from_flag(args.yes);
    let question = "Revoke the leaked tokens?";
    if confirmation == Confirmation::Ask {
        context.prompt.require(question, "--yes")?;
    }
    let input = Input::read(&args.input)?;
    let values = input.tokens();
    if values.is_empty() {
        return Err(no_token().into());
    }
    let client = context.client_for_change(confirmation, question, "--yes", &Scope::Admin)?;
    context.confirm(
        confirmation,
        &format!(
            "Revoke {} leaked tokens, even the last one of a function?",
            values.len()
        ),
        Preset::No,
        "--yes",
    )?;
    let mut reports = Vec::with_capacity(values.len());
    for values in values.chunks(MAX_LEAKED_VALUES) {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        reports.extend(client.revoke_leaked(&ReportLeak { values })?);
    }
    context.output.result_with(
        &reports,
        &[Breadcrumb::new(
            "jelou audit".to_owned(),
            "See who did what with them",
        )],
        |human| reports.iter().try_for_each(|report| show(human, report)),
    )?;
    Ok(())
}

fn show(human: &mut Human, report: &LeakedToken) -> std::io::Result<()> {
    let prefix = report.prefix.as_deref().unwrap_or("jfn_");
    let name = report.name.as_ref().map(ToString::to_string);
    let name = name.unwrap_or_default();
    let of = match &report.function {
        Some(function) => format!("\"{name}\" of {function}"),
        None => format!("\"{name}\""),
    };
    match report.outcome {
        LeakOutcome::Revoked => human.success(&format!("{prefix}...  revoked {of}")),
        LeakOutcome::OldValueEnded => human.success(&format!(
            "{prefix}...  ended the old value of {of}; its new value stays valid"
        )),
        LeakOutcome::AlreadyInvalid => {
            human.item(&format!("{prefix}...  {of} was already invalid"))
        }
        LeakOutcome::LastAdministrator => human.warning(&format!(
            "{prefix}...  {of} is the last access token with the scope admin: create another one, then revoke it"
        )),
        LeakOutcome::Unknown => human.item(&format!("{prefix}...  not a token of this server")),
        LeakOutcome::Malformed => human.item(&format!("{prefix}...  not a token: its checksum is wrong")),
    }
}
