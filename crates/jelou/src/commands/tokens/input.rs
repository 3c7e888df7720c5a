//! Reads a text that contains tokens, from stdin or a file. Error messages never contain a part of it.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use jelou_token::scan;
use zeroize::Zeroizing;

use crate::exit::Failure;

/// Maximum bytes of the input. One byte more is read, to detect longer input.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

pub(in crate::commands) struct Input(Zeroizing<String>);

impl Input {
    /// # Errors
    /// When the input cannot be read, is larger than 16 MiB, or is typed at a terminal.
    pub(in crate::commands) fn read(path: &Path) -> anyhow::Result<Self> {
        if path != Path::new("-") {
            let file = fs_err::File::open(path)
                .map_err(|error| Failure::input("the file cannot be read").because(error))?;
            return Self::of(file);
        }
        let stdin = io::stdin();
        if stdin.is_terminal() {
            return Err(
                Failure::input("stdin is a terminal, where values would stay visible")
                    .hint("pipe the text: `jelou tokens inspect - < leak.txt`")
                    .into(),
            );
        }
        Self::of(stdin.lock())
    }

    fn of(reader: impl Read) -> anyhow::Result<Self> {
        let mut bytes = Zeroizing::new(Vec::new());
        reader
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::input("the input cannot be read").because(error))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Failure::input("the input is larger than 16 MiB")
                .hint("split it into several files")
                .into());
        }
        // Invalid UTF-8 may be replaced, because tokens are ASCII.
        Ok(Self(Zeroizing::new(
            String::from_utf8_lossy(&bytes).into_owned(),
        )))
    }

    /// Returns each distinct text that has the form of a token, in order of first occurrence.
    pub(in crate::commands) fn tokens(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        scan(&self.0)
            .map(|found| found.value)
            .filter(|value| seen.insert(*value))
            .collect()
    }

    /// Returns words that start like a token, but do not have its form.
    pub(super) fn fragments(&self) -> Vec<&str> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        self.0
            .split(|c| !is_word(c))
            .filter(|word| word.starts_with("jfn_") && scan(word).next().is_none())
            .collect()
    }
}

pub(in crate::commands) fn no_token() -> Failure {
    Failure::validation("the input contains no token")
        .hint("a runtime token starts with jfn_rt_, an access token with jfn_pat_")
}
