//! Finds the tool for a path and a method.

use std::cmp::Reverse;

use jelou_core::Manifest;
use jelou_core::manifest::Tool;
use percent_encoding::percent_decode_str;

/// The routes of one deployment, the most specific first.
#[derive(Debug)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    /// The routes that a 404 response lists.
    pub(crate) available: Vec<String>,
}

#[derive(Debug)]
struct Route {
    segments: Vec<Segment>,
    /// Whether the route ends with `*`, so that further segments may follow.
    rest: bool,
    methods: Vec<String>,
    tool: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    // Ordered by precedence: a literal is matched before a parameter.
    Literal(String),
    Param(String),
}

/// The result of a search for a path and a method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Tool(RouteMatch),
    /// These tools have the path, the most specific first, but do not accept the method.
    OtherMethods(Vec<usize>),
    Nothing,
}

impl Found {
    /// Returns the tools with this path, the most specific first.
    pub(crate) fn tools(&self) -> &[usize] {
        match self {
            Self::Tool(found) => std::slice::from_ref(&found.tool),
            Self::OtherMethods(tools) => tools,
            Self::Nothing => &[],
        }
    }

    /// Returns the tool whose rules apply, even if the request is refused.
    pub(crate) fn tool(&self) -> Option<usize> {
        self.tools().first().copied()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RouteMatch {
    /// Index into the manifest's tools.
    pub(crate) tool: usize,
    pub(crate) params: Vec<(String, String)>,
    /// The path as the route spells it, if the caller spelled it differently: for example `/health` for `//health/` or
    /// `/%68ealth`. User code gets this path, so that its router finds the same route.
    pub(crate) path: Option<String>,
}

impl Routes {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let mut routes: Vec<_> = manifest
            .tools
            .iter()
            .enumerate()
            .map(|(index, tool)| Route::of(tool, index))
            .collect();
        routes.sort_by(|a, b| a.precedence().cmp(&b.precedence()));
        let mut available: Vec<String> = Vec::new();
        for tool in &manifest.tools {
            if !available.contains(&tool.path) {
                available.push(tool.path.clone());
            }
        }
        Self { routes, available }
    }

    /// Finds the most specific route that has the path and accepts the method. Several tools may have the same path.
    pub(crate) fn find(&self, path: &str, method: &str) -> Found {
        let mut others = Vec::new();
        for route in &self.routes {
            if let Some(found) = route.matches(path) {
                if route.takes(method) {
                    return Found::Tool(found);
                }
                others.push(route.tool);
            }
        }
        if others.is_empty() {
            Found::Nothing
        } else {
            Found::OtherMethods(others)
        }
    }

    /// Whether a route has the first segment of the path as its first literal. `*` and parameters are ignored.
    pub(crate) fn name_first_segment(&self, path: &str) -> bool {
        let first = split(path).next();
        self.routes.iter().any(|route| {
            matches!(route.segments.first(), Some(Segment::Literal(literal)) if Some(literal.as_str()) == first)
        })
    }
}

impl Route {
    fn of(tool: &Tool, index: usize) -> Self {
        let (fixed, rest) = match tool.path.strip_suffix('*') {
            Some(fixed) => (fixed, true),
            None => (tool.path.as_str(), false),
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
            methods: tool.methods.clone(),
            tool: index,
        }
    }

    /// Sorts the most specific route first. Among routes that end with `*`, that is the longest.
    fn precedence(&self) -> (bool, Reverse<usize>, &[Segment]) {
        let length = if self.rest { self.segments.len() } else { 0 };
        (self.rest, Reverse(length), &self.segments)
    }

    /// Whether the route accepts the method. A route with GET also accepts HEAD (RFC 9110, section 9.3.2).
    fn takes(&self, method: &str) -> bool {
        let lists = |method| self.methods.iter().any(|listed| listed == method);
        lists(method) || (method == "HEAD" && lists("GET"))
    }

    /// Matches a path. `None` if it does not match this route.
    fn matches(&self, path: &str) -> Option<RouteMatch> {
        let mut rest = path;
        let mut values = Vec::new();
        let mut is_respelled = false;
        for segment in &self.segments {
            let start = rest.find(|character| character != '/')?;
            let (value, after) = split_segment(&rest[start..]);
            is_respelled |= start != 1;
            if let Segment::Literal(literal) = segment
                && literal != value
            {
                // `%2D` equals `-` (RFC 3986, section 6.2.2.2). `%2F` does not separate segments.
                if !percent_decode_str(value).eq(percent_decode_str(literal)) {
                    return None;
                }
                is_respelled = true;
            }
            values.push(value);
            rest = after;
        }
        if !self.rest {
            if rest.bytes().any(|byte| byte != b'/') {
                return None;
            }
            is_respelled |= rest.len() != usize::from(self.segments.is_empty());
            rest = "";
        }
        Some(RouteMatch {
            tool: self.tool,
            path: is_respelled.then(|| self.spell(&values, rest)),
            params: self.params(&values),
        })
    }

    fn params(&self, values: &[&str]) -> Vec<(String, String)> {
        let pairs = self.segments.iter().zip(values);
        pairs
            .filter_map(|(segment, value)| match segment {
                Segment::Literal(_) => None,
                Segment::Param(name) => {
                    let value = percent_decode_str(value).decode_utf8_lossy();
                    Some((name.clone(), value.into_owned()))
                }
            })
            .collect()
    }

    /// Returns the path with the literals as the route spells them.
    fn spell(&self, values: &[&str], rest: &str) -> String {
        let mut path = String::new();
        for (segment, value) in self.segments.iter().zip(values) {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(literal) => literal,
                Segment::Param(_) => value,
            });
        }
        path.push_str(rest);
        if path.is_empty() {
            path.push('/');
        }
        path
    }
}

/// Splits a path into its first segment and the rest.
fn split_segment(path: &str) -> (&str, &str) {
    path.split_at(path.find('/').unwrap_or(path.len()))
}

/// Returns the segments of a path. Extra slashes are ignored.
fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_core::manifest::Mode;

    fn routes(tools: &[(&str, &str)]) -> Routes {
        let tool = |(methods, path): &(&str, &str)| Tool {
            key: (*path).to_owned(),
            name: "t".to_owned(),
            description: "d".to_owned(),
            path: (*path).to_owned(),
            methods: methods.split(' ').map(str::to_owned).collect(),
            timeout_ms: None,
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
            tools: tools.iter().map(tool).collect(),
            env: true,
            keep_warm: 0,
            routes: Vec::new(),
            logs: jelou_core::LogRules::default(),
            openapi: None,
        })
    }

    fn posts(paths: &[&str]) -> Routes {
        let tools: Vec<_> = paths.iter().map(|path| ("POST", *path)).collect();
        routes(&tools)
    }

    fn tool_of(found: &Found) -> Option<usize> {
        match found {
            Found::Tool(found) => Some(found.tool),
            _ => None,
        }
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes = posts(&["*", "/users/:id", "/users/me", "/files/*"]);
        let tool = |path: &str| tool_of(&routes.find(path, "POST"));
        assert_eq!(tool("/"), Some(0));
        assert_eq!(tool("/users/me"), Some(2));
        assert_eq!(tool("/users/7/"), Some(1));
        assert_eq!(tool("/files/a/b"), Some(3));
        assert_eq!(tool("/users/7/x"), Some(0));
    }

    #[test]
    fn params_are_decoded() {
        let params = |path: &str| match posts(&["/users/:id/:tab"]).find(path, "POST") {
            Found::Tool(found) => found.params,
            other => panic!("{other:?}"),
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            params("/users/a%20b/x"),
            [pair("id", "a b"), pair("tab", "x")]
        );
        // An encoded slash is part of its segment.
        assert_eq!(
            params("/users/a%2Fb/x"),
            [pair("id", "a/b"), pair("tab", "x")]
        );
        assert_eq!(posts(&["/a"]).find("/b", "POST"), Found::Nothing);
    }

    #[test]
    fn what_need_not_be_encoded_may_be() {
        let routes = posts(&["/send-email"]);
        assert_eq!(tool_of(&routes.find("/send%2Demail", "POST")), Some(0));
        assert_eq!(routes.find("/send%2Femail", "POST"), Found::Nothing);
    }

    #[test]
    fn paths_are_spelled_as_their_routes() {
        let routes = posts(&["/", "/health", "/users/:id/tab", "/public/*", "/caf%C3%A9"]);
        let path = |path: &str| match routes.find(path, "POST") {
            Found::Tool(found) => found.path,
            other => panic!("{path}: {other:?}"),
        };
        for same in [
            "/",
            "/health",
            "/users/%61/tab",
            "/public",
            "/public/",
            "/public/%61//b/",
            "/caf%C3%A9",
        ] {
            assert_eq!(path(same), None, "{same}");
        }
        for (other, spelled) in [
            ("//", "/"),
            ("/health/", "/health"),
            ("//health", "/health"),
            ("/%68ealth//", "/health"),
            ("/users//%61/t%61b/", "/users/%61/tab"),
            ("//public//a//", "/public//a//"),
            ("/%70ublic/%61", "/public/%61"),
            ("/caf%c3%a9", "/caf%C3%A9"),
        ] {
            assert_eq!(path(other).as_deref(), Some(spelled), "{other}");
        }
    }

    #[test]
    fn the_method_counts_too() {
        let routes = routes(&[
            ("GET", "/notes/:id"),
            ("PUT DELETE", "/notes/:id"),
            ("POST", "*"),
        ]);
        let tool = |method| tool_of(&routes.find("/notes/7", method));
        assert_eq!(tool("GET"), Some(0));
        assert_eq!(tool("HEAD"), Some(0));
        assert_eq!(tool("DELETE"), Some(1));
        assert_eq!(tool("POST"), Some(2));
        let patch = routes.find("/notes/7", "PATCH");
        assert_eq!(patch, Found::OtherMethods(vec![0, 1, 2]));
        assert_eq!(patch.tool(), Some(0));
        assert_eq!(routes.available, ["/notes/:id", "*"]);
    }
}
