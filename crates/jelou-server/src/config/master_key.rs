//! Settings of the master key.

use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MasterKey {
    /// The program that prints the key, with its arguments. Empty: the key is in a file of the data folder.
    #[serde(default)]
    pub command: Vec<String>,
}
