//! A real `jelou serve`. Its credentials are in the sandbox's home, so commands are logged in.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::sandbox::BINARY;
use super::{Call, DataFolder, Outcome, Sandbox, Streams, call, eventually};

/// The environment variables through which this machine reaches the registry.
const OF_THE_MACHINE: [&str; 8] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NPM_CONFIG_REGISTRY",
    "SSL_CERT_FILE",
];

/// The settings for the start of a server.
pub(crate) struct Serve<'a> {
    sandbox: &'a Sandbox,
    data: Arc<DataFolder>,
    /// Programs that start the server, each with its arguments.
    before: Vec<String>,
    binary: String,
    arguments: Vec<String>,
    /// A socket that the server gets from its service manager.
    inherited: Option<OwnedFd>,
    environment: Vec<(String, String)>,
}

impl<'a> Serve<'a> {
    /// Uses a free port and a new data folder.
    pub(crate) fn new(sandbox: &'a Sandbox) -> Self {
        Self {
            sandbox,
            data: Arc::new(DataFolder::new()),
            before: Vec::new(),
            binary: BINARY.to_owned(),
            arguments: vec!["--listen".to_owned(), "127.0.0.1:0".to_owned()],
            inherited: None,
            // All test servers use the same user ids, and the firewall's table is named after them. The servers would
            // delete each other's table.
            environment: vec![("JELOU_SANDBOX__FIREWALL".to_owned(), "off".to_owned())],
        }
    }

    pub(crate) fn on(mut self, data: &Arc<DataFolder>) -> Self {
        self.data = Arc::clone(data);
        self
    }

    pub(crate) fn data(&self) -> Arc<DataFolder> {
        Arc::clone(&self.data)
    }

    /// Replaces all arguments except `--data` and `--json`.
    pub(crate) fn arguments(mut self, line: &str) -> Self {
        self.arguments = line.split_whitespace().map(str::to_owned).collect();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Reaches the npm registry like this machine does.
    pub(crate) fn with_registry(mut self) -> Self {
        for name in OF_THE_MACHINE {
            if let Ok(value) = std::env::var(name) {
                self = self.env(name, &value);
            }
        }
        self
    }

    /// Starts the server through a program that calls `exec`, such as `setpriv`.
    pub(crate) fn through(mut self, line: &str) -> Self {
        self.before = line.split_whitespace().map(str::to_owned).collect();
        self
    }

    /// Passes this socket to the server, as systemd does. The caller keeps it open.
    pub(crate) fn listening(mut self, socket: &TcpListener) -> Self {
        self.inherited = Some(socket.try_clone().unwrap().into());
        let address = socket.local_addr().unwrap();
        // The first passed descriptor is 3 (sd_listen_fds(3)). `$$` stays the same through `exec`.
        let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"";
        self.before = ["sh", "-c", script, "sh"].map(str::to_owned).into();
        self.arguments(&format!("--listen {address}"))
    }

    /// Starts a copy of the binary.
    pub(crate) fn binary(mut self, path: &std::path::Path) -> Self {
        path.to_str().unwrap().clone_into(&mut self.binary);
        self
    }

    fn command(&self) -> Command {
        let mut words = self.before.iter().chain([&self.binary]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .arg("serve")
            .args(&self.arguments)
            .arg("--data")
            .arg(self.data.path())
            .env_clear()
            .envs(self.sandbox.variables())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        if let Some(socket) = &self.inherited {
            command.stdin(socket.try_clone().unwrap());
        }
        command
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(self) -> Server {
        let mut process = self
            .command()
            .arg("--json")
            .stdout(Stdio::piped())
            .stderr(self.data.open_log())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            stdout.read_to_string(&mut line).unwrap();
            let log = self.data.log();
            panic!("the server did not start: {line}\n{log}")
        });
        let ready = ready["data"].clone();
        let text = |field: &str| ready[field].as_str().map(str::to_owned);
        let api = text("api").unwrap();
        Server {
            process,
            agent: call::agent(),
            address: api.trim_start_matches("http://").to_owned(),
            functions: text("functions").unwrap(),
            access_token: text("accessToken"),
            data: self.data,
        }
    }

    /// Runs a server that must fail to start, and waits for its end.
    pub(crate) fn run(mut self) -> Outcome {
        // If the server starts nevertheless, the timeout makes the test fail instead of hang.
        let mut before = vec!["timeout".to_owned(), "120".to_owned()];
        before.append(&mut self.before);
        self.before = before;
        let output = self.command().arg("--json").output().unwrap();
        let text = |bytes| {
            let text = self
                .sandbox
                .without_paths(&String::from_utf8(bytes).unwrap());
            text.replace(self.data.path().to_str().unwrap(), "[DATA]")
        };
        Outcome {
            code: output.status.code().unwrap(),
            streams: Streams::Separate {
                stdout: text(output.stdout),
                stderr: text(output.stderr),
            },
        }
    }
}

pub(crate) struct Server {
    process: Child,
    agent: ureq::Agent,
    /// The host and port of the management API.
    address: String,
    /// The URL of a function, with the placeholder `{slug}`.
    pub(crate) functions: String,
    /// Set only by the first start of a data folder.
    pub(crate) access_token: Option<String>,
    pub(crate) data: Arc<DataFolder>,
}

impl Server {
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        Serve::new(sandbox).start()
    }

    /// The server's process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The host and port of the management API, and of functions if they have no separate listener.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A request to a function by its host name. The default is `POST` with JSON.
    pub(crate) fn request(&self, slug: &str) -> Call {
        Call::over(self.agent.clone(), &self.address, &self.host(slug))
    }

    /// A request to the management API with an access token.
    pub(crate) fn manage(&self, token: &str, path: &str) -> Call {
        Call::over(self.agent.clone(), &self.address, &self.address)
            .path(path)
            .header("authorization", &format!("Bearer {token}"))
    }

    /// The host name of a function.
    pub(crate) fn host(&self, slug: &str) -> String {
        let url = self.functions.replace("{slug}", slug);
        url.split_once("://").unwrap().1.to_owned()
    }

    /// Calls a function. Returns the status and the body.
    pub(crate) fn call(&self, slug: &str, token: Option<&str>, body: &str) -> (u16, String) {
        let mut request = self.request(slug).body(body);
        if let Some(token) = token {
            request = request.token(token);
        }
        let reply = request.send();
        (reply.status, reply.body)
    }

    /// Kills the server like a power cut, and waits for the end of all its processes.
    pub(crate) fn kill(mut self) -> Arc<DataFolder> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.data.wait_until_quiet();
        Arc::clone(&self.data)
    }

    /// Stops the server like an operator, and waits for the end of all its processes.
    pub(crate) fn stop(mut self) -> Arc<DataFolder> {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.data.log());
        self.data.wait_until_quiet();
        Arc::clone(&self.data)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Stops all threads of the server until it gets `SIGCONT`. Waits for this, because threads continue for a moment
    /// after the signal.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.process.id());
        let is_stopped = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat"));
            // The state follows the name, which is in parentheses.
            stat.is_ok_and(|stat| {
                stat.rsplit_once(") ")
                    .is_some_and(|(_, rest)| rest.starts_with('T'))
            })
        };
        eventually("a stopped server", || {
            let mut all = std::fs::read_dir(&tasks).unwrap().flatten();
            all.all(is_stopped).then_some(())
        });
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the end of the server", || self.process.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("----- the server's log -----\n{}", self.data.log());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
