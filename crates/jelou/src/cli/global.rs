//! Flags that every command accepts.

use std::ffi::OsString;

use clap::Args;

const HEADING: &str = "Global options";

/// Flags that every command accepts, before or after its name.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the switches of the command line; `Output` and `Prompt` turn them into types"
)]
pub(crate) struct GlobalArgs {
    /// Write one JSON object to stdout; the default if stdout is not a terminal
    #[arg(long, global = true, help_heading = HEADING)]
    pub(crate) json: bool,

    /// Write JSON without white space
    #[arg(long, global = true, help_heading = HEADING)]
    pub(crate) compact: bool,

    /// Write text for people, even if stdout is not a terminal
    #[arg(long, global = true, help_heading = HEADING, conflicts_with_all = ["json", "agent"])]
    pub(crate) human: bool,

    /// Never ask; fail if an answer is needed
    #[arg(long, global = true, help_heading = HEADING)]
    pub(crate) no_input: bool,

    /// For programs: --json, --compact and --no-input, without colour
    #[arg(long, global = true, help_heading = HEADING)]
    pub(crate) agent: bool,

    /// Print the command's arguments and subcommands as JSON, and do nothing else
    #[arg(long, global = true, help_heading = HEADING)]
    pub(crate) describe: bool,

    /// Credentials to use, by name; `login` saves under this name
    #[arg(long, global = true, value_name = "NAME", help_heading = HEADING)]
    pub(crate) profile: Option<String>,
}

impl GlobalArgs {
    /// Finds the flags that matter for output in arguments that clap cannot parse.
    pub(crate) fn glean(arguments: &[OsString]) -> Self {
        let has = |flag: &str| {
            arguments
                .iter()
                .take_while(|argument| *argument != "--")
                .any(|argument| argument == flag)
        };
        Self {
            json: has("--json"),
            compact: has("--compact"),
            human: has("--human"),
            no_input: has("--no-input"),
            agent: has("--agent"),
            describe: has("--describe"),
            profile: None,
        }
    }
}
