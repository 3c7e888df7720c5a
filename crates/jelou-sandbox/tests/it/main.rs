//! Tests the layers from inside a confined process.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod descriptors;
mod layers;
mod limits;
mod support;
