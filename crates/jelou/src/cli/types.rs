//! Arguments of `jelou types`.

use std::path::PathBuf;

use clap::Args;

/// Write the types of the project's secrets, and of other functions
///
/// The types are in `.jelou/types/`, where `@jelou/functions` finds them. With the names of `.env`, a wrong name in
/// `ctx.env.get` is an error in the editor and in `deno check`. `jelou dev` writes them too, when `.env` changes.
#[derive(Debug, Args)]
pub(crate) struct TypesArgs {
    /// Folder of the project
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,

    /// File with the secrets; by default `.env` in the project's folder, if there is one
    #[arg(long = "env", value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Also write the input and output types of the server's functions that the access token can read
    #[arg(long)]
    pub(crate) remote: bool,
}
