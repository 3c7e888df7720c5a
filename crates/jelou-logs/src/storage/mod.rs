//! The files of a function's records.

pub(crate) mod block;
mod bloom;
mod family;
mod segment;

pub(crate) use bloom::may_contain;
pub(crate) use family::{Family, Removed, Retention, SealedView, View, indexed};
pub(crate) use segment::Blocks;
