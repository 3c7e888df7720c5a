//! `--describe`: describes the command line as JSON, for programs that build commands from it.
//!
//! Handled before clap parses the arguments, so that required arguments may be missing.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, CommandFactory, ValueHint};
use serde::Serialize;

use crate::cli::Cli;
use crate::output::Output;

const FLAG: &str = "--describe";

pub(crate) fn is_wanted(arguments: &[OsString]) -> bool {
    before_dashes(arguments).any(|argument| argument == FLAG)
}

/// Prints the description of the command that `arguments` name.
pub(crate) fn print(output: &Output, arguments: &[OsString]) -> anyhow::Result<()> {
    let mut root = Cli::command();
    root.build();
    let command = named(&root, arguments);
    output.bare_json(&CommandSchema::new(command, &root))?;
    Ok(())
}

fn before_dashes(arguments: &[OsString]) -> impl Iterator<Item = &OsString> {
    arguments
        .iter()
        .skip(1)
        .take_while(|argument| *argument != "--")
}

/// Finds the named subcommand. Skips flags and their values.
fn named<'a>(root: &'a Command, arguments: &[OsString]) -> &'a Command {
    let mut command = root;
    let mut is_value = false;
    for argument in before_dashes(arguments).filter_map(|argument| argument.to_str()) {
        if std::mem::take(&mut is_value) {
            continue;
        }
        if let Some(flag) = argument.strip_prefix("--") {
            is_value = command
                .get_arguments()
                .any(|known| known.get_long() == Some(flag) && known.get_action().takes_values());
        } else if let Some(subcommand) = command.find_subcommand(argument) {
            command = subcommand;
        }
    }
    command
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommandSchema {
    /// The full name, as a user types it.
    name: String,
    about: Option<String>,
    args: Vec<ArgumentSchema>,
    subcommands: Vec<CommandSchema>,
}

impl CommandSchema {
    /// Describes a command. Only the description of `root` includes the global flags.
    fn new(command: &Command, root: &Command) -> Self {
        let name = command.get_bin_name().unwrap_or(command.get_name());
        Self {
            name: name.to_owned(),
            about: command
                .get_long_about()
                .or_else(|| command.get_about())
                .map(ToString::to_string),
            args: command
                .get_arguments()
                .filter(|argument| std::ptr::eq(command, root) || !is_shared(argument, root))
                .filter(|argument| !argument.is_hide_set() && argument.get_id() != "help")
                .map(ArgumentSchema::new)
                .collect(),
            subcommands: command
                .get_subcommands()
                .filter(|subcommand| !subcommand.is_hide_set())
                .map(|subcommand| Self::new(subcommand, root))
                .collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArgumentSchema {
    name: String,
    kind: ArgumentKind,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<String>,
    about: Option<String>,
    r#type: &'static str,
    /// The name of the value in the usage line.
    #[serde(skip_serializing_if = "Option::is_none")]
    value_name: Option<String>,
    required: bool,
    repeatable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    possible_values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ArgumentKind {
    Positional,
    Option,
    Switch,
}

impl ArgumentSchema {
    fn new(argument: &Arg) -> Self {
        let takes_values = argument.get_action().takes_values();
        Self {
            name: argument.get_id().to_string(),
            kind: match (argument.is_positional(), takes_values) {
                (true, _) => ArgumentKind::Positional,
                (false, true) => ArgumentKind::Option,
                (false, false) => ArgumentKind::Switch,
            },
            flags: flags(argument),
            about: argument.get_help().map(ToString::to_string),
            r#type: type_name(argument),
            value_name: argument
                .get_value_names()
                .and_then(|names| names.first())
                .filter(|_| takes_values)
                .map(ToString::to_string),
            required: argument.is_required_set(),
            repeatable: matches!(argument.get_action(), ArgAction::Append),
            default: argument
                .get_default_values()
                .first()
                .filter(|_| takes_values)
                .map(|value| value.to_string_lossy().into_owned()),
            possible_values: if takes_values {
                argument
                    .get_possible_values()
                    .iter()
                    .map(|value| value.get_name().to_owned())
                    .collect()
            } else {
                Vec::new()
            },
            env: argument
                .get_env()
                .map(|name| name.to_string_lossy().into_owned()),
        }
    }
}

fn is_shared(argument: &Arg, root: &Command) -> bool {
    root.get_arguments()
        .any(|shared| shared.is_global_set() && shared.get_id() == argument.get_id())
}

fn flags(argument: &Arg) -> Vec<String> {
    let short = argument
        .get_short_and_visible_aliases()
        .unwrap_or_default()
        .into_iter()
        .map(|short| format!("-{short}"));
    let long = argument
        .get_long_and_visible_aliases()
        .unwrap_or_default()
        .into_iter()
        .map(|long| format!("--{long}"));
    long.chain(short).collect()
}

/// Returns the name of a JSON Schema type, or `path`.
fn type_name(argument: &Arg) -> &'static str {
    if !argument.get_action().takes_values() {
        return "boolean";
    }
    let held = argument.get_value_parser().type_id();
    if held == TypeId::of::<u32>() || held == TypeId::of::<i64>() {
        "integer"
    } else if held == TypeId::of::<PathBuf>() || argument.get_value_hint() == ValueHint::AnyPath {
        "path"
    } else {
        "string"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(line: &str) -> String {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let mut root = Cli::command();
        root.build();
        CommandSchema::new(named(&root, &arguments), &root).name
    }

    #[test]
    fn the_command_is_found_wherever_the_flags_stand() {
        for (line, name) in [
            ("jelou --describe", "jelou"),
            ("jelou tokens create --describe", "jelou tokens create"),
            ("jelou --describe tokens create x", "jelou tokens create"),
            ("jelou --profile tokens deploy --describe", "jelou deploy"),
            (
                "jelou functions tokens --json --describe",
                "jelou functions tokens",
            ),
        ] {
            assert_eq!(name_of(line), name, "{line}");
        }
    }

    #[test]
    fn what_stands_after_two_dashes_is_no_flag() {
        let line = ["jelou", "deploy", "--", "--describe"].map(OsString::from);
        assert!(!is_wanted(&line));
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
