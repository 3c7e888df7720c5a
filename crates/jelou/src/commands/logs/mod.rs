//! `jelou logs`.

mod follow;
mod render;
mod stats;

use std::sync::Arc;

use jelou_client::{Client, LogsQuery};
use jelou_core::Slug;
use serde_json::Value;

use crate::cli::logs::{LogsArgs, LogsCommand, ReadArgs};
use crate::commands::previews::deployed;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Output;
use crate::project::function_or_here;

/// Number of records that `--history` shows if no argument limits them.
const HISTORY: usize = 100;

pub(crate) fn run(args: LogsArgs, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Some(LogsCommand::Stats(args)) => stats::run(args, context),
        None => read(args.read, context),
    }
}

fn read(args: ReadArgs, context: &Context) -> anyhow::Result<()> {
    let (mut slugs, filter) = slugs_and_filter(&args);
    if slugs.is_empty() {
        slugs.push(function_or_here(None)?);
    }
    let client = Arc::new(context.client()?);
    let deployment = match (&args.preview, slugs.as_slice()) {
        (None, _) => args.deployment,
        (Some(name), [slug]) => Some(deployed(&client, slug, name)?.1),
        (Some(_), _) => {
            return Err(Failure::input("--preview is for one function")
                .hint("name the function of the preview")
                .into());
        }
    };
    let follows = args.follow || !(args.history || args.until.is_some() || args.request.is_some());
    let is_bounded = args.since.is_some() || args.until.is_some() || args.request.is_some();
    let mut query = LogsQuery {
        since: args.since,
        until: args.until,
        tail: args.tail,
        level: args.level,
        request: args.request,
        deployment: deployment.map(|id| id.to_string()),
        filter,
    };
    if follows {
        if query.request.is_some() && query.tail.is_none() && query.since.is_none() {
            // All stored records of the request, then new ones.
            query.since = Some("1970-01-01T00:00:00Z".to_owned());
        }
        return follow::follow(&client, &slugs, &query, &context.output);
    }
    if query.tail.is_none() && !is_bounded {
        query.tail = Some(HISTORY);
    }
    show_stored(&client, &slugs, &query, &context.output)
}

/// Follows the log of a function, starting with the last few records.
pub(in crate::commands) fn follow_one(
    client: Client,
    slug: &Slug,
    output: &Output,
) -> anyhow::Result<()> {
    let slugs = std::slice::from_ref(slug);
    follow::follow(&Arc::new(client), slugs, &LogsQuery::default(), output)
}

/// Shows records of one function on stderr.
pub(in crate::commands) fn show_beside(output: &Output, records: &[Value]) -> std::io::Result<()> {
    records
        .iter()
        .try_for_each(|record| output.beside(|human| render::line(human, record, None)))
}

/// Shows a record of the only function.
pub(in crate::commands) fn show_record(
    output: &Output,
    slugs: &[Slug],
    slug: &Slug,
    json: &str,
) -> std::io::Result<()> {
    render::show(output, slugs, slug, json)
}

fn show_stored(
    client: &Client,
    slugs: &[Slug],
    query: &LogsQuery,
    output: &Output,
) -> anyhow::Result<()> {
    let mut shown = 0_usize;
    let mut show = |slug: &Slug, json: &str| {
        shown += 1;
        render::show(output, slugs, slug, json)
    };
    if let [slug] = slugs {
        for line in client.logs(slug).read(query)? {
            show(slug, &line?)?;
        }
    } else {
        let mut all = Vec::new();
        for slug in slugs {
            for line in client.logs(slug).read(query)? {
                let line = line?;
                all.push((render::time_of(&line), slug, line));
            }
        }
        // The sort is stable, so that records of one function keep their order.
        all.sort_by_key(|(time, ..)| *time);
        for (_, slug, line) in &all {
            show(slug, line)?;
        }
    }
    output.human(|human| human.closing(&format!("Fetched {shown} logs")))?;
    Ok(())
}

/// Returns the leading arguments that are slugs, and the other arguments joined to one filter.
fn slugs_and_filter(args: &ReadArgs) -> (Vec<Slug>, Option<String>) {
    let (mut slugs, mut filter) = (Vec::new(), Vec::new());
    for argument in &args.slugs_or_filter {
        match argument.parse::<Slug>() {
            Ok(slug) if filter.is_empty() => slugs.push(slug),
            _ => filter.push(argument.as_str()),
        }
    }
    filter.extend(args.filter.as_deref());
    let filter = (!filter.is_empty()).then(|| filter.join(" "));
    (slugs, filter)
}
