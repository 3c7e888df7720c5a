//! The MCP description of a function, and the way to call its tools. [`crate::mcp`] uses it to answer requests.

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
