//! Reads the configuration files of other tools: JSON with comments, and TOML.

use jsonc_parser::ParseOptions;
use serde_json::{Map, Value};

/// Names of wrangler's configuration file, in the order in which wrangler searches for them.
pub const WRANGLER: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// Returns the settings in a file, or `None` if it cannot be parsed. The tool that owns the file reports its errors.
pub fn settings(file: &str, content: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(content).ok()?;
    let text = text.trim_start_matches('\u{feff}');
    if file == WRANGLER[2] {
        return toml::from_str(text).ok();
    }
    jsonc_parser::parse_to_serde_value(text, &ParseOptions::default()).ok()
}
