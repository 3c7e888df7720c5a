//! What a deploy would change on the server, and whether it needs a confirmation.
//!
//! A folder names its function by slug, but anybody can write a slug into a `jelou.json`. The first deploy and `init
//! --mode link` therefore also write the function's id there. It shows that the folder belongs to the function.

use jelou_client::Client;
use jelou_core::api::Deployment;
use jelou_core::{DeploymentId, FunctionId, Slug};
use jiff::Timestamp;

use crate::context::{Confirmation, Context};
use crate::exit::Failure;
use crate::output::age;
use crate::project::ProjectFile;
use crate::prompt::Preset;

pub(super) const CONFIRM: &str = "--no-confirm";
const CREATE: &str = "--create";
const REPLACE: &str = "--replace";

/// The function with this slug on the server, before the deploy.
#[derive(Debug)]
pub(super) enum Target {
    /// The function does not exist, and `jelou.json` names either this slug or none.
    New,
    /// The function does not exist, and `jelou.json` names another function. The slug is probably mistyped.
    Unexpected { usual: Slug },
    /// The function was created, but never deployed.
    Empty,
    /// The function is live, and `jelou.json` has its id.
    Own(Live),
    /// The function is live, and `jelou.json` does not have its id.
    Foreign(Live),
}

#[derive(Debug)]
pub(super) struct Live {
    id: DeploymentId,
    /// Time and author of the deployment. `None` if the server does not list the live deployment any more.
    deployed: Option<(Timestamp, String)>,
}

/// The confirmations that flags of the command line give.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    pub(super) confirmation: Confirmation,
    pub(super) create: Confirmation,
    pub(super) replace: Confirmation,
}

impl Target {
    /// # Errors
    ///
    /// If the request to the server fails.
    pub(super) fn find(
        client: &Client,
        slug: &Slug,
        project: Option<&ProjectFile>,
    ) -> anyhow::Result<Self> {
        let function = match client.functions().get(slug) {
            Ok(function) => function,
            Err(error) if error.is_not_found() => {
                let usual = project.and_then(ProjectFile::function);
                return Ok(match usual.filter(|usual| *usual != slug) {
                    Some(usual) => Self::Unexpected {
                        usual: usual.clone(),
                    },
                    None => Self::New,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let Some(id) = function.live_deployment else {
            return Ok(Self::Empty);
        };
        let deployments = client.deployments(slug).list()?;
        let live = Live {
            deployed: deployments
                .into_iter()
                .find(|deployment| deployment.id == id)
                .map(
                    |Deployment {
                         created_at,
                         created_by,
                         ..
                     }| (created_at, created_by),
                ),
            id,
        };
        Ok(if is_known(project, &function.id) {
            Self::Own(live)
        } else {
            Self::Foreign(live)
        })
    }

    pub(super) fn replaces(&self) -> Option<&DeploymentId> {
        match self {
            Self::New | Self::Unexpected { .. } | Self::Empty => None,
            Self::Own(live) | Self::Foreign(live) => Some(&live.id),
        }
    }

    /// Describes the effect of the deploy for the user.
    pub(super) fn describe(&self, client: &Client) -> String {
        let server = client.api();
        match self {
            Self::New | Self::Unexpected { .. } => format!("New function on {server}"),
            Self::Empty => format!("First deployment on {server}"),
            Self::Own(live) | Self::Foreign(live) => {
                format!("Replaces {} on {server}", live.describe())
            }
        }
    }

    /// Asks for the confirmations that the command line does not give.
    ///
    /// # Errors
    ///
    /// If the user answers no, or if `--no-confirm` is not enough for the change.
    pub(super) fn confirm(
        &self,
        client: &Client,
        slug: &Slug,
        allowed: Allowed,
        context: &Context,
    ) -> anyhow::Result<()> {
        let server = client.api();
        match self {
            Self::Unexpected { usual } if allowed.create == Confirmation::Ask => {
                if allowed.confirmation == Confirmation::Given {
                    return Err(Failure::not_found(format!(
                        "there is no function `{slug}` on {server}, and jelou.json names `{usual}`"
                    ))
                    .hint(format!(
                        "is the slug mistyped? `{CREATE}` creates a new function"
                    ))
                    .into());
                }
                let question = format!("Create new function `{slug}` on {server}?");
                context
                    .prompt
                    .confirm(&context.output, &question, Preset::No, CREATE)
            }
            Self::Foreign(live) if allowed.replace == Confirmation::Ask => {
                if allowed.confirmation == Confirmation::Given {
                    return Err(Failure::conflict(format!(
                        "`{slug}` is live on {server} and does not belong to this folder: it runs {}",
                        live.describe()
                    ))
                    .hint(format!(
                        "if it is your function, `{REPLACE}` replaces what runs, and `jelou init --mode link --slug {slug}` links this folder to it; otherwise choose another slug"
                    ))
                    .into());
                }
                context.output.warn(&format!(
                    "{slug} was not deployed from this folder: its jelou.json does not have the function's id"
                ))?;
                let question = format!("Replace what runs as {slug} on {server}?");
                context
                    .prompt
                    .confirm(&context.output, &question, Preset::No, REPLACE)
            }
            _ => context.confirm(allowed.confirmation, &question(slug), Preset::Yes, CONFIRM),
        }
    }
}

impl Live {
    fn describe(&self) -> String {
        match &self.deployed {
            Some((at, by)) => format!("the deployment of {} by {by}", age(*at)),
            None => format!("deployment {}", self.id),
        }
    }
}

pub(super) fn question(slug: &Slug) -> String {
    format!("Deploy {slug}?")
}

fn is_known(project: Option<&ProjectFile>, id: &FunctionId) -> bool {
    project.and_then(ProjectFile::id) == Some(id)
}
