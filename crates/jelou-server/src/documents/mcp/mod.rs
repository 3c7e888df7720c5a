//! Describes a function and its tools for MCP. [`crate::mcp`] answers requests with these descriptions.

mod arguments;
mod catalog;
mod input_schema;
mod lists;
mod mirrored;
mod versions;

pub(crate) use arguments::{Input, ParameterError};
pub(crate) use catalog::{Catalog, Entry, Lists, OutputSchema, result_meta};
pub(crate) use mirrored::Mirrored;
pub(crate) use versions::{LEGACY, MODERN, SUPPORTED};
