//! Starts a project from the files in `templates/`.

use std::io::Write;
use std::path::Path;

use fs_err as fs;
use jelou_core::source::DEFAULT_ENTRYPOINT;
use jelou_core::{FunctionId, Slug};
use jelou_engine::TYPES;
use serde::Serialize;

use crate::cli::init::{InitArgs, InitMode};
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::project::{FILE_NAME, ProjectFile};

const INDEX: &str = include_str!("../../templates/index.ts");
const DENO_JSON: &str = include_str!("../../templates/deno.json");
const ENV: &str = include_str!("../../templates/env");
/// Left out of an upload: the server has the SDK itself, and these are for the editor.
const TYPES_FOLDER: &str = ".jelou/types";
const IGNORED: [&str; 4] = [".env", ".env.*", "node_modules/", "dist/"];

#[derive(Serialize)]
struct Started<'a> {
    function: &'a Slug,
    id: Option<FunctionId>,
    files: Vec<&'static str>,
}

pub(crate) fn run(args: &InitArgs, context: &Context) -> anyhow::Result<()> {
    let folder = args.dir.as_path();
    let slug = match &args.slug {
        Some(slug) => slug.clone(),
        None => slug_of_folder(folder, context)?,
    };
    if !args.force {
        refuse_to_overwrite(folder)?;
    }
    let id = match args.mode {
        InitMode::Create => None,
        InitMode::Link => Some(context.client()?.functions().get(&slug)?.id),
    };

    let types = folder.join(TYPES_FOLDER);
    fs::create_dir_all(&types)?;
    TYPES.extract(types)?;
    let project = ProjectFile::new(folder, &slug, id.as_ref(), DEFAULT_ENTRYPOINT)?;
    fs::write(folder.join("index.ts"), INDEX)?;
    fs::write(folder.join(FILE_NAME), project.text()?)?;
    fs::write(folder.join("deno.json"), DENO_JSON)?;
    write_env(&folder.join(".env"))?;
    add_ignored(&folder.join(".gitignore"))?;

    let files = vec![
        "index.ts",
        FILE_NAME,
        "deno.json",
        ".env",
        ".gitignore",
        ".jelou/types/",
    ];
    context.output.result_with(
        &Started {
            function: &slug,
            id,
            files: files.clone(),
        },
        &[Breadcrumb::new("jelou deploy", "Deploy it")],
        |human| {
            human.success(&format!("Started {slug}"))?;
            human.item(&format!("Files: {}", files.join(", ")))?;
            human.item("Next:  jelou deploy")
        },
    )?;
    Ok(())
}

/// The folder's own name where it is a slug; else something like it is proposed.
fn slug_of_folder(folder: &Path, context: &Context) -> anyhow::Result<Slug> {
    let folder = std::path::absolute(folder)?;
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if let Ok(slug) = name.parse() {
        return Ok(slug);
    }
    let proposal = propose(&name);
    context
        .prompt
        .line(
            &context.output,
            "Slug of the function:",
            proposal.as_ref().map(Slug::as_str),
            "--slug",
        )?
        .parse()
        .map_err(|error: jelou_core::slug::ParseSlugError| {
            Failure::validation(error.to_string()).into()
        })
}

fn propose(name: &str) -> Option<Slug> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-").parse().ok()
}

fn refuse_to_overwrite(folder: &Path) -> anyhow::Result<()> {
    let existing: Vec<&str> = ["index.ts", FILE_NAME, "deno.json"]
        .into_iter()
        .filter(|name| folder.join(name).exists())
        .collect();
    if existing.is_empty() {
        return Ok(());
    }
    Err(
        Failure::conflict(format!("already there: {}", existing.join(", ")))
            .hint("`--force` overwrites them")
            .into(),
    )
}

/// Never overwritten: it has values that are nowhere else.
fn write_env(path: &Path) -> anyhow::Result<()> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;

    let created = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Ok(mut file) => Ok(file.write_all(ENV.as_bytes())?),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Adds the lines that are missing.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_becomes_a_slug() {
        for (name, slug) in [
            ("Mi Función", Some("mi-funci-n")),
            ("hello_world.v2", Some("hello-world-v2")),
            ("--", None),
        ] {
            assert_eq!(
                propose(name).map(|slug| slug.to_string()).as_deref(),
                slug,
                "{name}"
            );
        }
    }
}
