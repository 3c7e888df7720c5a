//! Chooses the port to listen on.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use crate::exit::Failure;

/// The default port of the server.
pub(super) const SERVER: u16 = 3000;
/// The default port for debuggers, as in Node and Deno.
pub(super) const DEBUGGER: u16 = 9229;
/// Number of ports that are tried after the default port.
const TRIED: u16 = 100;

/// A free port. `reason`: why it is not the default port.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) port: u16,
    pub(super) reason: Option<String>,
}

/// Returns the requested port. Without a request: the default port, or the next free one. `option` sets the port.
///
/// # Errors
///
/// If the requested port is taken, or none of the tried ports is free.
pub(super) fn choose(asked: Option<u16>, default: u16, option: &str) -> anyhow::Result<Chosen> {
    let chosen = |port| Chosen { port, reason: None };
    if let Some(port) = asked {
        if is_free(port)? {
            return Ok(chosen(port));
        }
        return Err(Failure::input(taken(port))
            .hint(format!("end that program, or choose another {option}"))
            .into());
    }
    if is_free(default)? {
        return Ok(chosen(default));
    }
    for port in default + 1..=default + TRIED {
        if is_free(port)? {
            return Ok(Chosen {
                port,
                reason: Some(taken(default)),
            });
        }
    }
    let last = default + TRIED;
    Err(
        Failure::input(format!("the ports {default} to {last} are taken"))
            .hint(format!("choose one with {option}"))
            .into(),
    )
}

fn is_free(port: u16) -> io::Result<bool> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names the process that uses the port, if this user may see it.
fn taken(port: u16) -> String {
    let holder = listeners::get_process_by_port(port, listeners::Protocol::TCP);
    match holder {
        Ok(process) => format!(
            "port {port} is taken by {} (process {})",
            process.name, process.pid
        ),
        Err(_) => format!("port {port} is taken"),
    }
}
