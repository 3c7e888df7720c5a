//! Removes credentials from the machine's npm configuration. Only the step that fetches packages needs them. Later
//! steps need only the addresses of the registries, because the cache has one folder for each registry.

/// Returns the lines of an `.npmrc` with registries, without credentials.
pub(super) fn without_credentials(npmrc: &str) -> String {
    npmrc
        .lines()
        .filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            let key = key.trim();
            let is_address =
                key == "registry" || (key.starts_with('@') && key.ends_with(":registry"));
            is_address.then(|| format!("{key}={}\n", without_user(value.trim())))
        })
        .collect()
}

/// Turns `https://user:password@host/` into `https://host/`.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("//") else {
        return String::new();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}//{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_removed() {
        let npmrc = "; comment=1\n\
                     registry = https://user:pass@npm.example.com/api/\n\
                     @ours:registry=https://ours.example.com\n\
                     //npm.example.com/api/:_authToken=secret\n\
                     _auth=secret\n\
                     //x/:registry=secret\n\
                     cafile=/etc/secret\n";
        assert_eq!(
            without_credentials(npmrc),
            "registry=https://npm.example.com/api/\n@ours:registry=https://ours.example.com\n"
        );
        assert_eq!(without_credentials("registry=secret"), "registry=\n");
    }
}
