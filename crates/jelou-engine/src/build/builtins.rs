//! The built-in modules of Node.

/// The names that may be written without `node:`, from Node's `module.builtinModules`.
const NAMES: [&str; 66] = [
    "_http_agent",
    "_http_client",
    "_http_common",
    "_http_incoming",
    "_http_outgoing",
    "_http_server",
    "_stream_duplex",
    "_stream_passthrough",
    "_stream_readable",
    "_stream_transform",
    "_stream_writable",
    "_tls_common",
    "_tls_wrap",
    "assert",
    "assert/strict",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "dns/promises",
    "domain",
    "events",
    "fs",
    "fs/promises",
    "http",
    "http2",
    "https",
    "inspector",
    "inspector/promises",
    "module",
    "net",
    "os",
    "path",
    "path/posix",
    "path/win32",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "readline/promises",
    "repl",
    "stream",
    "stream/consumers",
    "stream/promises",
    "stream/web",
    "string_decoder",
    "sys",
    "timers",
    "timers/promises",
    "tls",
    "tty",
    "trace_events",
    "url",
    "util",
    "util/types",
    "v8",
    "vm",
    "worker_threads",
    "zlib",
];

/// Returns the specifier with `node:` if it names a built-in module of Node.
pub(super) fn with_scheme(specifier: &str) -> Option<String> {
    if specifier.starts_with("node:") {
        return Some(specifier.to_owned());
    }
    NAMES
        .contains(&specifier)
        .then(|| format!("node:{specifier}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_of_node_get_their_scheme() {
        let expected = [
            ("fs", Some("node:fs")),
            ("fs/promises", Some("node:fs/promises")),
            ("node:test", Some("node:test")),
            ("zlib", Some("node:zlib")),
            ("buffer/", None),
            ("lodash", None),
        ];
        for (specifier, with) in expected {
            assert_eq!(with_scheme(specifier).as_deref(), with, "{specifier}");
        }
    }
}
