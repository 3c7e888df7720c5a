//! Chooses the port to listen on.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use crate::exit::Failure;

const DEFAULT: u16 = 3000;
/// Number of ports that are tried after the default port.
const TRIED: u16 = 100;

/// A free port. `reason`: why it is not the default port.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) port: u16,
    pub(super) reason: Option<String>,
}

/// Returns the requested port. Without a request: the default port, or the next free one.
///
/// # Errors
///
/// If the requested port is taken, or none of the tried ports is free.
pub(super) fn choose(asked: Option<u16>) -> anyhow::Result<Chosen> {
    let chosen = |port| Chosen { port, reason: None };
    if let Some(port) = asked {
        if is_free(port)? {
            return Ok(chosen(port));
        }
        return Err(Failure::input(taken(port))
            .hint("end that program, or choose another --port")
            .into());
    }
    if is_free(DEFAULT)? {
        return Ok(chosen(DEFAULT));
    }
    for port in DEFAULT + 1..=DEFAULT + TRIED {
        if is_free(port)? {
            return Ok(Chosen {
                port,
                reason: Some(taken(DEFAULT)),
            });
        }
    }
    let last = DEFAULT + TRIED;
    Err(
        Failure::input(format!("the ports {DEFAULT} to {last} are taken"))
            .hint("choose one with --port")
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
