//! Formats sizes of files.

/// Returns `65 B` or `1.2 KB`. A KB is 1024 bytes.
pub(crate) fn size(bytes: u64) -> String {
    const KB: u64 = 1024;
    if bytes < KB {
        return format!("{bytes} B");
    }
    let tenths = (bytes * 10 + KB / 2) / KB;
    format!("{}.{} KB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_decimal_from_a_kilobyte_on() {
        for (bytes, text) in [
            (0, "0 B"),
            (65, "65 B"),
            (1023, "1023 B"),
            (1024, "1.0 KB"),
            (1229, "1.2 KB"),
            (262_144, "256.0 KB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
