//! The `jelou` binary: the command line. One of its commands is the server.
//!
//! `cli/` defines the arguments, and `commands/` the behaviour, with one file per command. `output/` owns stdout and
//! stderr, `prompt/` asks questions, and `exit` turns an error into a message and an exit code.

mod cli;
mod commands;
mod context;
mod describe;
mod env;
mod exit;
mod habits;
mod interrupt;
mod near_slug;
mod new_token;
mod output;
mod panic;
mod profile;
mod project;
mod prompt;
mod step;
mod waiting;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::cli::{Cli, GlobalArgs};
use crate::context::Context;
use crate::output::Output;

/// Makes the few allocations of each call in the gateway cheaper ([095](../../../docs/decisions/095-allocator.md)).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    disable_core_dumps();
    panic::hide_values();
    let arguments = help_as_flag(std::env::args_os().collect());
    if describe::is_wanted(&arguments) {
        let output = Output::new(&GlobalArgs::glean(&arguments));
        return match describe::print(&output, &arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => exit::report(&output, &error),
        };
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&Output::new(&GlobalArgs::glean(&arguments)), &error),
    };
    let context = Context::new(cli.global);
    match commands::run(cli.command, &context) {
        Ok(()) if context.output.is_complete() => ExitCode::SUCCESS,
        // A warning has named the servers that have not applied the change.
        Ok(()) => ExitCode::FAILURE,
        Err(error) => exit::report(&context.output, &near_slug::suggest(error, &context)),
    }
}

/// Turns `jelou help tokens create` into `jelou tokens create --help`, so that a mistyped command gets a suggestion.
fn help_as_flag(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|first| first == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    arguments
}

/// Disables core dumps of this process and of its children, because a dump would contain tokens and secrets. Lowering a
/// limit cannot fail. The kernel ignores a limit of 0 if a program receives the dumps (`kernel.core_pattern` with `|`). A
/// limit of 1 stops those too, and a file of one byte is too small for any dump.
fn disable_core_dumps() {
    let none = Rlimit {
        current: Some(1),
        maximum: Some(1),
    };
    let _ = setrlimit(Resource::Core, none);
}
