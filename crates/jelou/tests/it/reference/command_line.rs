//! Generates the page of the command line from `jelou --describe`.

use std::fmt::Write as _;

use serde::Deserialize;

#[derive(Deserialize, PartialEq)]
pub(super) struct Described {
    name: String,
    about: String,
    args: Vec<Argument>,
    subcommands: Vec<Described>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Argument {
    kind: Kind,
    #[serde(default)]
    flags: Vec<String>,
    about: Option<String>,
    value_name: Option<String>,
    required: bool,
    repeatable: bool,
    default: Option<String>,
    #[serde(default)]
    possible_values: Vec<String>,
    env: Option<String>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Positional,
    Option,
    Switch,
}

pub(super) fn page(root: &Described) -> String {
    let mut page = format!(
        "# Command line\n\n<!-- Made by `make docs` from `jelou --describe`. -->\n\n\
         {}. `jelou <command> --help` says the same in a terminal, `--describe` as JSON.\n\n\
         ## Everywhere\n\n{}",
        root.about,
        table(&root.args)
    );
    for command in &root.subcommands {
        write_command(&mut page, command, root);
    }
    page
}

fn write_command(page: &mut String, command: &Described, root: &Described) {
    let Described { name, about, .. } = command;
    if let Some(same) = short_form(command, root) {
        let _ = write!(page, "\n## `{name}`\n\nThe same as `{}`.\n", same.name);
        return;
    }
    // A command with subcommands can have arguments of its own (`jelou logs`).
    if command.subcommands.is_empty() || !command.args.is_empty() {
        let about = about.trim_end_matches('.').replacen("\n\n", ".\n\n", 1);
        let arguments = match &command.args[..] {
            [] => "Takes no arguments of its own.\n".to_owned(),
            arguments => table(arguments),
        };
        let _ = write!(page, "\n## `{name}`\n\n{about}.\n\n{arguments}");
    }
    for subcommand in &command.subcommands {
        write_command(page, subcommand, root);
    }
}

/// Finds the short form: `jelou functions deploy` equals `jelou deploy`, so it gets a line instead of a section.
fn short_form<'a>(command: &Described, root: &'a Described) -> Option<&'a Described> {
    let short = command.name.strip_prefix("jelou functions ")?;
    let same = root
        .subcommands
        .iter()
        .find(|other| other.name == format!("jelou {short}"))?;
    (same.about == command.about && same.args == command.args).then_some(same)
}

fn table(arguments: &[Argument]) -> String {
    let rows = arguments.iter().map(|argument| {
        format!(
            "| {} | {} | {} |\n",
            cell(&argument.spelled()),
            cell(argument.about.as_deref().unwrap_or_default()),
            argument.notes()
        )
    });
    format!(
        "| argument | meaning | |\n|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

/// Removes bars and line breaks, which would break a table.
fn cell(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ").replace('|', "\\|")
}

impl Argument {
    fn spelled(&self) -> String {
        let value = format!("`<{}>`", self.value_name.as_deref().unwrap_or_default());
        match self.kind {
            Kind::Positional => value,
            Kind::Option => format!("{} {value}", code(&self.flags)),
            Kind::Switch => code(&self.flags),
        }
    }

    fn notes(&self) -> String {
        let notes = [
            self.required.then(|| "required".to_owned()),
            self.repeatable.then(|| "repeatable".to_owned()),
            (!self.possible_values.is_empty())
                .then(|| format!("one of {}", code(&self.possible_values))),
            self.default
                .as_ref()
                .map(|value| format!("default `{value}`")),
            self.env
                .as_ref()
                .map(|name| format!("environment: `{name}`")),
        ];
        notes.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

fn code(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}
