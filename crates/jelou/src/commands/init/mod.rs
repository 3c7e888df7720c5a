//! `jelou init`: creates a project from the files in `templates/`, or links a folder to an existing function.

mod folder_name;
mod link;
pub(super) mod sdk;
mod template;

use std::io::Write;
use std::path::Path;

use fs_err as fs;
use jelou_core::{FunctionId, Slug};
use serde::Serialize;

use crate::cli::init::{InitArgs, InitMode};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::project::{FILE_NAME, ProjectFile};
use template::Template;

const TSCONFIG: &str = include_str!("../../../templates/tsconfig.json");
/// Attaches VS Code's debugger to `jelou dev --inspect`.
const LAUNCH: &str = include_str!("../../../templates/launch.json");
const LAUNCH_FILE: &str = ".vscode/launch.json";
const ENV: &str = include_str!("../../../templates/env");
const IGNORED: [&str; 4] = [".env", ".env.*", "node_modules/", "dist/"];

#[derive(Serialize)]
struct Started<'a> {
    function: &'a Slug,
    id: Option<FunctionId>,
    files: Vec<String>,
}

pub(crate) fn run(args: &InitArgs, context: &Context) -> anyhow::Result<()> {
    match (args.mode, args.template) {
        (InitMode::Create, _) if args.download => Err(Failure::validation(
            "--download gets the code of a function that the server has, and this would start new code",
        )
        .hint("add `--mode link`")
        .into()),
        (InitMode::Create, _) => create(args, context),
        (InitMode::Link, None) => link::run(args, context),
        (InitMode::Link, Some(_)) => Err(Failure::validation(
            "--template starts new code, and `--mode link` keeps the code of a function",
        )
        .hint("leave one of them out; `--mode link --download` gets the function's code")
        .into()),
    }
}

fn create(args: &InitArgs, context: &Context) -> anyhow::Result<()> {
    let folder = args.dir.as_path();
    let slug = match &args.slug {
        Some(slug) => slug.clone(),
        None => folder_name::slug(folder, context)?,
    };
    let template = Template::of(args.template);
    let code = template.code.iter().map(|(path, _)| *path);
    let own: Vec<&str> = code.chain([FILE_NAME, "deno.json"]).collect();
    if !args.force {
        refuse_to_overwrite(folder, &own)?;
    }
    sdk::write(folder)?;
    let project = ProjectFile::new(folder, &slug, None, template.entrypoint())?;
    for (path, text) in template.code {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text)?;
    }
    fs::write(folder.join(FILE_NAME), project.text())?;
    fs::write(folder.join("deno.json"), template.deno_json)?;
    write_new(&folder.join("tsconfig.json"), TSCONFIG, 0o644)?;
    if let Some((path, text)) = template.test {
        write_new(&folder.join(path), text, 0o644)?;
    }
    let launch = folder.join(LAUNCH_FILE);
    fs::create_dir_all(launch.parent().unwrap_or(folder))?;
    write_new(&launch, LAUNCH, 0o644)?;
    // Private, because the file contains values that are stored nowhere else.
    write_new(&folder.join(".env"), ENV, 0o600)?;
    add_ignored(&folder.join(".gitignore"))?;

    let test = template.test.iter().map(|(path, _)| *path);
    let others = [
        "tsconfig.json",
        LAUNCH_FILE,
        ".env",
        ".gitignore",
        sdk::FOLDER,
    ];
    let files: Vec<&str> = own.into_iter().chain(test).chain(others).collect();
    context.output.result_with(
        &Started {
            function: &slug,
            id: None,
            files: files.iter().map(ToString::to_string).collect(),
        },
        &[
            Breadcrumb::new(in_folder(folder, "dev"), "Serve it on this machine"),
            Breadcrumb::new(in_folder(folder, "deploy"), "Deploy it"),
        ],
        |human| {
            human.success(&format!("Started {slug}"))?;
            human.item(&format!("Files: {}", files.join(", ")))?;
            human.item(&format!("Next:  {}", in_folder(folder, "dev")))
        },
    )?;
    Ok(())
}

/// Returns the command for the project in this folder.
fn in_folder(folder: &Path, command: &str) -> String {
    if folder == Path::new(".") {
        return format!("jelou {command}");
    }
    format!("jelou {command} {}", folder.display())
}

fn refuse_to_overwrite(folder: &Path, files: &[&str]) -> anyhow::Result<()> {
    let existing: Vec<&str> = files
        .iter()
        .copied()
        .filter(|name| folder.join(name).exists())
        .collect();
    if existing.is_empty() {
        return Ok(());
    }
    Err(
        Failure::conflict(format!("already there: {}", existing.join(", ")))
            .hint("`--force` overwrites them; `--mode link` links the folder to a function that the server has, and leaves its code alone")
            .into(),
    )
}

/// Writes a file, unless it exists.
fn write_new(path: &Path, content: &str, mode: u32) -> anyhow::Result<()> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;

    let created = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    match created {
        Ok(mut file) => Ok(file.write_all(content.as_bytes())?),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Adds the missing lines to `.gitignore`.
fn add_ignored(path: &Path) -> anyhow::Result<()> {
    let mut text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in IGNORED {
        if !text.lines().any(|existing| existing.trim() == line) {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(fs::write(path, text)?)
}
