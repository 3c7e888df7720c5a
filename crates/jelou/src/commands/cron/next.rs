//! `jelou cron next`.

use std::io;

use jiff::Timestamp;

use super::{functions, schedules};
use crate::cli::cron::NextArgs;
use crate::context::Context;
use crate::output::{Human, date_in_zone};

pub(super) fn run(args: NextArgs, context: &Context) -> anyhow::Result<()> {
    let client = context.client()?;
    let slugs = functions(&client, args.slug, args.all)?;
    let schedules = schedules(&client, &slugs, args.count)?;
    context.output.result(&schedules, |human| {
        if schedules.is_empty() {
            return human.item("No schedules");
        }
        for schedule in &schedules {
            let of = if args.all {
                format!("{}: ", schedule.function)
            } else {
                String::new()
            };
            let label = &schedule.label;
            let paused = if schedule.paused { ", paused" } else { "" };
            let (expression, zone) = (&schedule.expression, &schedule.timezone);
            human.item(&format!("{of}{label}: {expression} ({zone}){paused}"))?;
            show_times(human, &schedule.next, zone)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Shows lines such as `  11/30/2026, 8:00:00 AM (UTC-05:00) = 2026-11-30T13:00:00Z`.
pub(in crate::commands) fn show_times(
    human: &mut Human,
    times: &[Timestamp],
    zone: &str,
) -> io::Result<()> {
    for at in times {
        human.item(&format!("  {} = {at}", date_in_zone(*at, zone)))?;
    }
    Ok(())
}
