//! Describes the packages and remote modules of a deployment.

use jelou_core::api::Dependency;

/// Maximum number of specifiers in one line.
const LISTED: usize = 4;

/// Returns the number of packages and remote modules, and the first few. `None` if there are none.
pub(super) fn line(dependencies: &[Dependency]) -> Option<String> {
    if dependencies.is_empty() {
        return None;
    }
    let is_package = |dependency: &&Dependency| !dependency.specifier.starts_with("https:");
    let packages = dependencies.iter().filter(is_package).count();
    let modules = dependencies.len() - packages;
    let count = match (packages, modules) {
        (packages, 0) => packages.to_string(),
        (0, modules) => remote(modules),
        (packages, modules) => format!("{packages}, and {}", remote(modules)),
    };
    let names: Vec<_> = dependencies
        .iter()
        .take(LISTED)
        .map(|dependency| {
            let specifier = dependency.specifier.as_str();
            specifier.strip_prefix("npm:").unwrap_or(specifier)
        })
        .collect();
    let more = if dependencies.len() > LISTED {
        ", ...; `jelou deployments info` lists all"
    } else {
        ""
    };
    Some(format!("{count} ({}{more})", names.join(", ")))
}

fn remote(modules: usize) -> String {
    match modules {
        1 => "1 remote module".to_owned(),
        modules => format!("{modules} remote modules"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_counts_and_names() {
        let of = |specifiers: &[&str]| {
            let all: Vec<_> = specifiers
                .iter()
                .map(|specifier| Dependency {
                    specifier: (*specifier).to_owned(),
                    integrity: None,
                })
                .collect();
            line(&all)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["npm:a@1.0.0"]).unwrap(), "1 (a@1.0.0)");
        let url = "https://deno.land/x/a@1/mod.ts";
        assert_eq!(of(&[url]).unwrap(), format!("1 remote module ({url})"));
        assert_eq!(
            of(&[url, url, "jsr:@b/c@1.0.0", "npm:d@1.0.0", "npm:e@1.0.0"]).unwrap(),
            format!(
                "3, and 2 remote modules ({url}, {url}, jsr:@b/c@1.0.0, d@1.0.0, ...; `jelou deployments info` lists all)"
            )
        );
    }
}
