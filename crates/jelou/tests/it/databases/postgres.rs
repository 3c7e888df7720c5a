//! `pg` and `postgres` with PostgreSQL, over TLS.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::Stage;
use crate::support::daemon::{Daemon, command, folder, free_port, give, run};
use crate::support::eventually;

/// The newest version that is installed.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let newest = versions.flatten().map(|version| version.path()).max();
    let newest = newest.unwrap_or_else(|| panic!("PostgreSQL is missing: run scripts/setup.sh"));
    newest.join("bin")
}

pub(crate) struct Postgres {
    database: Daemon,
    certificate: String,
}

/// A server that can start again, on the same port.
pub(crate) struct Stopped {
    port: u16,
    folder: tempfile::TempDir,
    certificate: String,
}

impl Stopped {
    /// Makes a copy of the data, like a backup of the files.
    pub(crate) fn copy(&self) {
        self.replace("data", "copy");
    }

    /// Restores the copy.
    pub(crate) fn restore(&self) {
        self.replace("copy", "data");
    }

    fn replace(&self, from: &str, to: &str) {
        let (from, to) = (self.folder.path().join(from), self.folder.path().join(to));
        run(Command::new("rm").arg("-rf").arg(&to));
        run(Command::new("cp").arg("-a").arg(from).arg(to));
    }

    pub(crate) fn start(self) -> Postgres {
        Postgres {
            database: start_in(self.folder, self.port),
            certificate: self.certificate,
        }
    }
}

fn start_in(folder: tempfile::TempDir, port: u16) -> Daemon {
    let data = folder.path().join("data");
    let mut server = command(&binaries().join("postgres"), folder.path());
    server
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", "", "-F"])
        .args([
            "-c",
            "ssl=on",
            "-c",
            "ssl_cert_file=server.crt",
            "-c",
            "ssl_key_file=server.key",
        ]);
    Daemon::start(&mut server, port, folder)
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, "secreto\n").unwrap();
        give(&password);
        let mut initdb = command(&binaries().join("initdb"), folder.path());
        run(initdb
            .args([
                "--username=ana",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-sync",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .arg("-D")
            .arg(&data));
        let certificate = certify(&data);
        let port = free_port();
        Self {
            database: start_in(folder, port),
            certificate,
        }
    }

    /// The URL of an empty database, for a driver that verifies the certificate.
    pub(crate) fn url(&self) -> String {
        let database = &self.database;
        eventually("a database that accepts connections", || {
            let mut ready = command(&binaries().join("pg_isready"), database.path());
            let port = database.port.to_string();
            let status = ready.args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
            status.unwrap().success().then_some(())
        });
        let root = database.path().join("data/server.crt");
        format!(
            "postgres://ana:secreto@localhost:{}/postgres?sslmode=verify-full&sslrootcert={}",
            database.port,
            root.display()
        )
    }

    /// Runs a statement as the owner of the database.
    pub(crate) fn execute(&self, sql: &str) {
        let mut psql = command(&binaries().join("psql"), self.database.path());
        run(psql
            .args(["-v", "ON_ERROR_STOP=1", "-q", "-c", sql])
            .arg(self.url()));
    }

    pub(crate) fn port(&self) -> u16 {
        self.database.port
    }

    /// Stops or continues all processes of the server, like a machine that hangs.
    pub(crate) fn signal(&self, signal: Signal) {
        self.database.signal_all(signal);
    }

    fn restart(self) -> Self {
        self.stop().start()
    }

    /// Stops the server, and keeps its data.
    pub(crate) fn stop(self) -> Stopped {
        Stopped {
            port: self.database.port,
            folder: self.database.stop(Signal::INT),
            certificate: self.certificate,
        }
    }
}

/// Makes a certificate for `localhost`, and returns it.
fn certify(data: &Path) -> String {
    let (key, certificate) = (data.join("server.key"), data.join("server.crt"));
    run(Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate));
    run(Command::new("chmod").arg("600").arg(&key));
    give(&key);
    give(&certificate);
    std::fs::read_to_string(&certificate).unwrap()
}

const CLIENTS: &str = r#"
import pg from "pg";
import postgres from "postgres";
const { PGURL, PGCA } = process.env;
const pool = new pg.Pool({ connectionString: PGURL, ssl: { ca: PGCA }, max: 2 });
pool.on("error", (error) => console.log("idle connection lost", error.code));
const sql = postgres(PGURL, { ssl: { ca: PGCA }, max: 2 });
"#;

const HANDLER: &str = r#"async ({ n }) => {
  const text = "select $1::int + 1 as next, pg_backend_pid() as pid, (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as ssl";
  const one = (await pool.query(text, [n])).rows[0];
  const [two] = await sql`select ${n}::int + 2 as next, pg_backend_pid() as pid`;
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query("create temporary table notas (texto text)");
    await client.query("insert into notas values ($1)", ["ñandú €"]);
    const [{ texto }] = (await client.query("select texto from notas")).rows;
    await client.query("rollback");
    return { pg: one.next, postgres: two.next, ssl: one.ssl, texto, pids: [one.pid, two.pid] };
  } finally {
    client.release();
  }
}"#;

#[test]
fn pools_of_pg_and_postgres_survive_between_calls() {
    let postgres = Postgres::start();
    let port = postgres.database.port;
    let url = format!("postgres://ana:secreto@localhost:{port}/postgres");
    let stage = Stage::start(
        &[("pg", "8.13.1"), ("postgres", "3.4.5")],
        &[("PGURL", &url), ("PGCA", &postgres.certificate)],
        CLIENTS,
        HANDLER,
    );

    // No connection is open yet. The log contains the fix, because the driver may hide it.
    let (status, answer) = stage.try_call(&json!({ "n": 1 }));
    assert_eq!(status, 500, "{answer}");
    eventually("the refusal in the log", || {
        let wanted = format!("jelou egress allow clientes 127.0.0.1:{port}");
        stage.server.data.log().contains(&wanted).then_some(())
    });

    stage.jelou(&format!("egress allow clientes localhost:{port}"));
    let first = stage.call(&json!({ "n": 40 }));
    let numbers = json!([first["pg"], first["postgres"], first["ssl"], first["texto"]]);
    assert_eq!(numbers, json!([41, 42, true, "ñandú €"]));
    for n in 0..20 {
        let next = stage.call(&json!({ "n": n }));
        assert_eq!(next["pids"], first["pids"], "the pools are the same");
    }

    // Idle connections are lost, and the pools reconnect.
    let postgres = postgres.restart();
    let again = eventually("an answer after the restart", || {
        let (status, answer) = stage.try_call(&json!({ "n": 1 }));
        (status == 200).then_some(answer)
    });
    assert_ne!(again["pids"], first["pids"]);

    // The process ends with idle connections, and the next one connects again.
    stage.jelou("limits set clientes idle_timeout_ms=500");
    let before = stage.call(&json!({ "n": 1 }));
    let running = || named_function(stage.server.id());
    assert_ne!(running(), 0);
    eventually("the end of the idle process", || {
        (running() == 0).then_some(())
    });
    let after = stage.call(&json!({ "n": 1 }));
    assert_ne!(after["pids"], before["pids"]);
    assert_eq!(after["postgres"], Value::from(3));
    drop(postgres);
}

/// The number of the server's processes that have the name of a process with Node's API.
fn named_function(server: u32) -> usize {
    let status = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("status"));
    let parent = format!("PPid:\t{server}\n");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let statuses = processes.filter_map(|entry| status(entry).ok());
    let named = |status: &String| status.starts_with("Name:\tfunction\n");
    statuses
        .filter(|status| named(status) && status.contains(&parent))
        .count()
}

#[test]
fn plain_sockets_reach_what_is_open() {
    let postgres = Postgres::start();
    let port = postgres.database.port;
    let stage = Stage::start(
        &[],
        &[("PGCA", &postgres.certificate)],
        "import net from \"node:net\";\nimport tls from \"node:tls\";\nimport { once } from \"node:events\";",
        // An SSLRequest is answered with `S` by a server that speaks TLS.
        r#"async ({ port }) => {
            const request = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);
            const socket = net.connect(port, "localhost");
            await once(socket, "connect");
            socket.write(request);
            const [answer] = await once(socket, "data");
            const secure = tls.connect({ socket, servername: "localhost", ca: process.env.PGCA });
            await once(secure, "secureConnect");
            const told = { node: String(answer), authorized: secure.authorized };
            secure.destroy();
            const conn = await Deno.connect({ hostname: "localhost", port });
            await conn.write(request);
            const byte = new Uint8Array(1);
            await conn.read(byte);
            const encrypted = await Deno.startTls(conn, { hostname: "localhost", caCerts: [process.env.PGCA] });
            await encrypted.handshake();
            encrypted.close();
            return { ...told, deno: String.fromCharCode(byte[0]) };
        }"#,
    );
    stage.jelou(&format!("egress allow clientes 127.0.0.1:{port}"));
    let answer = stage.call(&json!({ "port": port }));
    assert_eq!(
        answer,
        json!({ "node": "S", "authorized": true, "deno": "S" })
    );
}
