//! `jelou egress`.

mod change;
mod list;

use std::io;

use jelou_core::EgressRule;
use jelou_core::api::{ChangeEgress, EgressRules};

use crate::cli::egress::EgressCommand;
use crate::context::Context;
use crate::output::Human;

pub(crate) fn run(command: EgressCommand, context: &Context) -> anyhow::Result<()> {
    match command {
        EgressCommand::List(args) => list::run(args, context),
        EgressCommand::Allow(args) => {
            let request = |allow: Vec<EgressRule>| ChangeEgress {
                allow,
                deny: Vec::new(),
            };
            change::run(args.arguments, "Allowed", request, context)
        }
        EgressCommand::Deny(args) => {
            let request = |deny: Vec<EgressRule>| ChangeEgress {
                allow: Vec::new(),
                deny,
            };
            change::run(args.arguments, "Removed", request, context)
        }
    }
}

fn show_warnings(human: &mut Human, rules: &EgressRules) -> io::Result<()> {
    let mut warnings = rules.warnings.iter();
    warnings.try_for_each(|warning| human.warning(warning))
}
