//! Checks that every file that a bundle embeds as bytes belongs to the upload.
//!
//! The bundler omits such files from the source map. The import graph does not list all of them either: the bundler can
//! compute an import specifier from a constant enum (`import(Place.Secret, { with: { type: "bytes" } })`), and the
//! import graph cannot. Therefore the bytes are compared.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Name of the bundler's function that decodes bytes. The bundler appends a number when the upload uses the same name.
const DECODER: &str = "__toBinary";

/// Whether the bundle embeds bytes that match no file of the upload.
pub(super) fn has_foreign_bytes(bundle: &str, mut files: impl Iterator<Item = Vec<u8>>) -> bool {
    let mut own: Option<Vec<String>> = None;
    let mut rest = bundle;
    while let Some(at) = rest.find(DECODER) {
        rest = &rest[at + DECODER.len()..];
        let after_name = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let Some(literal) = after_name.strip_prefix("(\"") else {
            continue;
        };
        let encoded = literal.split('"').next().unwrap_or_default();
        let own = own.get_or_insert_with(|| {
            files
                .by_ref()
                .map(|content| STANDARD.encode(content))
                .collect()
        });
        if !own.iter().any(|file| file == encoded) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaks(bundle: &str) -> bool {
        has_foreign_bytes(bundle, [b"own file\n".to_vec(), Vec::new()].into_iter())
    }

    #[test]
    fn bytes_of_the_upload_pass() {
        let own = STANDARD.encode("own file\n");
        let both = format!("a = __toBinary(\"{own}\"); b = __toBinary2(\"\");");
        for bundle in ["var x = 1;", "var __toBinary = (base64) => 1;", &both] {
            assert!(!leaks(bundle), "{bundle}");
        }
    }

    #[test]
    fn other_bytes_do_not() {
        let own = STANDARD.encode("own file\n");
        let other = STANDARD.encode("root:x:0:0:root:/root:/bin/sh\n");
        for name in ["__toBinary", "__toBinary2", "__toBinaryNode"] {
            let bundle = format!("a = __toBinary(\"{own}\"); b = {name}(\"{other}\");");
            assert!(leaks(&bundle), "{name}");
        }
        let part = STANDARD.encode("own");
        assert!(leaks(&format!("__toBinary(\"{part}\")")));
    }
}
