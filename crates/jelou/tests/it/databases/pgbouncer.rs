//! `PgBouncer` in transaction mode, in front of a database.

use rustix::process::Signal;

use super::postgres::Postgres;
use crate::support::daemon::{Daemon, command, folder, free_port, give, program};

pub(crate) struct PgBouncer {
    database: Daemon,
}

impl PgBouncer {
    /// Shares a few sessions between all clients.
    pub(crate) fn start(postgres: &Postgres) -> Self {
        let folder = folder();
        let port = free_port();
        let settings = format!(
            "[databases]\n\
             postgres = host=127.0.0.1 port={}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = scram-sha-256\n\
             auth_file = users.txt\n\
             pool_mode = transaction\n\
             default_pool_size = 3\n\
             server_tls_sslmode = require\n\
             ignore_startup_parameters = extra_float_digits\n",
            postgres.port()
        );
        for (name, text) in [
            ("pgbouncer.ini", settings),
            ("users.txt", "\"ana\" \"secreto\"\n".to_owned()),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            give(&path);
        }
        let mut server = command(&program("pgbouncer", &["/usr/sbin"]), folder.path());
        server.arg("pgbouncer.ini");
        Self {
            database: Daemon::start(&mut server, port, folder).ended_by(Signal::TERM),
        }
    }

    pub(crate) fn url(&self) -> String {
        let port = self.database.port;
        format!("postgres://ana:secreto@127.0.0.1:{port}/postgres?sslmode=disable")
    }
}
