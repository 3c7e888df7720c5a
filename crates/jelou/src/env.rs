//! All environment variables that the command line reads.
//!
//! Libraries read common variables such as `NO_COLOR`, `CLICOLOR`, `TZ`, `HOME` and `HTTPS_PROXY`.

/// Access token for the management API. Takes precedence over the active profile, but not over `--profile`.
pub(crate) const JELOU_TOKEN: &str = "JELOU_TOKEN";

/// Address of the management API. Takes precedence over the active profile, but not over `--profile`.
pub(crate) const JELOU_API_URL: &str = "JELOU_API_URL";

/// `1` selects output for human readers even if stdout is not a terminal, like `--human`.
pub(crate) const JELOU_FORCE_HUMAN_OUTPUT: &str = "JELOU_FORCE_HUMAN_OUTPUT";

/// Runtime token that `jelou call` sends.
pub(crate) const JELOU_FUNCTION_TOKEN: &str = "JELOU_FUNCTION_TOKEN";

/// Identity token of a pipeline, such as GitLab's `id_tokens`; used where no other credential is set.
pub(crate) const JELOU_ID_TOKEN: &str = "JELOU_ID_TOKEN";

/// Set by GitHub Actions in jobs with `id-token: write`: where to get the identity token of the job.
pub(crate) const ACTIONS_ID_TOKEN_REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";

/// Set by GitHub Actions in jobs with `id-token: write`: authorises the request for the identity token.
pub(crate) const ACTIONS_ID_TOKEN_REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// Address that `jelou serve` listens on.
pub(crate) const JELOU_LISTEN: &str = "JELOU_LISTEN";

/// Data folder of `jelou serve`.
pub(crate) const JELOU_DATA: &str = "JELOU_DATA";

/// Domain of `jelou serve`. Its subdomains are the functions.
pub(crate) const JELOU_DOMAIN: &str = "JELOU_DOMAIN";

/// Configuration file of `jelou serve`.
pub(crate) const JELOU_CONFIG: &str = "JELOU_CONFIG";

/// Log filter of `jelou serve`: a level, or directives such as `info,function=debug` [default: info].
pub(crate) const JELOU_LOG: &str = "JELOU_LOG";

/// Set by continuous integration services, where no user can answer a prompt.
pub(crate) const CI: &str = "CI";

/// Set by GitHub Actions, whose runner executes output lines that start with `::` as commands.
pub(crate) const GITHUB_ACTIONS: &str = "GITHUB_ACTIONS";

/// Returns the value of a variable. An empty value is treated as unset.
pub(crate) fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the variable is set to a value other than `0` and `false`.
pub(crate) fn is_on(name: &str) -> bool {
    read(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}
