//! Tests the layers from inside a confined process.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod descriptors;
mod layers;
mod limits;
mod support;
