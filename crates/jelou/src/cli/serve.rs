//! Arguments of `jelou serve`.

use std::path::PathBuf;

use clap::Args;

use crate::env;

/// Run the server
///
/// Settings that are not given here come from the environment, then from the configuration file, then from the
/// defaults.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 selects a free port [default: 127.0.0.1:4400]
    #[arg(long, value_name = "ADDRESS", env = env::JELOU_LISTEN, hide_env_values = true)]
    pub(crate) listen: Option<String>,

    /// Separate address for the management API; the other address then serves only functions
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) api_listen: Option<String>,

    /// Data folder of the server
    #[arg(long, value_name = "DIR", env = env::JELOU_DATA, hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,

    /// Domain whose sub-domains are the functions [default: fn.localhost]
    #[arg(long, value_name = "DOMAIN", env = env::JELOU_DOMAIN, hide_env_values = true)]
    pub(crate) domain: Option<String>,

    /// Certificate for HTTPS, in PEM, followed by its intermediate certificates
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// PostgreSQL database, for several servers [default: a SQLite file in the data folder]
    ///
    /// `postgres://USER:PASSWORD@HOST:5432/DATABASE`. Other users of the machine can see arguments; the variable
    /// `JELOU_DATABASE__URL` hides the password from them.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,

    /// Configuration file
    #[arg(long, value_name = "FILE", env = env::JELOU_CONFIG, hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}
