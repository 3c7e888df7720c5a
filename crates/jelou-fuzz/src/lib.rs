//! The checks of the fuzz targets in `fuzz/`: each function takes arbitrary bytes and panics if a parser breaks a rule.
//! The tests run the same functions on random input and on the corpus, without a fuzzer.

mod text;
mod token;

pub use jelou_server::fuzzing::{headers, host, jwt};
pub use text::{cidr, duration, filter, quota, rate};
pub use token::token;

/// The name of a fuzz target, and its check.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("cidr", cidr),
    ("duration", duration),
    ("filter", filter),
    ("headers", headers),
    ("host", host),
    ("jwt", jwt),
    ("quota", quota),
    ("rate", rate),
    ("token", token),
];
