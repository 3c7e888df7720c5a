//! The server that the tests run, the calls that they make, and what they read of the log.

mod call;
mod engine;
mod log;
mod patience;
mod server;
mod wire;

pub(crate) use call::{Call, Reply};
pub(crate) use log::{log_of, logged};
pub(crate) use patience::eventually;
pub(crate) use server::TestServer;
pub(crate) use wire::{Answer, Wire};

/// A public function that says what came to it, at any path, by any method.
pub(crate) const ECHO: &str = r#"export default define({
  description: "Echoes", config: { public: true, methods: ["GET", "POST", "PUT", "PATCH", "DELETE"] },
  handler: async (_input, ctx, request) => ({
    method: ctx.method, path: ctx.path, query: ctx.query, url: request.url,
    headers: Object.fromEntries(request.headers), length: (await request.arrayBuffer()).byteLength,
  }),
});"#;
