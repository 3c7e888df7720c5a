//! The network between a server and its database: a relay on loopback that delays data, loses data or closes
//! connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How often a connection checks the state of the relay.
const TICK: Duration = Duration::from_millis(5);

pub(crate) struct Relay {
    pub(crate) port: u16,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    /// The delay of each piece of data, in milliseconds.
    delay_ms: AtomicU64,
    is_silent: AtomicBool,
    is_cut: AtomicBool,
    /// Connections with a lower number never transfer data again.
    lost_before: AtomicU64,
    connections: AtomicU64,
    has_ended: AtomicBool,
}

impl Relay {
    /// Relays connections to this port of loopback.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            line: Arc::default(),
        };
        let line = Arc::clone(&relay.line);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if line.has_ended.load(Ordering::Relaxed) {
                    return;
                }
                let number = line.connections.fetch_add(1, Ordering::Relaxed);
                let line = Arc::clone(&line);
                thread::spawn(move || line.connect(&client, number, port));
            }
        });
        relay
    }

    pub(crate) fn delay(&self, delay: Duration) {
        let delay_ms = delay.as_millis().try_into().unwrap();
        self.line.delay_ms.store(delay_ms, Ordering::Relaxed);
    }

    /// Transfers no data from now on. Neither end gets an error.
    pub(crate) fn silence(&self) {
        self.line.is_silent.store(true, Ordering::Relaxed);
    }

    /// Ends all connections, and accepts none.
    pub(crate) fn cut(&self) {
        self.line.is_cut.store(true, Ordering::Relaxed);
    }

    /// Relays new connections. Existing connections transfer no data again.
    pub(crate) fn heal(&self) {
        let line = &self.line;
        let all = line.connections.load(Ordering::Relaxed);
        line.lost_before.store(all, Ordering::Relaxed);
        for state in [&line.is_silent, &line.is_cut] {
            state.store(false, Ordering::Relaxed);
        }
        line.delay_ms.store(0, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.line.has_ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Line {
    fn connect(&self, client: &TcpStream, number: u64, port: u16) {
        // While the relay is silent, it does not connect to the database.
        if self.wait(number).is_none() {
            return;
        }
        let Ok(database) = TcpStream::connect(("127.0.0.1", port)) else {
            return;
        };
        thread::scope(|scope| {
            scope.spawn(|| self.pass(client, &database, number));
            self.pass(&database, client, number);
        });
    }

    /// Waits until the connection may transfer data. `None`: the connection is cut.
    fn wait(&self, number: u64) -> Option<()> {
        loop {
            if self.has_ended.load(Ordering::Relaxed) || self.is_cut.load(Ordering::Relaxed) {
                return None;
            }
            let is_lost = number < self.lost_before.load(Ordering::Relaxed);
            if !is_lost && !self.is_silent.load(Ordering::Relaxed) {
                return Some(());
            }
            thread::sleep(TICK);
        }
    }

    fn pass(&self, mut from: &TcpStream, mut to: &TcpStream, number: u64) {
        from.set_read_timeout(Some(TICK)).unwrap();
        to.set_nodelay(true).unwrap();
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer);
            if self.wait(number).is_none() {
                break;
            }
            let length = match read {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::Relaxed)));
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        for end in [from, to] {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
