//! The URL of a bundle, as the worker imports it.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// Bytes to percent-encode in the path of a `file:` URL: bytes that are not allowed there, and bytes that a URL parser
/// changes.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The `file:` URL of a module.
#[derive(Debug)]
pub(crate) struct ModuleUrl(String);

impl ModuleUrl {
    pub(super) fn of(path: &Path) -> Self {
        let path = percent_encode(path.as_os_str().as_bytes(), ENCODED);
        Self(format!("file://{path}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModuleUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
