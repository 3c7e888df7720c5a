//! Arguments of `jelou trust`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jelou_core::policy::{Cidr, HttpMethod, Quota, Rate, RuntimeScope};
use jelou_core::trust::Issuer;
use jelou_core::{Scope, Slug, TokenName};

/// Trust the identity tokens of pipelines and pods, so that they need no stored secret
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    #[command(subcommand)]
    pub(crate) command: TrustCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// List the trust policies
    List,
    Info(InfoArgs),
    Create(Box<CreateArgs>),
    Delete(DeleteArgs),
    Exchange(ExchangeArgs),
}

/// Show one trust policy
#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Id or name of the policy
    #[arg(value_name = "POLICY")]
    pub(crate) policy: String,
}

/// Exchange identity tokens of an issuer for a token of 15 minutes
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// `github`, `gitlab`, or the URL of any OpenID Connect issuer
    #[arg(long, value_name = "ISSUER")]
    pub(crate) issuer: String,

    /// URL of a self-hosted GitHub or GitLab, as its identity tokens name it (`iss`)
    #[arg(long, value_name = "URL")]
    pub(crate) issuer_url: Option<String>,

    /// Name of the policy; made from the issuer and the repository by default
    #[arg(long)]
    pub(crate) name: Option<TokenName>,

    /// Repository (`owner/name`), or path of the project on GitLab
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<String>,

    /// File of the pipeline, such as `deploy.yml`; any by default
    #[arg(long, value_name = "FILE")]
    pub(crate) workflow: Option<String>,

    /// Environment of the job, such as `production`; any by default
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,

    /// Branch or tag, such as `refs/heads/main`; any by default
    #[arg(long = "ref", value_name = "REF")]
    pub(crate) git_ref: Option<String>,

    /// Another claim that the identity token must have, such as `sub=system:serviceaccount:prod:api`; repeat for more
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    pub(crate) claims: Vec<(String, String)>,

    /// Audience of the identity token; the address of this server by default
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Option<String>,

    /// Scope of the access token, such as `deploy:mi-funcion`; repeat for more
    #[arg(long = "scope", value_name = "SCOPE", required_unless_present = "call")]
    pub(crate) scopes: Vec<Scope>,

    /// Give a runtime token that calls this function, in place of an access token
    #[arg(long, value_name = "SLUG", conflicts_with = "scopes")]
    pub(crate) call: Option<Slug>,

    /// Scope of the runtime token: `invoke`, `mcp` or `tool:NAME`; repeat for more, everything by default
    #[arg(long = "call-scope", value_name = "SCOPE", requires = "call")]
    pub(crate) call_scopes: Vec<RuntimeScope>,

    /// Network that the runtime token may be used from; repeat for more, any by default
    #[arg(long = "cidr", value_name = "CIDR", requires = "call")]
    pub(crate) cidrs: Vec<Cidr>,

    /// HTTP method that the runtime token may use; repeat for more, any by default
    #[arg(long = "method", value_name = "METHOD", requires = "call")]
    pub(crate) methods: Vec<HttpMethod>,

    /// Calls that each exchanged token may make in a second, minute, hour or day, such as `100/m`; any number by default
    #[arg(
        long,
        value_name = "RATE",
        allow_hyphen_values = true,
        requires = "call"
    )]
    pub(crate) rate: Option<Rate>,

    /// Calls that each exchanged token may make in a day or month, such as `1000/day@America/Guayaquil`
    #[arg(
        long,
        value_name = "QUOTA",
        allow_hyphen_values = true,
        requires = "call"
    )]
    pub(crate) quota: Option<Quota>,
}

impl CreateArgs {
    /// The kind of the issuer, and its URL if it is not the default one.
    pub(crate) fn issuer(&self) -> (Issuer, Option<String>) {
        match self.issuer.parse() {
            Ok(issuer) => (issuer, self.issuer_url.clone()),
            Err(_) => (Issuer::Other, Some(self.issuer.clone())),
        }
    }
}

/// Delete a trust policy; tokens that were exchanged under it end now
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Id or name of the policy
    #[arg(value_name = "POLICY")]
    pub(crate) policy: String,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Exchange the identity token of this job for a token of 15 minutes, and print it
#[derive(Debug, Args)]
pub(crate) struct ExchangeArgs {
    /// Request a runtime token of this function; an access token by default
    #[arg(long, value_name = "SLUG")]
    pub(crate) call: Option<Slug>,

    /// File with the identity token, or `-` for stdin; that of the pipeline by default
    #[arg(long, value_name = "FILE")]
    pub(crate) identity_token: Option<PathBuf>,

    /// Write the token into this file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_output: Option<PathBuf>,
}

fn claim(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err(
            "write the claim and its value, such as `sub=system:serviceaccount:prod:api`"
                .to_owned(),
        ),
    }
}
