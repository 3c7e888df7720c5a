//! Suggestions for mistyped names.

/// Returns the candidate that the user most likely meant, if one is similar enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// The minimum similarity of two names, from 0 to 1. clap's suggestions have the same minimum.
    const LEAST: f64 = 0.8;
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > LEAST)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_name_is_found() {
        let names = ["assets", "exclude", "include"];
        assert_eq!(nearest("asets", names), Some("assets"));
        assert_eq!(nearest("inlcude", names), Some("include"));
        assert_eq!(nearest("company", names), None);
    }
}
