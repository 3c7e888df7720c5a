//! Checks that code is UTF-8 text, because the bundler would replace other bytes without an error.

use jelou_core::SourceFile;

use super::error::BuildError;

/// Checks a file with code.
///
/// # Errors
///
/// When the file is not UTF-8.
pub(super) fn check(file: &SourceFile) -> Result<(), BuildError> {
    let Err(error) = std::str::from_utf8(&file.content) else {
        return Ok(());
    };
    let is_utf_16 = [[0xff, 0xfe], [0xfe, 0xff]]
        .iter()
        .any(|mark| file.content.starts_with(mark));
    let before = &file.content[..error.valid_up_to()];
    Err(BuildError::Encoding {
        file: file.path.clone(),
        found: if is_utf_16 {
            "UTF-16".to_owned()
        } else {
            let line = before.split(|byte| *byte == b'\n').count();
            format!("not UTF-8 text (line {line})")
        },
    })
}
