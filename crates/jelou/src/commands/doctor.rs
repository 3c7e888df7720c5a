//! `jelou doctor`.

use jelou_server::doctor::{self, Check, State};
use jelou_server::{Config, Overrides};
use serde::Serialize;

use super::backup;
use crate::cli::doctor::DoctorArgs;
use crate::context::Context;
use crate::exit::{Failure, Shown};

#[derive(Serialize)]
struct Report<'a> {
    healthy: bool,
    checks: &'a [Check],
}

pub(super) fn run(args: DoctorArgs, context: &Context) -> anyhow::Result<()> {
    let overrides = Overrides {
        data: args.data,
        listen: args.listen,
        ..Overrides::default()
    };
    let config = Config::load(args.config.as_deref(), &overrides)
        .map_err(|error| Failure::validation(error.to_string()))?;
    let checks = backup::runtime()?.block_on(doctor::examine(&config));
    let healthy = checks.iter().all(|check| check.state != State::Wrong);
    let report = Report {
        healthy,
        checks: &checks,
    };
    context.output.result(&report, |human| {
        for check in &checks {
            let hint = check
                .hint
                .map_or_else(String::new, |hint| format!("\nhint: {hint}"));
            let line = format!("{}: {}{hint}", check.name, check.detail);
            match check.state {
                State::Good => human.success(&line)?,
                State::Missing => human.warning(&line)?,
                State::Wrong => human.failure(&line)?,
            }
        }
        Ok(())
    })?;
    if healthy { Ok(()) } else { Err(Shown.into()) }
}
