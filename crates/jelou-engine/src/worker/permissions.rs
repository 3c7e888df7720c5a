//! What a worker may reach by Deno's own permissions.

use std::path::{Path, PathBuf};

use jelou_sandbox::Purpose;

/// Deno's permission flags. The rights on `home` are for the bootstrap alone, which gives them up before it imports
/// the function; what stays is the right to connect to the egress socket, and to the network except `denied`.
pub(crate) fn flags(
    purpose: Purpose,
    home: &Path,
    sockets: &[PathBuf],
    egress: &Path,
    denied: &[String],
) -> Vec<String> {
    let paths = format!("{},{}", home.display(), egress.display());
    let mut flags = vec![
        format!("--allow-read={paths}"),
        format!("--allow-write={paths}"),
    ];
    if purpose == Purpose::Serve {
        flags.push("--allow-net".to_owned());
        flags.push(format!("--deny-net={}", denied.join(",")));
    } else {
        // Its own sockets and nothing else.
        let own: Vec<_> = sockets
            .iter()
            .map(|socket| format!("unix:{}", socket.display()))
            .collect();
        flags.push(format!("--allow-net={}", own.join(",")));
    }
    flags
}

/// Every right, which the bootstrap does not give up either, and what it wants to hear of its rights.
pub(crate) fn everything() -> Vec<String> {
    const KEEP: &str = "data:text/javascript,\
        const {permissions}=Deno,query=permissions.querySync.bind(permissions);\
        permissions.revokeSync=()=>{};\
        permissions.querySync=(right)=>right.name==='net'?query(right):\
        {state:right.path?.endsWith('/e/sock')?'granted':'denied'};";
    vec!["--allow-all".to_owned(), format!("--preload={KEEP}")]
}
