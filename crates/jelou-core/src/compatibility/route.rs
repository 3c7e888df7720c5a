//! Compares the paths that two routes accept.

/// Whether `route` accepts every path that `other` accepts.
pub(super) fn covers(route: &str, other: &str) -> bool {
    let (mut route, mut other) = (segments(route), segments(other));
    loop {
        match (route.next(), other.next()) {
            (Some("*"), _) | (None, None) => return true,
            (Some(segment), Some(wanted)) if wanted != "*" => {
                let is_same = segment == wanted && !is_parameter(wanted);
                if !is_same && !is_parameter(segment) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Returns a sort key: more specific routes come first. Literals are the most specific, a wildcard the least.
pub(super) fn openness(route: &str) -> (bool, usize) {
    let parameters = segments(route).filter(|segment| is_parameter(segment));
    (route.ends_with('*'), parameters.count())
}

pub(super) fn parameters(route: &str) -> Vec<&str> {
    segments(route)
        .filter_map(|segment| segment.strip_prefix(':'))
        .collect()
}

fn segments(route: &str) -> impl Iterator<Item = &str> {
    route.split('/').filter(|segment| !segment.is_empty())
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_covers_more_specific_routes() {
        for (route, other, covered) in [
            ("*", "/a/:b", true),
            ("/a/*", "/a", true),
            ("/a/*", "/a/b/c", true),
            ("/a/:b", "/a/b", true),
            ("/a/:b", "/a/:c", true),
            ("/a/b", "/a/:b", false),
            ("/a", "/a/b", false),
            ("/a/b", "/a", false),
            ("/a", "*", false),
            ("/a/:b", "/a/*", false),
            ("/a/", "/a", true),
        ] {
            assert_eq!(covers(route, other), covered, "{route} {other}");
        }
        assert_eq!(parameters("/a/:b/:c"), ["b", "c"]);
    }
}
