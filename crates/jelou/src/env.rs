//! Every environment variable that the command line reads.
//!
//! Common variables such as `NO_COLOR`, `CLICOLOR`, `TZ`, `HOME` and `HTTPS_PROXY` are read by libraries.

/// Access token for the management API; goes before the active profile and after `--profile`.
pub(crate) const JELOU_TOKEN: &str = "JELOU_TOKEN";

/// Address of the management API; goes before the active profile and after `--profile`.
pub(crate) const JELOU_API_URL: &str = "JELOU_API_URL";

/// `1` keeps output for people where stdout is not a terminal, as `--human` does.
pub(crate) const JELOU_FORCE_HUMAN_OUTPUT: &str = "JELOU_FORCE_HUMAN_OUTPUT";

/// Address that `jelou serve` listens on.
pub(crate) const JELOU_LISTEN: &str = "JELOU_LISTEN";

/// Folder that `jelou serve` keeps everything in.
pub(crate) const JELOU_DATA: &str = "JELOU_DATA";

/// Domain whose sub-domains are the functions of `jelou serve`.
pub(crate) const JELOU_DOMAIN: &str = "JELOU_DOMAIN";

/// Configuration file of `jelou serve`.
pub(crate) const JELOU_CONFIG: &str = "JELOU_CONFIG";

/// What `jelou serve` logs: a level, or directives such as `info,function=debug` [default: info].
pub(crate) const JELOU_LOG: &str = "JELOU_LOG";

/// Set by continuous integration services: nobody is there to answer a prompt.
pub(crate) const CI: &str = "CI";

/// Set by GitHub Actions: lines that start with `::` are commands of the job's runner.
pub(crate) const GITHUB_ACTIONS: &str = "GITHUB_ACTIONS";

/// The variable's value, where an empty one counts as unset.
pub(crate) fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the variable is set to something other than a plain "no".
pub(crate) fn is_on(name: &str) -> bool {
    read(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}
