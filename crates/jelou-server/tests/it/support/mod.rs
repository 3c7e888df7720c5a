//! The server under test, calls to it, and access to its log.

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

/// A public function that echoes its request, at any path, by any method.
pub(crate) const ECHO: &str = r#"export default define({
  description: "Echoes", config: { public: true, methods: ["GET", "POST", "PUT", "PATCH", "DELETE"] },
  handler: async (_input, ctx, request) => ({
    method: ctx.method, path: ctx.path, query: ctx.query, url: request.url,
    headers: Object.fromEntries(request.headers), length: (await request.arrayBuffer()).byteLength,
  }),
});"#;

/// The same, for callers with a token.
pub(crate) fn private_echo() -> String {
    ECHO.replace("public: true, ", "")
}
