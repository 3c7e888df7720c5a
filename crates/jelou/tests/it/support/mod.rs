//! Runs the real binary in a temporary home and folder, and captures its output.

mod call;
pub(crate) mod daemon;
mod data_folder;
mod dev;
mod fake_api;
mod outcome;
mod patience;
mod registry;
mod sandbox;
mod server;
mod terminal;
mod web;

pub(crate) use call::{Call, Reply};
pub(crate) use data_folder::{DataFolder, deno, fetched_engine, link_or_copy};
pub(crate) use dev::Dev;
pub(crate) use fake_api::{Answer, FakeApi, answer, hang_up, problem, silence};
pub(crate) use outcome::{
    Outcome, Streams, assert_live_outcome, assert_outcome, live_settings, settings,
};
pub(crate) use patience::{eventually, turn};
pub(crate) use registry::Package;
pub(crate) use sandbox::Sandbox;
pub(crate) use server::{Serve, Server};
pub(crate) use terminal::{CTRL_C, CTRL_D, Terminal};
pub(crate) use web::Web;

/// The source of a function with this handler, a TypeScript expression.
pub(crate) fn function(handler: &str) -> String {
    format!(
        "import {{ define, response, z }} from \"@jelou/functions\";\n\n\
         export default define({{\n  description: \"A test\",\n  handler: {handler},\n}});\n"
    )
}

/// The token with another last character, so that its checksum is wrong.
pub(crate) fn mistyped(token: &str) -> String {
    let (start, last) = token.split_at(token.len() - 1);
    format!("{start}{}", if last == "x" { "y" } else { "x" })
}

/// The number of repetitions of a series, which is higher with `JELOU_SOAK=1`.
pub(crate) fn times(normally: usize, soak: usize) -> usize {
    match std::env::var_os("JELOU_SOAK") {
        Some(value) if value == "1" => soak,
        _ => normally,
    }
}
