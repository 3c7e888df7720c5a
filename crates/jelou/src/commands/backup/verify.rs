//! `jelou backup verify`.

use super::{Input, Summary, advise_keys, config_of};
use crate::cli::backup::VerifyArgs;
use crate::context::Context;
use crate::exit::Failure;

pub(super) fn run(args: VerifyArgs, context: &Context) -> anyhow::Result<()> {
    let config = config_of(args.server)?;
    let contents = jelou_server::backup::verify(Input::open(&args.file)?)
        .map_err(|error| Failure::validation(error.to_string()).because(error))?;
    let summary = Summary::of(&contents);
    context.output.result(&Summary::of(&contents), |human| {
        human.success("The backup is complete and undamaged")?;
        summary.show(human)
    })?;
    advise_keys(&config, &contents, context)
}
