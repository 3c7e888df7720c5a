//! The SDK in a project's `.jelou/` folder: types for editors, and modules for the project's own tests. It is never
//! uploaded, because the server uses its own copy.

use std::path::Path;

use fs_err as fs;
use jelou_engine::{SDK_MODULES, TYPES};

pub(in crate::commands) const FOLDER: &str = ".jelou/";
/// The files that `jelou types` writes, inside the folder. Until then, the SDK has empty files in their place.
pub(in crate::commands) const SECRETS: &str = "types/project/secrets.d.ts";
pub(in crate::commands) const FUNCTIONS: &str = "types/project/functions.d.ts";

/// The first lines of each module: a comment with the path of its types for Deno, and comments that exclude the module
/// from lint and format.
const HEADS: [(&str, &str); 2] = [
    (
        "functions.js",
        "// @ts-self-types=\"./types/functions.d.ts\"\n// deno-lint-ignore-file\n// deno-fmt-ignore-file\n",
    ),
    (
        "testing.js",
        "// @ts-self-types=\"./types/testing.d.ts\"\n// deno-lint-ignore-file\n// deno-fmt-ignore-file\n",
    ),
];

/// Writes the SDK, and keeps its folder out of git. Overwrites the files of another version, but not the files that
/// `jelou types` writes.
///
/// # Errors
///
/// When the folder cannot be written.
pub(in crate::commands) fn write(folder: &Path) -> anyhow::Result<()> {
    let own = folder.join(FOLDER);
    let types = own.join("types");
    fs::create_dir_all(&types)?;
    let project = [SECRETS, FUNCTIONS].map(|file| own.join(file));
    let known = project.map(|path| (fs::read(&path).ok(), path));
    fs::write(own.join(".gitignore"), "*\n")?;
    TYPES.extract(&types)?;
    for (content, path) in known {
        if let Some(content) = content {
            fs::write(path, content)?;
        }
    }
    for ((name, head), (_, module)) in HEADS.into_iter().zip(SDK_MODULES) {
        fs::write(own.join(name), format!("{head}{module}"))?;
    }
    Ok(())
}
