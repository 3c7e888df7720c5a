//! Runs the commands of every example's README as written, and compares their output with the README. Needs the npm
//! registry.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Sandbox, Serve, Server};

/// Runs before the commands of a README. It makes the first deploy non-interactive and stores its token in `TOKEN`. In
/// a terminal, the reader copies the token.
const PRELUDE: &str = r"set -e
export JELOU_FORCE_HUMAN_OUTPUT=1
jelou() {
  case $1 in
    deploy) TOKEN=$(command jelou deploy -y --json | jq -er .data.token) ;;
    *) command jelou $@ ;;
  esac
}
";

/// A server, and a `curl` configuration that maps the READMEs' port to the server.
fn start(sandbox: &Sandbox) -> Server {
    let server = Serve::new(sandbox).with_registry().start();
    let curlrc = format!(
        "connect-to = \"::{}\"\nnoproxy = \"*\"\nwrite-out = \"\\n\"\n",
        server.address()
    );
    std::fs::write(sandbox.home().join(".curlrc"), curlrc).unwrap();
    for example in examples() {
        for file in std::fs::read_dir(&example).unwrap() {
            let file = file.unwrap().path();
            let path = file.strip_prefix(folder()).unwrap().to_str().unwrap();
            sandbox.file(path, std::fs::read(&file).unwrap());
        }
    }
    server
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut examples: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    examples.retain(|path| path.is_dir());
    examples.sort();
    examples
}

fn name(example: &Path) -> &str {
    example.file_name().unwrap().to_str().unwrap()
}

/// The commands of a README and their expected output.
fn shown(readme: &str) -> (String, Vec<&str>) {
    let mut commands = String::new();
    let mut printed = Vec::new();
    let mut unanswered = None;
    let block = readme.split("```sh\n").nth(1).unwrap();
    for line in block.split("```").next().unwrap().lines() {
        if let Some(text) = line.strip_prefix('#') {
            printed.push(text.strip_prefix(' ').unwrap_or(text));
            unanswered = None;
            continue;
        }
        commands.push_str(line);
        commands.push('\n');
        if line.starts_with("curl ") {
            assert_eq!(unanswered, None, "a call without its answer");
            unanswered = Some(line);
        }
    }
    assert_eq!(unanswered, None, "a call without its answer");
    (commands, printed)
}

#[test]
fn every_example_answers_as_its_readme_says() {
    for example in examples() {
        let sandbox = Sandbox::new();
        let _server = start(&sandbox);
        let name = name(&example);
        let readme = std::fs::read_to_string(example.join("README.md")).unwrap();
        let (commands, printed) = shown(&readme);
        assert!(commands.contains("curl "), "{name}");
        let outcome = sandbox.shell(&format!("{PRELUDE}cd {name}\n{commands}"));
        assert_eq!(outcome.code, 0, "{name}: {outcome}");
        // Events are separated by empty lines, and `curl` adds an empty line after output that ends with one.
        let lines = outcome.stdout().lines().filter(|line| !line.is_empty());
        let printed = printed.into_iter().filter(|line| !line.is_empty());
        assert!(lines.clone().eq(printed), "{name}: {outcome}");
    }
}

#[test]
fn every_example_is_in_the_lists() {
    let readme = |path: &str| std::fs::read_to_string(folder().join(path)).unwrap();
    let of_examples = readme("README.md");
    let of_project = ["../README.md", "../README.es.md"].map(readme);
    for example in examples() {
        let name = name(&example);
        assert!(of_examples.contains(&format!("[{name}]({name})")), "{name}");
        let link = format!("[{name}](examples/{name})");
        assert!(of_project.iter().all(|page| page.contains(&link)), "{name}");
    }
}

#[test]
fn an_event_arrives_while_the_next_one_is_a_minute_away() {
    let sandbox = Sandbox::new();
    let server = start(&sandbox);
    let deployed = sandbox.jelou("deploy en-vivo -y --json").run().json();
    let token = deployed["data"]["token"].as_str().unwrap();
    let mut curl = Command::new("curl")
        .args(["--silent", "--no-buffer", "--noproxy", "*"])
        .args(["--max-time", "30", "--header"])
        .arg(format!("X-Jelou-Token: {token}"))
        .arg(format!(
            "http://{}/fn/en-vivo/cuenta?pausa=60000",
            server.address()
        ))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut event = String::new();
    BufReader::new(curl.stdout.take().unwrap())
        .read_line(&mut event)
        .unwrap();
    curl.kill().unwrap();
    curl.wait().unwrap();
    assert_eq!(event, "data: {\"faltan\":3}\n");
}
