//! Finds the function and the schedule that the arguments `[SLUG] [NAME]` name.

use jelou_client::Client;
use jelou_core::Slug;
use jelou_core::api::ScheduleInfo;

use crate::exit::Failure;
use crate::project::function_or_here;

/// Returns the function and the schedule that the arguments name. A single argument names a schedule of the folder's
/// function, or a function if there is no such schedule. The name may be left out if the function has one schedule.
/// `instead`: what else can select schedules, for the hint.
pub(super) fn which(
    client: &Client,
    arguments: Vec<String>,
    instead: &str,
) -> anyhow::Result<(Slug, String)> {
    let mut arguments = arguments.into_iter();
    let (slug, name) = match (arguments.next(), arguments.next()) {
        (None, _) => (function_or_here(None)?, None),
        (Some(slug), Some(name)) => (parse_slug(&slug)?, Some(name)),
        (Some(one), None) => match function_or_here(None) {
            Ok(here) if has_schedule(client, &here, &one)? => (here, Some(one)),
            Ok(here) => match one.parse() {
                Ok(slug) if client.functions().get(&slug).is_ok() => (slug, None),
                _ => (here, Some(one)),
            },
            Err(_) => (parse_slug(&one)?, None),
        },
    };
    if let Some(name) = name {
        return Ok((slug, name));
    }
    let schedules = client.schedules(&slug).list(1)?;
    match &schedules[..] {
        [only] => {
            let id = only.id.clone();
            Ok((slug, id))
        }
        [] => Err(
            Failure::not_found(format!("what is live of `{slug}` has no schedules"))
                .hint("`config.cron` of a function declares them")
                .into(),
        ),
        several => {
            let labels: Vec<_> = several.iter().map(|one| one.label.as_str()).collect();
            Err(Failure::input(format!(
                "`{slug}` has {} schedules, and none is named",
                labels.len()
            ))
            .hint(format!("name one of: {}{instead}", labels.join(", ")))
            .into())
        }
    }
}

fn has_schedule(client: &Client, slug: &Slug, name: &str) -> anyhow::Result<bool> {
    let schedules = match client.schedules(slug).list(1) {
        Err(error) if error.is_not_found() => return Ok(false),
        schedules => schedules?,
    };
    let is_meant =
        |one: &ScheduleInfo| one.id == name || one.label == name || one.expression == name;
    Ok(schedules.iter().any(is_meant))
}

pub(super) fn parse_slug(text: &str) -> anyhow::Result<Slug> {
    text.parse()
        .map_err(|error| Failure::input(format!("`{text}` is not a slug: {error}")).into())
}
