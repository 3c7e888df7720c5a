//! `jelou login`: saves an access token after the server has accepted it.

use std::io;

use jelou_client::{ApiUrl, Client, ClientError};
use jelou_core::ErrorCode;
use serde::Serialize;

use crate::cli::auth::LoginArgs;
use crate::context::Context;
use crate::env;
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::profile::{
    CredentialsFile, DEFAULT_API, DEFAULT_PROFILE, Profile, check_name, parse_api,
    read_access_token,
};

#[derive(Serialize)]
struct LoggedIn<'a> {
    profile: &'a str,
    api: &'a str,
    #[serde(rename = "accessToken")]
    access_token: jelou_core::api::AccessTokenInfo,
}

/// Checks the token with the server, then saves it.
pub(crate) fn run(args: LoginArgs, context: &Context) -> anyhow::Result<()> {
    let name = context.profile.as_deref().unwrap_or(DEFAULT_PROFILE);
    check_name(name)?;
    let file = CredentialsFile::locate()?;
    let api = choose_api(args.api, name, &file)?;
    if api.is_readable_by_others() {
        context.output.warn(&format!(
            "{api} is not encrypted: others on the network can read the access token"
        ))?;
    }
    let value = read_token(args.token.as_deref(), context)?;
    let token = read_access_token(&value, "this")?;
    let profile = Profile::new(&api, &token);

    let client = Client::new(api, Some(token));
    let who = client.whoami().map_err(explain)?;
    file.update(|credentials| {
        credentials.set(name, profile);
        credentials.activate(name);
    })?;

    let access_token = who.access_token;
    let summary = format!(
        "Logged in to {} as {} ({})",
        client.api(),
        access_token.name,
        access_token.scopes
    );
    context.output.result_with(
        &LoggedIn {
            profile: name,
            api: client.api().as_str(),
            access_token,
        },
        &[
            Breadcrumb::new("jelou init", "Start a project"),
            Breadcrumb::new("jelou functions list", "See the server's functions"),
        ],
        |human| {
            human.success(&summary)?;
            human.item(&format!("Profile: {name}"))
        },
    )?;
    Ok(())
}

/// Returns the address of the server: `--api`, the environment, the saved profile, or the default, in this order.
fn choose_api(given: Option<String>, name: &str, file: &CredentialsFile) -> anyhow::Result<ApiUrl> {
    let api = match given.or_else(|| env::read(env::JELOU_API_URL)) {
        Some(api) => api,
        None => file
            .load()?
            .get(name)
            .map_or(DEFAULT_API, Profile::api)
            .to_owned(),
    };
    parse_api(&api)
}

fn read_token(given: Option<&str>, context: &Context) -> anyhow::Result<String> {
    match given {
        None => context
            .prompt
            .masked(&context.output, "Access token:", "--token"),
        Some("-") => {
            let mut line = String::new();
            io::stdin().read_line(&mut line)?;
            Ok(line)
        }
        Some(token) => Ok(token.to_owned()),
    }
}

fn explain(error: ClientError) -> anyhow::Error {
    match &error {
        ClientError::Problem(problem) if problem.code == ErrorCode::AuthError => {
            Failure::auth("the server does not accept this access token")
                .because(error)
                .hint("was it revoked, did it expire, or is it another server's? `--api URL` says which server")
                .into()
        }
        _ => error.into(),
    }
}
