//! `jelou test`: replaces this process by the engine's test runner, with the SDK in the project.

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

/// The folder for the runner's caches, inside the SDK's folder.
const CACHE: &str = ".jelou/test-cache";
/// The configuration for a project without one.
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
    // The SDK may be missing, or of another version.
    sdk::write(here)?;
    provide_packages(&data)?;
    let mut runner = Command::new(deno.binary);
    runner
        .arg("test")
        .args(["--cached-only", "--no-lock", "--no-prompt"])
        .args(["--allow-read", "--allow-env", "--allow-net", "--allow-sys"])
        .env("DENO_DIR", std::path::absolute(CACHE)?)
        .env("DENO_NO_UPDATE_CHECK", "1");
    if !context.output.has_colour() {
        // The runner looks only at the variable, and writes colours into pipes too.
        runner.env("NO_COLOR", "1");
    }
    if !["deno.json", "deno.jsonc"]
        .iter()
        .any(|name| here.join(name).is_file())
    {
        let config = CONFIG_TEXT.replace("./.jelou/", "./");
        fs::write(CONFIG, config)?;
        runner.args(["--config", CONFIG]);
    }
    // Returns only on failure: otherwise the runner replaces this process and keeps its terminal.
    let error = runner.args(args.args).exec();
    Err(error).context("cannot start the engine's test runner")
}

/// Lets the runner find the packages that builds have downloaded.
fn provide_packages(data: &Path) -> anyhow::Result<()> {
    let packages = std::path::absolute(data)?.join("cache/deno/npm");
    fs::create_dir_all(CACHE)?;
    fs::write(Path::new(CACHE).join(".gitignore"), "*\n")?;
    let link = Path::new(CACHE).join("npm");
    if packages.is_dir() && !link.is_symlink() {
        fs_err::os::unix::fs::symlink(packages, link)?;
    }
    Ok(())
}
