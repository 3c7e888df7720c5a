//! What a function tells of itself over MCP, and how its tools are called. [`crate::mcp`] answers requests with it.

mod arguments;
mod catalog;
mod input_schema;
mod mirrored;
mod versions;

pub(crate) use arguments::{Input, ParameterError};
pub(crate) use catalog::{Catalog, Entry, Lists, OutputSchema, result_meta};
pub(crate) use mirrored::Mirrored;
pub(crate) use versions::{LEGACY, MODERN, SUPPORTED};
