//! Arguments of `jelou doctor`.

use std::path::PathBuf;

use clap::Args;

use crate::env;

/// Check this machine for the server: the sandbox's layers, the engine, the data folder, disk space and ports
///
/// Ends with status 1 when something is wrong. Nothing is changed, and a running server is not disturbed.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The server's data folder
    #[arg(long, value_name = "DIR", env = env::JELOU_DATA, hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,

    /// Address that the server will listen on
    #[arg(long, value_name = "ADDRESS", env = env::JELOU_LISTEN, hide_env_values = true)]
    pub(crate) listen: Option<String>,

    /// Configuration file
    #[arg(long, value_name = "FILE", env = env::JELOU_CONFIG, hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}
