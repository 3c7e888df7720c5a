//! A server with hostile functions on it, and a well-behaved one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::support::{Call, DataFolder, Reply, Sandbox, Serve, Server, eventually};

/// A function in the folder `functions/`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hostile {
    pub(super) file: &'static str,
    pub(super) source: &'static str,
}

macro_rules! hostile {
    ($name:literal) => {
        $crate::hostile::Hostile {
            file: $name,
            source: include_str!(concat!("functions/", $name, ".ts")),
        }
    };
}
pub(super) use hostile;

pub(super) const ATTEMPTS: &str = include_str!("functions/attempts.ts");

/// Concurrent builds of the server.
const BUILDS: usize = 2;

fn with<'a>(mut serve: Serve<'a>, settings: &[(&str, &str)]) -> Serve<'a> {
    for (name, value) in settings {
        serve = serve.env(&format!("JELOU_{name}"), value);
    }
    serve
}

impl Hostile {
    pub(super) fn slug(self) -> String {
        self.file.replace('_', "-")
    }
}

pub(super) struct Stage {
    pub(super) server: Server,
    token: String,
    _sandbox: Option<Sandbox>,
}

impl Stage {
    /// Starts a server with these settings, for example `LIMITS__STALL_TIMEOUT_MS`.
    pub(super) fn start(settings: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::new();
        Self::start_in(sandbox, settings)
    }

    pub(super) fn start_in(sandbox: Sandbox, settings: &[(&str, &str)]) -> Self {
        let server = with(Serve::new(&sandbox), settings).start();
        Self {
            token: server.access_token.clone().unwrap(),
            server,
            _sandbox: Some(sandbox),
        }
    }

    /// Starts a server with the functions of an earlier server.
    pub(super) fn start_on(
        sandbox: &Sandbox,
        data: &Arc<DataFolder>,
        settings: &[(&str, &str)],
    ) -> Self {
        Self {
            token: String::new(),
            server: with(Serve::new(sandbox).on(data), settings).start(),
            _sandbox: None,
        }
    }

    pub(super) fn stop(self) -> Arc<DataFolder> {
        self.server.stop()
    }

    pub(super) fn deploy_all(&self, functions: &[Hostile]) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(function) = functions.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.deploy(*function, ATTEMPTS);
            }
        };
        thread::scope(|scope| {
            for _ in 0..BUILDS {
                scope.spawn(work);
            }
        });
    }

    pub(super) fn deploy(&self, function: Hostile, attempts: &str) {
        let files = json!([
            {"path": "index.ts", "content": function.source},
            {"path": "attempts.ts", "content": attempts},
        ]);
        let reply = self.upload(&function.slug(), &json!({ "files": files }));
        assert_eq!(reply.status, 201, "{}: {reply:?}", function.file);
    }

    /// Sends an upload directly to the API, without the checks of the command line.
    pub(super) fn upload(&self, slug: &str, body: &Value) -> Reply {
        self.management(&format!("/v1/functions/{slug}/deployments"))
            .body(&body.to_string())
            .send()
    }

    pub(super) fn management(&self, path: &str) -> Call {
        self.server.manage(&self.token, path)
    }

    pub(super) fn call(&self, function: Hostile, input: &Value) -> Reply {
        self.server
            .request(&function.slug())
            .body(&input.to_string())
            .send()
    }

    pub(super) fn port(&self) -> u16 {
        self.server
            .address()
            .rsplit_once(':')
            .unwrap()
            .1
            .parse()
            .unwrap()
    }

    /// The domain of the functions, with the port.
    pub(super) fn domain(&self) -> String {
        self.server.host("x").split_once('.').unwrap().1.to_owned()
    }

    /// The lines of the server's log about this function.
    pub(super) fn lines_of(&self, function: Hostile) -> Vec<String> {
        let own = format!("function=\"{}\"", function.slug());
        let log = self.server.data.log();
        log.lines()
            .filter(|line| line.contains(&own) || line.contains(&own.replace('"', "")))
            .map(str::to_owned)
            .collect()
    }

    /// Waits for a line of the function that contains one of the texts.
    pub(super) fn wait_for_line(&self, function: Hostile, texts: &[&str]) -> String {
        let what = format!("a line of {} with one of {texts:?}", function.file);
        eventually(&what, || {
            self.lines_of(function)
                .into_iter()
                .find(|line| texts.iter().any(|text| line.contains(text)))
        })
    }
}

/// The failures of a series of cases, reported at its end.
#[derive(Default)]
pub(super) struct Failures(Mutex<Vec<String>>);

impl Failures {
    pub(super) fn note(&self, failure: String) {
        self.0.lock().unwrap().push(failure);
    }

    /// Runs the code and records a panic with the name of the case.
    pub(super) fn catch(&self, case: &str, code: impl FnOnce()) {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(code));
        if let Err(panic) = outcome {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            self.note(format!("{case}: {}", text.unwrap_or("it panicked")));
        }
    }
}

impl Drop for Failures {
    fn drop(&mut self) {
        let failures = self.0.lock().unwrap();
        if !thread::panicking() {
            assert!(failures.is_empty(), "{}", failures.join("\n"));
        }
    }
}
