//! `jelou functions info`.

use std::io;

use jelou_core::api::{Function, Traffic, TrafficReport};
use serde::Serialize;

use crate::cli::functions::InfoArgs;
use crate::context::Context;
use crate::output::{Breadcrumb, Human, zoned_date};
use crate::project::function_or_here;

/// A function and its calls in the last 24 hours.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    #[serde(flatten)]
    function: &'a Function,
    last24_hours: &'a TrafficReport,
}

pub(crate) fn run(args: InfoArgs, context: &Context) -> anyhow::Result<()> {
    let slug = function_or_here(args.slug)?;
    let client = context.client()?;
    let function = client.functions().get(&slug)?;
    let traffic = client.functions().traffic(&slug)?;
    let info = Info {
        function: &function,
        last24_hours: &traffic,
    };
    context.output.result_with(
        &info,
        &[
            Breadcrumb::new(format!("jelou tokens list {slug}"), "See its tokens"),
            Breadcrumb::new(format!("jelou previews list {slug}"), "See its previews"),
        ],
        |human| {
            show(human, &function)?;
            show_traffic(human, &traffic)
        },
    )?;
    Ok(())
}

pub(super) fn show(human: &mut Human, function: &Function) -> io::Result<()> {
    human.item(&format!("Slug:        {}", function.slug))?;
    human.item(&format!("ID:          {}", function.id))?;
    if let Some(name) = &function.name {
        human.item(&format!("Name:        {name}"))?;
    }
    if let Some(description) = &function.description {
        human.item(&format!("Description: {description}"))?;
    }
    human.item(&format!("URL:         {}", function.url))?;
    if let Some(url) = &function.local_url {
        human.item(&format!("or:          {url}"))?;
    }
    human.item(&match &function.live_deployment {
        Some(deployment) => format!("Deployment:  {deployment}"),
        None => "Deployment:  none yet".to_owned(),
    })?;
    match function.keep_warm {
        0 => {}
        1 => human.item("Keep warm:   1 process")?,
        count => human.item(&format!("Keep warm:   {count} processes"))?,
    }
    human.item(&format!("Tokens:      {}", function.tokens))?;
    human.item(&format!("Secrets:     {}", function.secrets))?;
    if function.previews > 0 {
        human.item(&format!("Previews:    {}", function.previews))?;
    }
    human.item(&format!("Created:     {}", zoned_date(function.created_at)))?;
    human.item(&format!("Updated:     {}", zoned_date(function.updated_at)))
}

fn show_traffic(human: &mut Human, report: &TrafficReport) -> io::Result<()> {
    let Traffic {
        calls,
        refused,
        errors,
        cold_starts,
        p50_ms,
        p95_ms,
        p99_ms,
        ..
    } = &report.total;
    if *calls == 0 {
        return human.item("Last 24 h:   no calls");
    }
    let count = |count: u64, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    human.item(&format!(
        "Last 24 h:   {}, {refused} refused (4xx), {} (5xx), {}",
        count(*calls, "call", "calls"),
        count(*errors, "error", "errors"),
        count(*cold_starts, "cold start", "cold starts"),
    ))?;
    if let (Some(p50), Some(p95), Some(p99)) = (p50_ms, p95_ms, p99_ms) {
        human.item(&format!(
            "Latency:     p50 {}, p95 {}, p99 {}",
            milliseconds(*p50),
            milliseconds(*p95),
            milliseconds(*p99)
        ))?;
    }
    let points = report.points.iter();
    let counts: Vec<_> = points.map(|point| point.traffic.calls).collect();
    human.item(&format!("By hour:     {}", sparkline(&counts)))
}

fn milliseconds(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

/// Returns one bar for each count. Only a count of zero has no bar.
fn sparkline(counts: &[u64]) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let bar = |count: &u64| {
        let height = (count * 8).div_ceil(most);
        usize::try_from(height).map_or(' ', |height| BARS[height.min(8)])
    };
    counts.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_shows_the_smallest_count() {
        assert_eq!(sparkline(&[0, 1, 500, 1000]), " ▁▄█");
        assert_eq!(sparkline(&[0, 0]), "  ");
        assert_eq!(sparkline(&[3]), "█");
    }
}
