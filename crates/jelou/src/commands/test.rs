//! `jelou test`: becomes the engine's test runner, with the SDK of the project.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use fs_err as fs;
use jelou_engine::deno::{self, DENO_VERSION};
use jelou_server::{Config, Overrides};

use super::init::sdk;
use crate::cli::test::TestArgs;
use crate::context::Context;

/// The runner's own caches, in the folder of the SDK.
const CACHE: &str = ".jelou/test-cache";
/// The configuration of a project that has none.
const CONFIG: &str = ".jelou/deno.json";
const CONFIG_TEXT: &str = include_str!("../../templates/deno.json");

pub(super) fn run(args: TestArgs, context: &Context) -> anyhow::Result<()> {
    let overrides = Overrides {
        data: args.data,
        ..Overrides::default()
    };
    let data = Config::load(None, &overrides)?.data;
    let named = std::env::var_os("JELOU_DENO");
    let deno = match deno::locate(&data, named.as_deref())? {
        Some(deno) => deno,
        None => {
            context.output.note(&format!(
                "Installing the engine, Deno {DENO_VERSION} (the first time only)"
            ))?;
            deno::install(&data)?
        }
    };
    let here = Path::new(".");
    // A project that was cloned has none, because git ignores it.
    sdk::write(here)?;
    provide_packages(&data)?;
    let mut runner = Command::new(deno.binary);
    runner
        .arg("test")
        .args(["--cached-only", "--no-lock", "--no-prompt"])
        .args(["--allow-read", "--allow-env", "--allow-net", "--allow-sys"])
        .env("DENO_DIR", std::path::absolute(CACHE)?)
        .env("DENO_NO_UPDATE_CHECK", "1");
    if !["deno.json", "deno.jsonc"]
        .iter()
        .any(|name| here.join(name).is_file())
    {
        let config = CONFIG_TEXT.replace("./.jelou/", "./");
        fs::write(CONFIG, config)?;
        runner.args(["--config", CONFIG]);
    }
    // Only fails: the runner takes the place of this process, with its terminal and its exit code.
    let error = runner.args(args.args).exec();
    Err(error).context("cannot start the engine's test runner")
}

/// Lets the runner find the packages that builds have downloaded.
fn provide_packages(data: &Path) -> anyhow::Result<()> {
    let packages = std::path::absolute(data)?.join("cache/deno/npm");
    fs::create_dir_all(CACHE)?;
    let link = Path::new(CACHE).join("npm");
    if packages.is_dir() && !link.is_symlink() {
        fs_err::os::unix::fs::symlink(packages, link)?;
    }
    Ok(())
}
