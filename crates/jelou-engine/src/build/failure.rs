//! Turns an error of the bundler into an error about the upload.

use super::bundle::path_of;
use super::error::BuildError;
use super::esbuild::Message;
use super::graph::Resolved;
use super::modules::{self, ModuleSource, Modules};
use super::workspace::Workspace;
use super::{native, near_miss, pnp, wrong_imports};

/// The texts before and after the specifier in the bundler's error about an import that cannot be resolved.
const UNRESOLVED: (&str, &str) = ("Could not resolve \"", "\"");
/// The start of the bundler's error about an import of a name that the file does not export.
const NO_EXPORT: &str = "No matching export in \"";

pub(super) fn of(
    modules: &Modules<'_>,
    workspace: &Workspace,
    resolved: &Resolved,
    message: &Message,
) -> BuildError {
    let text = readable_text(workspace, resolved, &message.text);
    let Some(place) = &message.place else {
        return BuildError::Source(text);
    };
    let path = path_of(workspace, &place.file);
    let place = |file: &str| format!("{file}:{}:{}", place.line, place.column + 1);
    let file = match modules.source_of(&path) {
        // The message has the specifier of the source, not the private name of an installed package.
        Some(ModuleSource::Upload(file)) if text == message.text => {
            return in_upload(workspace, file, &place(file), text);
        }
        Some(ModuleSource::Upload(file)) => file.to_owned(),
        Some(ModuleSource::Package { id, .. }) if id.starts_with(native::PRISMA) => {
            return BuildError::Prisma;
        }
        Some(ModuleSource::Package { id, file, .. }) => format!("npm:{id}/{file}"),
        Some(ModuleSource::Remote(url)) => url.to_owned(),
        None => return BuildError::Source(text),
    };
    BuildError::Source(format!("{}: {text}", place(&file)))
}

/// Returns the error for a message about a file of the upload.
fn in_upload(workspace: &Workspace, file: &str, place: &str, text: String) -> BuildError {
    let (start, end) = UNRESOLVED;
    let specifier = text
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end));
    // An argument of `require` or `import()` that Deno does not resolve. Missing files were already reported.
    match specifier {
        Some(specifier) if !specifier.starts_with(['.', '/']) => {
            wrong_imports::unknown_package(workspace, file, place.to_owned(), specifier)
        }
        // A path with backslashes, which Deno does not treat as a path. The bundler's message escapes them.
        Some(specifier) if specifier.starts_with('.') => {
            let files: Vec<&str> = workspace.files().iter().map(String::as_str).collect();
            let path = specifier.replace("\\\\", "\\");
            BuildError::MissingFile {
                suggestion: near_miss::of_missing_file(file, &path, &files),
                importer: place.to_owned(),
                specifier: specifier.to_owned(),
            }
        }
        _ => BuildError::Source(format!("{place}: {}", with_advice(workspace, text))),
    }
}

/// Replaces the path in an error about a missing export by the path in the upload. Adds advice if the file uses
/// `CommonJS` exports.
fn with_advice(workspace: &Workspace, text: String) -> String {
    let exporter = text
        .strip_prefix(NO_EXPORT)
        .and_then(|rest| rest.split_once('"'))
        .and_then(|(file, rest)| Some((file.strip_prefix("src/")?, rest)));
    let Some((file, rest)) = exporter else {
        return text;
    };
    let is_file = workspace.files().iter().any(|own| own == file);
    let source = is_file
        .then(|| std::fs::read_to_string(workspace.src().join(file)).ok())
        .flatten()
        .unwrap_or_default();
    let advice = if near_miss::exports_as_commonjs(&source) {
        format!("; {}", near_miss::ES_MODULES)
    } else {
        String::new()
    };
    format!("{NO_EXPORT}{file}\"{rest}{advice}")
}

/// Returns the bundler's message without the paths and private names of the build.
fn readable_text(workspace: &Workspace, resolved: &Resolved, text: &str) -> String {
    let mut text = workspace
        .readable(text)
        .replace(&format!("\"{}:", modules::REMOTE), "\"");
    for (index, package) in resolved.packages.values().enumerate() {
        for end in ["/", "\""] {
            let private = format!("\"{}{end}", pnp::private_name(index));
            text = text.replace(&private, &format!("\"{}{end}", package.label()));
        }
    }
    text
}
