//! The code of new projects, from the files in `templates/`.

use jelou_core::source::DEFAULT_ENTRYPOINT;

use crate::cli::init::InitTemplate;

/// The code of a new project. The first file is the entrypoint.
pub(super) struct Template {
    pub(super) code: &'static [(&'static str, &'static str)],
    pub(super) deno_json: &'static str,
    /// The path and the text of a test of the code.
    pub(super) test: Option<(&'static str, &'static str)>,
}

const DENO_JSON: &str = include_str!("../../../templates/deno.json");

impl Template {
    /// Returns the code of a template. `None`: the default project of `jelou init`.
    pub(super) fn of(template: Option<InitTemplate>) -> Self {
        macro_rules! text {
            ($path:literal) => {
                include_str!(concat!("../../../templates/", $path))
            };
        }
        let (code, deno_json): (&[_], _) = match template {
            None => (&[(DEFAULT_ENTRYPOINT, text!("index.ts"))], DENO_JSON),
            Some(InitTemplate::Hono) => (
                &[(DEFAULT_ENTRYPOINT, text!("hono/index.ts"))],
                text!("hono/deno.json"),
            ),
            Some(InitTemplate::Fetch) => {
                (&[(DEFAULT_ENTRYPOINT, text!("fetch/index.ts"))], DENO_JSON)
            }
            Some(InitTemplate::Supabase) => (
                &[
                    (
                        "functions/hola/index.ts",
                        text!("supabase/functions/hola/index.ts"),
                    ),
                    (
                        "functions/_shared/cors.ts",
                        text!("supabase/functions/_shared/cors.ts"),
                    ),
                ],
                DENO_JSON,
            ),
            Some(InitTemplate::Webhook) => (
                &[(DEFAULT_ENTRYPOINT, text!("webhook/index.ts"))],
                DENO_JSON,
            ),
            Some(InitTemplate::Mcp) => (&[(DEFAULT_ENTRYPOINT, text!("mcp/index.ts"))], DENO_JSON),
            Some(InitTemplate::Cron) => {
                (&[(DEFAULT_ENTRYPOINT, text!("cron/index.ts"))], DENO_JSON)
            }
        };
        let test = template
            .is_none()
            .then_some(("index.test.ts", text!("index.test.ts")));
        Self {
            code,
            deno_json,
            test,
        }
    }

    pub(super) fn entrypoint(&self) -> &'static str {
        self.code
            .first()
            .map_or(DEFAULT_ENTRYPOINT, |(path, _)| path)
    }
}
