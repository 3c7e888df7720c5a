//! A real `jelou dev`, and the events that it prints.

use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::sandbox::BINARY;
use super::{Call, DataFolder, Sandbox, eventually};

/// The longest time that an event may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Dev {
    process: Child,
    events: Receiver<Value>,
    pub(crate) address: String,
    pub(crate) token: Option<String>,
    /// The address for debuggers.
    pub(crate) inspector: Option<String>,
    data: DataFolder,
}

impl Dev {
    /// Serves the sandbox's project at a free port.
    pub(crate) fn start(sandbox: &Sandbox, arguments: &str) -> Self {
        Self::start_with(sandbox, &format!("--port 0 {arguments}"))
    }

    pub(crate) fn start_with(sandbox: &Sandbox, arguments: &str) -> Self {
        let data = DataFolder::new();
        let mut process = Command::new(BINARY)
            .arg("dev")
            .args(arguments.split_whitespace())
            .arg("--json")
            .arg("--data")
            .arg(data.path())
            .env_clear()
            .envs(sandbox.variables())
            .env("JELOU_SANDBOX__FIREWALL", "off")
            .current_dir(sandbox.project())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(data.open_log())
            .spawn()
            .unwrap();
        let (sender, events) = channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || {
            // An error at the start is JSON on several lines.
            let values = serde_json::Deserializer::from_reader(stdout).into_iter();
            for event in values.map_while(Result::ok) {
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let mut dev = Self {
            process,
            events,
            address: String::new(),
            token: None,
            inspector: None,
            data,
        };
        let listening = dev.event("listening");
        let url = listening["url"].as_str().unwrap();
        let address = url.strip_prefix("http://localhost").unwrap();
        let port = address.split('/').next().unwrap();
        dev.address = format!("127.0.0.1{port}");
        dev.inspector = listening["inspector"].as_str().map(str::to_owned);
        dev.token = listening["token"].as_str().map(str::to_owned);
        dev
    }

    /// The next event of this name. Records and other events before it are skipped.
    pub(crate) fn event(&self, name: &str) -> Value {
        self.find(name, |event| event["event"] == name)
    }

    /// The next object for which `is_it` is true.
    pub(crate) fn find(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        loop {
            let Ok(event) = self.events.recv_timeout(PATIENCE) else {
                panic!(
                    "waited in vain for {what} after {seen:?}: {}",
                    self.data.log()
                );
            };
            if is_it(&event) {
                return event;
            }
            assert_ne!(event["ok"], false, "{event}");
            seen.push(event);
        }
    }

    /// A request to the function, as a developer types it.
    pub(crate) fn request(&self) -> Call {
        let host = self.address.replace("127.0.0.1", "localhost");
        Call::new(&self.address, &host)
    }

    /// The data folder, which has the engine and the packages.
    pub(crate) fn data_folder(&self) -> PathBuf {
        self.data.path()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        kill_process(pid.unwrap(), signal).unwrap();
    }

    /// Waits for the end of the command and of every process of the function. Returns the exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = eventually("the end of the command", || {
            self.process.try_wait().unwrap()
        });
        self.data.wait_until_quiet();
        status.code()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("----- what the command said -----\n{}", self.data.log());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
