//! Hints for commands and flags that other tools have. clap only suggests words with similar letters.

/// A command, words that users of other tools type after it, and the hint.
type Habit = (&'static str, &'static [&'static str], &'static str);

const HABITS: [Habit; 15] = [
    (
        "jelou",
        &["run", "start", "server", "up", "watch"],
        "`jelou dev` serves the project here, `jelou serve` starts a server",
    ),
    (
        "jelou",
        &["new", "create", "generate"],
        "`jelou init` starts a project",
    ),
    (
        "jelou",
        &["invoke", "curl"],
        "`jelou call` calls a function",
    ),
    (
        "jelou",
        &["publish", "push", "release", "ship"],
        "`jelou deploy` makes a function live",
    ),
    (
        "jelou",
        &["env", "vars", "variables", "config", "dotenv"],
        "`jelou secrets` manages the variables of a function",
    ),
    (
        "jelou",
        &["tail"],
        "`jelou logs` follows what functions write",
    ),
    ("jelou", &["undo", "revert"], "`jelou rollback` goes back"),
    (
        "jelou",
        &["ls", "list", "ps"],
        "`jelou functions list` shows the functions",
    ),
    (
        "jelou",
        &["rm", "remove", "delete", "destroy"],
        "`jelou functions delete SLUG` deletes a function",
    ),
    ("jelou", &["version"], "`jelou --version`"),
    (
        "jelou functions",
        &["rm", "remove", "destroy"],
        "`jelou functions delete SLUG` deletes a function",
    ),
    (
        "jelou tokens",
        &["rm", "remove", "delete"],
        "`jelou tokens revoke SLUG TOKEN` ends a token",
    ),
    (
        "jelou tokens",
        &["get", "show", "view"],
        "a token is shown once, when it is created; `jelou tokens rotate` gives it a new value",
    ),
    (
        "jelou secrets",
        &["get", "show", "view", "pull"],
        "values are never shown again; `jelou secrets list` shows the keys",
    ),
    (
        "jelou secrets",
        &["rm", "remove", "unset"],
        "`jelou secrets delete SLUG KEY` deletes a secret",
    ),
];

const FLAGS: [Habit; 3] = [
    (
        "jelou serve",
        &["--port", "-p", "--host"],
        "`--listen 127.0.0.1:4400` sets address and port",
    ),
    (
        "jelou secrets set",
        &["--env-file", "--file", "-f"],
        "`--from-env FILE` reads a .env file",
    ),
    (
        "jelou deploy",
        &["--name", "--slug", "--project-ref"],
        "`--function SLUG` names the function",
    ),
];

/// Returns the hint for an unknown subcommand of the command at `path`, such as `jelou tokens`.
pub(crate) fn for_subcommand(path: &str, word: &str) -> Option<&'static str> {
    find(&HABITS, path, word)
}

/// Returns the hint for an unknown flag, with or without a value.
pub(crate) fn for_flag(path: &str, flag: &str) -> Option<&'static str> {
    find(&FLAGS, path, flag.split('=').next().unwrap_or(flag))
}

fn find(habits: &[Habit], path: &str, word: &str) -> Option<&'static str> {
    habits
        .iter()
        .find(|(command, words, _)| *command == path && words.contains(&word))
        .map(|(_, _, advice)| *advice)
}
