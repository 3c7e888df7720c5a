//! `jelou trust create`.

use jelou_core::api::{CallGrant, CreateTrust};
use jelou_core::policy::{Cidrs, HttpMethods, RuntimeScopes};
use jelou_core::trust::Conditions;

use super::info::show;
use crate::cli::trust::CreateArgs;
use crate::commands::tokens::limit_list;
use crate::context::Context;
use crate::output::Breadcrumb;

pub(crate) fn run(args: CreateArgs, context: &Context) -> anyhow::Result<()> {
    let (issuer, issuer_url) = args.issuer();
    let client = context.client()?;
    let call = match args.call {
        Some(function) => Some(CallGrant {
            function,
            scopes: limit_list::<_, RuntimeScopes>(args.call_scopes)?,
            cidrs: limit_list::<_, Cidrs>(args.cidrs)?,
            methods: limit_list::<_, HttpMethods>(args.methods)?,
            rate: args.rate,
            quota: args.quota,
        }),
        None => None,
    };
    let policy = client.trust().create(&CreateTrust {
        name: args.name,
        issuer,
        issuer_url,
        audience: args
            .audience
            .unwrap_or_else(|| client.api().as_str().to_owned()),
        conditions: Conditions {
            repository: args.repository,
            workflow: args.workflow,
            environment: args.environment,
            git_ref: args.git_ref,
            claims: args.claims.into_iter().collect(),
        },
        scopes: (!args.scopes.is_empty()).then(|| args.scopes.into_iter().collect()),
        call,
    })?;
    context.output.result_with(
        &policy,
        &[Breadcrumb::new(
            format!("jelou trust delete {}", policy.name),
            "End the trust",
        )],
        |human| {
            human.success(&format!("Created trust policy \"{}\"", policy.name))?;
            show(human, &policy)
        },
    )?;
    Ok(())
}
