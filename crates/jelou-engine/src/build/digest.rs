//! The digest of a build's input. Equal digests mean equal builds, if the registry returns the same packages.

use jelou_core::SourceTree;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Returns the SHA-256 of the upload, of its entrypoint, assets and settings, and of the name of the toolchain.
pub(crate) fn digest(tree: &SourceTree, settings: &Map<String, Value>, toolchain: &str) -> String {
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // A length prefix makes the boundaries between parts unambiguous.
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    part(toolchain.as_bytes());
    part(tree.entrypoint().as_bytes());
    for (name, value) in settings {
        part(name.as_bytes());
        part(value.to_string().as_bytes());
    }
    part(b"");
    for file in tree.files() {
        part(file.path.as_bytes());
        part(&file.content);
        let is_asset = tree.assets().contains(&file.path);
        part(&[u8::from(is_asset)]);
    }
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use jelou_core::source::Declared;
    use jelou_core::{Limits, SourceFile};

    use super::*;

    fn tree(files: &[(&str, &str)], entrypoint: &str, assets: &[String]) -> SourceTree {
        let files = files.iter();
        let files = files.map(|(path, content)| SourceFile::new(*path, (*content).to_owned()));
        let declared = Declared {
            entrypoint: Some(entrypoint),
            assets,
        };
        let limits = Limits::default().upload();
        SourceTree::new(files.collect(), declared, &limits).unwrap()
    }

    #[test]
    fn the_digest_depends_on_every_part_but_not_on_the_order_of_files() {
        let none = Map::new();
        let digest = |tree: &SourceTree, toolchain: &str| digest(tree, &none, toolchain);
        let one = tree(&[("a.ts", "1"), ("b.ts", "2")], "a.ts", &[]);
        let same = tree(&[("b.ts", "2"), ("a.ts", "1")], "a.ts", &[]);
        assert_eq!(digest(&one, "t"), digest(&same, "t"));
        for other in [
            tree(&[("a.ts", "1"), ("b.ts", "3")], "a.ts", &[]),
            tree(&[("a.ts", "1"), ("c.ts", "2")], "a.ts", &[]),
            tree(&[("a.ts", "1"), ("b.ts", "2")], "b.ts", &[]),
            tree(&[("a.ts", "1")], "a.ts", &[]),
            tree(
                &[("a.ts", "1"), ("b.ts", "2")],
                "a.ts",
                &["b.ts".to_owned()],
            ),
        ] {
            assert_ne!(digest(&one, "t"), digest(&other, "t"));
        }
        assert_ne!(digest(&one, "t"), digest(&one, "u"));
        let settings = Map::from_iter([("timeout".to_owned(), 1.into())]);
        assert_ne!(digest(&one, "t"), super::digest(&one, &settings, "t"));
    }
}
