//! `jelou types`: writes types that TypeScript cannot infer: the names of the secrets, and the schemas of other
//! functions.

mod functions;
mod schema;
mod secrets;

use std::path::Path;

use fs_err as fs;
use serde::Serialize;

use super::init::sdk;
use crate::cli::types::TypesArgs;
use crate::context::Context;
use crate::output::Breadcrumb;
use crate::project;

pub(super) use self::secrets::write as write_secrets;

/// The first lines of each file.
const HEAD: &str = "// Written by `jelou types`. Changes are overwritten.\n// deno-lint-ignore-file\n// deno-fmt-ignore-file\n";

#[derive(Serialize)]
struct Written {
    /// Number of secrets.
    secrets: usize,
    /// Number of functions; absent if they were not requested.
    functions: Option<usize>,
}

pub(super) fn run(args: &TypesArgs, context: &Context) -> anyhow::Result<()> {
    let dir = args.dir.as_path();
    project::check_folder(dir)?;
    sdk::write(dir)?;
    let names = secrets::names(dir, args.env_file.as_deref())?;
    secrets::write(dir, names.iter().map(String::as_str))?;
    let functions = if args.remote {
        Some(functions::write(dir, &context.client()?)?)
    } else {
        None
    };
    let written = Written {
        secrets: names.len(),
        functions,
    };
    let check = Breadcrumb::new("deno check", "Check the types of the project");
    context.output.result_with(&written, &[check], |human| {
        human.success(&format!("Wrote the types of {} secrets", names.len()))?;
        match functions {
            Some(count) => human.success(&format!("Wrote the types of {count} functions")),
            None => Ok(()),
        }
    })?;
    Ok(())
}

/// Writes a file of the SDK's types, unless it has this content already, because editors reload every written file.
fn write(dir: &Path, file: &str, declarations: &str) -> anyhow::Result<()> {
    let path = dir.join(sdk::FOLDER).join(file);
    let text = format!("{HEAD}{declarations}");
    if fs::read_to_string(&path).is_ok_and(|known| known == text) {
        return Ok(());
    }
    Ok(fs::write(path, text)?)
}

/// Returns a string literal of TypeScript.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
