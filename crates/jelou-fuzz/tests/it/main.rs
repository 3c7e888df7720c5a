//! Every fuzz target on random input, and on the corpus.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use jelou_fuzz::TARGETS;
use proptest::prelude::*;

fn corpus(target: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    folder.join(target)
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(corpus(target)).unwrap();
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn each_target_has_a_program_and_a_corpus() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    for (name, check) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        for seed in &seeds {
            check(seed);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_break_a_rule(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (_, check) in TARGETS {
            check(&data);
        }
    }

    #[test]
    fn no_text_breaks_a_rule(text in "[ -~\\n]{0,120}") {
        for (_, check) in TARGETS {
            check(text.as_bytes());
        }
    }

    /// A seed with one replaced, inserted or removed byte gets further into a parser than random bytes.
    #[test]
    fn no_changed_seed_breaks_a_rule(seed in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3) {
        for (name, check) in TARGETS {
            let seeds = seeds(name);
            let mut data = seed.get(&seeds).clone();
            let at = at.index(data.len().max(1));
            match kind {
                0 if at < data.len() => data[at] = byte,
                1 if at < data.len() => drop(data.remove(at)),
                _ => data.insert(at.min(data.len()), byte),
            }
            check(&data);
        }
    }
}
