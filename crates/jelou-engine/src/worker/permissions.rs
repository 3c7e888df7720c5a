//! The permissions of a worker in Deno.

use std::path::{Path, PathBuf};

use jelou_sandbox::Purpose;

/// Returns Deno's permission flags. The worker's program drops its permissions on `home` before it imports the
/// function. The function keeps the rights to read `files`, to use the egress socket, to use the network (except what
/// the flags `denied` deny), and to set the time zone (`TZ`). `has_debugger`: the worker's program reads the address of
/// the inspector, before the drop.
pub(crate) fn flags(
    purpose: Purpose,
    home: &Path,
    files: &Path,
    sockets: &[PathBuf],
    egress: &Path,
    denied: &[String],
    has_debugger: bool,
) -> Vec<String> {
    let mut paths = home.display().to_string();
    if purpose == Purpose::Serve {
        paths = format!("{paths},{}", egress.display());
    }
    let mut flags = vec![
        format!("--allow-read={paths},{}", files.display()),
        format!("--allow-write={paths}"),
        "--allow-env=TZ".to_owned(),
    ];
    if purpose == Purpose::Serve {
        flags.push("--allow-net".to_owned());
        flags.extend_from_slice(denied);
        if has_debugger {
            flags.push("--allow-sys".to_owned());
        }
    } else {
        // Only the worker's own sockets.
        let own: Vec<_> = sockets
            .iter()
            .map(|socket| format!("unix:{}", socket.display()))
            .collect();
        flags.push(format!("--allow-net={}", own.join(",")));
    }
    flags
}

/// Returns flags with all permissions, for tests of the sandbox. A preloaded module makes Deno's permission API pretend
/// that the worker's program dropped its permissions.
pub(crate) fn everything() -> Vec<String> {
    const KEEP: &str = "data:text/javascript,\
        const {permissions}=Deno,query=permissions.querySync.bind(permissions);\
        permissions.revokeSync=()=>{};\
        permissions.querySync=(right)=>right.name==='net'?query(right):\
        {state:right.path?.endsWith('/e/sock')||\
        (right.name==='read'&&right.path?.endsWith('/function'))?'granted':'denied'};";
    vec!["--allow-all".to_owned(), format!("--preload={KEEP}")]
}
