//! A temporary home and project folder. The binary runs in them without the machine's environment variables.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{FakeApi, Outcome, Server, Streams, Terminal};

pub(super) const BINARY: &str = env!("CARGO_BIN_EXE_jelou");

pub(crate) struct Sandbox {
    root: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["home", "mi-funcion", "bin"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        std::os::unix::fs::symlink(BINARY, root.path().join("bin/jelou")).unwrap();
        Self {
            root,
            environment: Vec::new(),
        }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    pub(crate) fn binary(&self) -> PathBuf {
        self.root.path().join("bin/jelou").canonicalize().unwrap()
    }

    /// The first folder of `PATH`.
    pub(crate) fn binary_folder(&self) -> PathBuf {
        self.root.path().join("bin")
    }

    /// The working directory of commands. Its name is a valid slug.
    pub(crate) fn project(&self) -> PathBuf {
        self.root.path().join("mi-funcion")
    }

    /// Writes a file into the project.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.project().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Writes a complete second function into a folder of the project, named after its slug. An existing `jelou.json`
    /// stays, because it may contain the function's id.
    pub(crate) fn function(&self, slug: &str, source: &str) -> &Self {
        self.file(&format!("{slug}/index.ts"), source);
        let project_file = format!("{slug}/jelou.json");
        if !self.project().join(&project_file).exists() {
            self.file(&project_file, format!("{{\"function\": \"{slug}\"}}"));
        }
        self
    }

    /// Deploys a function of one file. Returns its token if this is its first deploy.
    pub(crate) fn deploy(&self, slug: &str, source: &str) -> String {
        self.function(slug, source);
        let outcome = self.jelou(&format!("deploy {slug} -y --json")).run();
        assert_eq!(outcome.code, 0, "{outcome}");
        let token = outcome.json()["data"]["token"].clone();
        token.as_str().unwrap_or_default().to_owned()
    }

    /// The home of a pipeline, which is logged in to the server by the environment.
    pub(crate) fn pipeline(&self, server: &Server) -> Self {
        let outcome = self
            .jelou("access-tokens create --name ci --scope functions:write --json")
            .run();
        let access_token = outcome.json()["data"]["token"].clone();
        Self::new()
            .env("CI", "true")
            .env("JELOU_API_URL", &format!("http://{}", server.address()))
            .env("JELOU_TOKEN", access_token.as_str().unwrap())
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.project().join(path)).unwrap()
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Logs in through the environment.
    pub(crate) fn with_api(self, api: &FakeApi) -> Self {
        self.env("JELOU_API_URL", api.url())
            .env("JELOU_TOKEN", api.token())
    }

    /// A command line, split at spaces.
    pub(crate) fn jelou(&self, line: &str) -> Jelou<'_> {
        Jelou {
            sandbox: self,
            arguments: line.split_whitespace().map(str::to_owned).collect(),
        }
    }

    pub(crate) fn shell_in_terminal(&self, script: &str) -> Terminal {
        let arguments = ["-c".to_owned(), script.to_owned()];
        Terminal::start("/bin/sh", &arguments, &self.variables(), &self.project())
    }

    /// Runs a shell script without a terminal.
    pub(crate) fn shell(&self, script: &str) -> Outcome {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script).stdin(Stdio::null());
        self.outcome(&self.in_project(&mut command).output().unwrap())
    }

    fn in_project<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env_clear()
            .envs(self.variables())
            .current_dir(self.project())
    }

    fn outcome(&self, output: &Output) -> Outcome {
        let text = |bytes: &[u8]| self.without_paths(std::str::from_utf8(bytes).unwrap());
        Outcome {
            code: output.status.code().unwrap(),
            streams: Streams::Separate {
                stdout: text(&output.stdout),
                stderr: text(&output.stderr),
            },
        }
    }

    /// The complete environment of a run.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let path = format!("{}:/usr/bin:/bin", path_text(&self.root.path().join("bin")));
        let mut variables = vec![
            ("HOME".to_owned(), path_text(&self.home())),
            ("PATH".to_owned(), path),
            ("TERM".to_owned(), "xterm-256color".to_owned()),
            ("TZ".to_owned(), "UTC".to_owned()),
        ];
        variables.extend(self.environment.iter().cloned());
        variables
    }

    pub(super) fn without_paths(&self, text: &str) -> String {
        text.replace(&path_text(&self.home()), "[HOME]")
            .replace(&path_text(&self.project()), "[PROJECT]")
    }
}

pub(crate) struct Jelou<'a> {
    sandbox: &'a Sandbox,
    arguments: Vec<String>,
}

impl Jelou<'_> {
    /// Runs without a terminal and with empty standard input.
    pub(crate) fn run(&self) -> Outcome {
        self.run_with_stdin("")
    }

    pub(crate) fn run_with_stdin(&self, stdin: &str) -> Outcome {
        let mut command = Command::new(BINARY);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.sandbox.in_project(&mut command).spawn().unwrap();
        // A command that reads no input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        self.sandbox.outcome(&child.wait_with_output().unwrap())
    }

    /// Runs in a pseudo-terminal, like a person does.
    pub(crate) fn in_terminal(&self) -> Terminal {
        Terminal::start(
            BINARY,
            &self.arguments,
            &self.sandbox.variables(),
            &self.sandbox.project(),
        )
    }
}

fn path_text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
