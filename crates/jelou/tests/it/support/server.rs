//! A real `jelou serve`, with the sandbox's home, so that its commands are logged in.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::Sandbox;
use super::sandbox::BINARY;

pub(crate) struct Server {
    process: Child,
    address: String,
    data: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        let data = tempfile::tempdir().unwrap();
        link_engine(data.path());
        let log = std::fs::File::create(data.path().join("log")).unwrap();
        let mut process = Command::new(BINARY)
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data"])
            .arg(data.path())
            .env_clear()
            .envs(sandbox.variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(data.path().join("log")).unwrap();
            panic!("the server did not start: {line}\n{log}")
        });
        let api = ready["data"]["api"].as_str().unwrap();
        Self {
            process,
            address: api.trim_start_matches("http://").to_owned(),
            data,
        }
    }

    /// Calls a function; the status and the body.
    pub(crate) fn call(&self, slug: &str, token: Option<&str>, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let token = token.map_or_else(String::new, |token| format!("X-Jelou-Token: {token}\r\n"));
        write!(
            stream,
            "POST /fn/{slug} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             {token}Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.data.path().join("log")).unwrap_or_default();
            eprintln!("----- the server's log -----\n{log}");
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Puts the engine that `make engine` fetched into the server's data folder; without one, the server fetches it.
fn link_engine(data: &Path) {
    let fetched = std::env::var_os("JELOU_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/engine"),
        PathBuf::from,
    );
    let Ok(binaries) = std::fs::read_dir(fetched.join("engine")) else {
        return;
    };
    let folder = data.join("engine");
    std::fs::create_dir(&folder).unwrap();
    for binary in binaries {
        let binary = binary.unwrap();
        let target = folder.join(binary.file_name());
        if std::fs::hard_link(binary.path(), &target).is_err() {
            std::fs::copy(binary.path(), &target).unwrap();
        }
    }
}
