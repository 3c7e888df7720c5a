//! Suggests the slug that the user probably meant.

use jelou_client::ClientError;
use jelou_core::{ErrorCode, suggestion};

use crate::context::Context;

/// Replaces the hint of the error about a missing function by a function with a similar slug, if the access token may read
/// one.
pub(crate) fn suggest(mut error: anyhow::Error, context: &Context) -> anyhow::Error {
    let near = missing_function(&error).and_then(|slug| near(slug, context));
    if let (Some(near), Some(ClientError::Problem(problem))) = (near, error.downcast_mut()) {
        problem.hint = Some(format!("did you mean `{near}`?"));
    }
    error
}

fn missing_function(error: &anyhow::Error) -> Option<&str> {
    let Some(ClientError::Problem(problem)) = error.downcast_ref() else {
        return None;
    };
    if problem.code != ErrorCode::NotFound {
        return None;
    }
    let slug = problem.detail.strip_prefix("there is no function `")?;
    slug.strip_suffix('`')
}

fn near(slug: &str, context: &Context) -> Option<String> {
    // Without the list, the error stays as it is.
    let functions = context.client().ok()?.functions().list().ok()?;
    let slugs = functions.iter().map(|function| function.slug.as_str());
    suggestion::nearest(slug, slugs).map(str::to_owned)
}
