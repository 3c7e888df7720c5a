//! Which tool a path leads to.

use jelou_core::Manifest;
use percent_encoding::percent_decode_str;

/// The routes of one deployment, the most specific first.
#[derive(Debug)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    /// What a 404 lists.
    pub(crate) available: Vec<String>,
}

#[derive(Debug)]
struct Route {
    segments: Vec<Segment>,
    /// Whether anything may follow the segments.
    rest: bool,
    tool: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    // In the order in which they are tried.
    Literal(String),
    Param(String),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RouteMatch {
    /// Index into the manifest's tools.
    pub(crate) tool: usize,
    pub(crate) params: Vec<(String, String)>,
}

impl Routes {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let mut routes: Vec<_> = manifest
            .tools
            .iter()
            .enumerate()
            .map(|(tool, described)| Route::parse(&described.path, tool))
            .collect();
        routes.sort_by(|a, b| (a.rest, &a.segments).cmp(&(b.rest, &b.segments)));
        // Among routes that take any rest, the longer prefix is the more specific.
        routes.sort_by_key(|route| {
            (
                route.rest,
                if route.rest {
                    usize::MAX - route.segments.len()
                } else {
                    0
                },
            )
        });
        let available = manifest
            .tools
            .iter()
            .map(|tool| tool.path.clone())
            .collect();
        Self { routes, available }
    }

    pub(crate) fn find(&self, path: &str) -> Option<RouteMatch> {
        self.routes.iter().find_map(|route| route.matches(path))
    }
}

impl Route {
    fn parse(path: &str, tool: usize) -> Self {
        let (fixed, rest) = match path.strip_suffix('*') {
            Some(fixed) => (fixed, true),
            None => (path, false),
        };
        let segments = split(fixed)
            .map(|segment| match segment.strip_prefix(':') {
                Some(name) => Segment::Param(name.to_owned()),
                None => Segment::Literal(segment.to_owned()),
            })
            .collect();
        Self {
            segments,
            rest,
            tool,
        }
    }

    fn matches(&self, path: &str) -> Option<RouteMatch> {
        let mut given = split(path);
        let mut params = Vec::new();
        for segment in &self.segments {
            let value = given.next()?;
            match segment {
                Segment::Literal(literal) => {
                    if literal != value {
                        return None;
                    }
                }
                Segment::Param(name) => {
                    params.push((
                        name.clone(),
                        percent_decode_str(value).decode_utf8_lossy().into_owned(),
                    ));
                }
            }
        }
        if !self.rest && given.next().is_some() {
            return None;
        }
        Some(RouteMatch {
            tool: self.tool,
            params,
        })
    }
}

/// Segments of a path; a slash at the end makes no difference.
fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_core::manifest::{Mode, Tool};

    fn routes(paths: &[&str]) -> Routes {
        let tool = |path: &&str| Tool {
            key: (*path).to_owned(),
            name: "t".to_owned(),
            description: "d".to_owned(),
            path: (*path).to_owned(),
            methods: vec!["POST".to_owned()],
            timeout_ms: 1,
            mcp: true,
            public: false,
            cors: None,
            cron: vec![],
            input_schema: None,
            output_schema: None,
            annotations: None,
        };
        Routes::of(&Manifest {
            mode: Mode::App,
            name: None,
            description: "d".to_owned(),
            tools: paths.iter().map(tool).collect(),
        })
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes = routes(&["*", "/users/:id", "/users/me", "/files/*"]);
        let tool = |path: &str| routes.find(path).map(|found| found.tool);
        assert_eq!(tool("/"), Some(0));
        assert_eq!(tool("/users/me"), Some(2));
        assert_eq!(tool("/users/7/"), Some(1));
        assert_eq!(tool("/files/a/b"), Some(3));
        assert_eq!(tool("/users/7/x"), Some(0));
    }

    #[test]
    fn params_are_decoded() {
        let found = routes(&["/users/:id/:tab"]).find("/users/a%20b/x").unwrap();
        let param = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found.params, [param("id", "a b"), param("tab", "x")]);
        assert_eq!(routes(&["/a"]).find("/b"), None);
    }
}
