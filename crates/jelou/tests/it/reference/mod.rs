//! The generated pages of `docs/reference`. The tests compare them with the product's output, or write them if
//! `UPDATE_DOCS=1` is set (`make docs`).

mod command_line;
mod packages;
mod runtime;

use std::path::{Path, PathBuf};
use std::process::Command;

use similar::TextDiff;

use crate::support::{Sandbox, deno};

#[test]
fn reference_of_the_command_line() {
    let outcome = Sandbox::new().jelou("--describe").run();
    let root = serde_json::from_str(outcome.stdout()).unwrap();
    compare_or_write("cli.md", &command_line::page(&root));
}

#[test]
fn reference_of_the_configuration() {
    let defaults = repository("crates/jelou-server/src/default.toml");
    let defaults = std::fs::read_to_string(defaults).unwrap();
    let page = include_str!("configuration.md").replace("{defaults}", &defaults);
    compare_or_write("configuration.md", &page);
}

#[test]
fn reference_of_the_packages() {
    compare_or_write("packages.md", &packages::page(include_str!("packages.md")));
}

#[test]
fn reference_of_the_runtime() {
    compare_or_write("runtime.md", &runtime::page(include_str!("runtime.md")));
}

/// Needs the npm packages of `sdk/deno.json`.
#[test]
fn reference_of_the_sdk() {
    let pages = tempfile::tempdir().unwrap();
    let generated = Command::new(deno())
        .args(["run", "--quiet", "--allow-all", "build/reference.ts"])
        .arg(pages.path())
        .current_dir(repository("sdk"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&generated.stderr);
    assert!(generated.status.success(), "{stderr}");
    for page in ["sdk.md", "sdk-testing.md"] {
        let text = std::fs::read_to_string(pages.path().join(page)).unwrap();
        compare_or_write(page, &text);
    }
}

fn compare_or_write(page: &str, text: &str) {
    let path = repository("docs/reference").join(page);
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(path, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let diff = TextDiff::from_lines(committed.as_str(), text);
    assert!(
        committed == text,
        "docs/reference/{page} is not up to date: run `make docs` and commit the result\n{}",
        diff.unified_diff().header("committed", "generated")
    );
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
