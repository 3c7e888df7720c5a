//! Derives the slug of a new project from its folder's name.

use std::path::Path;

use deunicode::deunicode;
use jelou_core::Slug;
use jelou_core::slug::ParseSlugError;

use crate::context::Context;
use crate::exit::Failure;

/// Returns the folder's name if it is a slug. Otherwise asks the user, with a similar slug as the default.
///
/// # Errors
///
/// If the user cannot be asked, or the answer is not a slug.
pub(super) fn slug(folder: &Path, context: &Context) -> anyhow::Result<Slug> {
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
        .map_err(|error: ParseSlugError| Failure::validation(error.to_string()).into())
}

/// Transliterates the name to ASCII and joins its words with `-`.
fn propose(name: &str) -> Option<Slug> {
    const MAX_LENGTH: usize = 63;
    let ascii = deunicode(name).to_ascii_lowercase();
    let words: Vec<&str> = ascii
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut slug = words.join("-");
    slug.truncate(MAX_LENGTH);
    slug.trim_end_matches('-').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_becomes_a_slug() {
        for (name, slug) in [
            ("función", Some("funcion")),
            ("Mi Función", Some("mi-funcion")),
            ("cotización_año", Some("cotizacion-ano")),
            ("Straße", Some("strasse")),
            ("Łódź ćma", Some("lodz-cma")),
            ("funcio\u{301}n", Some("funcion")),
            ("hello_world.v2", Some("hello-world-v2")),
            ("--", None),
        ] {
            assert_eq!(
                propose(name).map(|slug| slug.to_string()).as_deref(),
                slug,
                "{name}"
            );
        }
        let long = "a-".repeat(40);
        assert_eq!(propose(&long).unwrap().as_str().len(), 63);
    }
}
