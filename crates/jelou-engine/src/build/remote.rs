//! Remote modules: modules that are imported by URL, and JSR packages, which are modules of one host. Deno downloads
//! them to a folder of the build, only from hosts of the operator's list, and checks every redirect against the list.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::error::BuildError;
use super::lock::{DENO_LOCK, Lock};
use super::modules::read;
use super::wasm;
use crate::hex::hex;
use crate::network::NetworkConfig;
use jelou_core::Limits;

/// The port of an allowed host without a port.
const PORT: u16 = 443;
/// The URL of JSR packages, unless the server's environment has another registry (`JSR_URL`).
const JSR: &str = "https://jsr.io/";
/// The start of the line about the response that Deno appends to each file in its cache.
const CACHE_METADATA: &[u8] = b"\n// denoCacheMetadata=";

/// The replacement for the HTTP server of Deno's standard library. Old versions of this server use functions that the
/// runtime no longer has.
const STD_SERVER: &str = include_str!("std_server.js");

#[derive(Debug)]
pub(super) struct RemoteModule {
    pub(super) file: PathBuf,
    /// Deno's name of the media type, such as `TypeScript`. `None` for text and bytes.
    pub(super) media: Option<String>,
}

/// The remote modules by URL, after redirects.
pub(super) type RemoteModules = BTreeMap<String, RemoteModule>;

impl RemoteModule {
    /// Returns the content as the host sent it.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(super) fn content(&self) -> std::io::Result<Vec<u8>> {
        let mut content = read(&self.file)?;
        let length = split(&content).0.len();
        content.truncate(length);
        Ok(content)
    }

    /// Returns the content for the bundler, and the bundler's loader. `None` if a `.wasm` file is not a WebAssembly
    /// module.
    pub(super) fn code(&self) -> std::io::Result<Option<(Vec<u8>, &'static str)>> {
        let content = self.content()?;
        Ok(Some(match self.media.as_deref().unwrap_or_default() {
            "TypeScript" | "Mts" | "Cts" => (content, "ts"),
            "TSX" => (content, "tsx"),
            "JSX" => (content, "jsx"),
            "Json" => (content, "json"),
            // Type declarations become empty modules.
            "Dts" | "Dmts" | "Dcts" => (Vec::new(), "js"),
            "Wasm" => match wasm::module(&content, "./remote.wasm") {
                Some(code) => (code.into_bytes(), "js"),
                None => return Ok(None),
            },
            _ => (content, "js"),
        }))
    }

    /// Returns the code that replaces the code of a module that cannot run here.
    pub(super) fn replacement(url: &str) -> Option<&'static str> {
        let path = url.strip_prefix("https://deno.land/std")?;
        let path = path.strip_prefix('@').map_or(Some(path), |path| {
            path.find('/').map(|slash| &path[slash..])
        })?;
        (path == "/http/server.ts").then_some(STD_SERVER)
    }

    /// Returns the digest of the content in hexadecimal, as in a lock file.
    pub(super) fn sha256(&self) -> std::io::Result<String> {
        Ok(hex(&Sha256::digest(self.content()?)))
    }
}

/// Splits a file of Deno's cache into the content and the JSON about the response.
pub(super) fn split(file: &[u8]) -> (&[u8], Option<&[u8]>) {
    let metadata = file
        .windows(CACHE_METADATA.len())
        .rposition(|part| part == CACHE_METADATA);
    match metadata {
        Some(at) => (&file[..at], Some(&file[at + CACHE_METADATA.len()..])),
        None => (file, None),
    }
}

/// The rules for remote modules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    hosts: &'a [String],
}

impl<'a> Rules<'a> {
    pub(super) fn of(network: &'a NetworkConfig) -> Self {
        Self {
            hosts: &network.module_hosts,
        }
    }

    /// Returns Deno's option for these rules.
    pub(super) fn option(self) -> String {
        if self.hosts.is_empty() {
            return "--no-remote".to_owned();
        }
        let hosts: Vec<_> = self.hosts.iter().map(|host| with_port(host)).collect();
        format!("--allow-import={}", hosts.join(","))
    }

    pub(super) fn are_off(self) -> bool {
        self.hosts.is_empty()
    }

    /// Checks whether an import follows the rules and was downloaded.
    ///
    /// * `url`: the imported URL, or `jsr:` specifier
    /// * `target`: the URL after redirects
    /// * `error`: Deno's error for the target
    ///
    /// # Errors
    ///
    /// Why the module cannot be imported.
    pub(super) fn check(self, url: &str, target: &str, error: Option<&str>) -> Result<(), Problem> {
        if self.hosts.is_empty() {
            return Err(Problem::Off);
        }
        if url.starts_with("http:") {
            return Err(Problem::Insecure);
        }
        let Some(error) = error else { return Ok(()) };
        let jsr = jsr();
        let of_url = |url: &str| {
            let url = if url.starts_with("jsr:") { &jsr } else { url };
            url::Url::parse(url)
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
                .unwrap_or_default()
        };
        let refused = error.split_once("Requires import access to \"");
        if let Some((_, refused)) = refused {
            let host = refused.split('"').next().unwrap_or_default();
            return Err(Problem::Host {
                host: host.trim_end_matches(":443").to_owned(),
                allowed: self.hosts.join(", "),
                redirect: (target != url).then(|| target.to_owned()),
            });
        }
        let host = of_url(target);
        Err(if error.contains("not found") || error.contains("404") {
            Problem::Missing { host }
        } else if error.contains("Import '") && error.contains("failed") {
            Problem::Unreachable { host }
        } else {
            Problem::Other(error.to_owned())
        })
    }
}

/// Checks the number of the modules and their total size.
///
/// # Errors
///
/// [`BuildError::RemoteLimit`] or [`BuildError::Io`].
pub(super) fn check_limits(modules: &RemoteModules, limits: &Limits) -> Result<(), BuildError> {
    let count = modules.len() as u64;
    let most = limits.max_remote_modules;
    if count > most {
        return Err(BuildError::RemoteLimit {
            what: format!("there are {count} remote modules"),
            limit: format!("{most} modules (limits.max_remote_modules, a server setting)"),
        });
    }
    let mut bytes = 0;
    for module in modules.values() {
        bytes += fs_err::symlink_metadata(&module.file)?.len();
    }
    let most = limits.max_remote_bytes;
    if bytes > most {
        return Err(BuildError::RemoteLimit {
            what: format!("the remote modules are {bytes} bytes together"),
            limit: format!("{most} bytes (limits.max_remote_bytes, a server setting)"),
        });
    }
    Ok(())
}

/// Checks the modules against the lock file of the upload. Deno checks only code, not text and bytes.
///
/// # Errors
///
/// The first module with another digest.
pub(super) fn check_against(
    modules: &RemoteModules,
    file: &str,
    text: &str,
) -> Result<(), BuildError> {
    if file != DENO_LOCK {
        return Ok(());
    }
    let own = Lock::parse(file, text)?;
    for (url, module) in modules {
        if own
            .remote(url)
            .is_some_and(|digest| module.sha256().is_ok_and(|found| found != digest))
        {
            return Err(BuildError::RemoteIntegrity {
                module: url.clone(),
                lock: file.to_owned(),
            });
        }
    }
    Ok(())
}

/// Returns the module or the JSR package in Deno's error message about a digest that differs from the lock file.
pub(super) fn changed_module(message: &str) -> Option<String> {
    let (_, details) = message.split_once("Integrity check failed for ")?;
    details.lines().find_map(|line| {
        let line = line.trim();
        if let Some(package) = line.strip_prefix("Package: ") {
            return Some(format!("jsr:{package}"));
        }
        line.strip_prefix("Specifier: ").map(str::to_owned)
    })
}

/// Why a remote module cannot be imported. The text continues the sentence "`a` imports `b`, …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The operator allows no remote modules.
    Off,
    /// The URL has the scheme `http:`.
    Insecure,
    Host {
        host: String,
        allowed: String,
        /// The URL to which the imported URL redirects.
        redirect: Option<String>,
    },
    Missing {
        host: String,
    },
    Unreachable {
        host: String,
    },
    /// Deno's error message.
    Other(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instead = "use an `npm:` package or put the file into the project";
        match self {
            Self::Off => write!(
                f,
                "which is a remote module; this server allows none (egress.module_hosts is empty), so {instead}"
            ),
            Self::Insecure => write!(
                f,
                "which is not protected by TLS; write `https://`, or {instead}"
            ),
            Self::Host {
                host,
                allowed,
                redirect,
            } => {
                match redirect {
                    Some(target) => write!(f, "which redirects to `{target}`; ")?,
                    None => f.write_str("a remote module; ")?,
                }
                write!(
                    f,
                    "this server allows modules from {allowed} and not from `{host}` (egress.module_hosts), so {instead}"
                )
            }
            Self::Missing { host } => write!(f, "and `{host}` has no such module"),
            Self::Unreachable { host } => write!(
                f,
                "which could not be downloaded from `{host}`; try again, or check that the server reaches this host"
            ),
            Self::Other(error) => write!(f, "which cannot be used: {error}"),
        }
    }
}

/// Returns the JSR package of a module: `@scope/name@version`.
pub(super) fn jsr_package(url: &str) -> Option<String> {
    let mut path = url.strip_prefix(&jsr())?.splitn(4, '/');
    let (scope, name, version) = (path.next()?, path.next()?, path.next()?);
    scope
        .starts_with('@')
        .then(|| format!("{scope}/{name}@{version}"))
}

/// Returns the URL of the JSR registry, with a slash at its end.
pub(super) fn jsr() -> String {
    let url = std::env::var("JSR_URL").unwrap_or_else(|_| JSR.to_owned());
    format!("{}/", url.trim_end_matches('/'))
}

fn with_port(host: &str) -> String {
    if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{PORT}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_host_and_the_setting() {
        let hosts = ["a.example".to_owned(), "b.example:8443".to_owned()];
        let rules = Rules { hosts: &hosts };
        assert_eq!(
            rules.option(),
            "--allow-import=a.example:443,b.example:8443"
        );
        let url = "https://a.example/x.ts";
        let other = "https://c.example/y.ts";
        let refused =
            "Requires import access to \"c.example:443\", run again with the --allow-import flag";
        let check = |url, target, error| rules.check(url, target, error).unwrap_err().to_string();
        assert!(rules.check(url, url, None).is_ok());
        assert_eq!(
            check(url, other, Some(refused)),
            "which redirects to `https://c.example/y.ts`; this server allows modules from a.example, b.example:8443 and not \
             from `c.example` (egress.module_hosts), so use an `npm:` package or put the file into the project"
        );
        assert!(check(other, other, Some(refused)).starts_with("a remote module; this server"));
        assert!(check("http://a.example/x.ts", "", None).contains("TLS"));
        let missing = Some("Module not found \"https://a.example/x.ts\".");
        assert_eq!(
            check(url, url, missing),
            "and `a.example` has no such module"
        );
        let failed = Some("Import 'https://a.example/x.ts' failed.");
        assert!(check(url, url, failed).contains("downloaded from `a.example`"));
        let off = Rules { hosts: &[] }.check(url, url, None).unwrap_err();
        assert!(off.to_string().contains("egress.module_hosts is empty"));
    }

    #[test]
    fn the_content_excludes_the_metadata_of_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("x");
        let content = "const a = \"\\n// denoCacheMetadata=\";\n// denoCacheMetadata=no\n";
        fs_err::write(&file, format!("{content}\n// denoCacheMetadata={{}}")).unwrap();
        let module = RemoteModule { file, media: None };
        assert_eq!(module.content().unwrap(), content.as_bytes());
    }

    #[test]
    fn the_code_of_an_old_http_server_is_replaced() {
        for (url, replaced) in [
            ("https://deno.land/std@0.168.0/http/server.ts", true),
            ("https://deno.land/std/http/server.ts", true),
            ("https://deno.land/std@0.168.0/http/server_test.ts", false),
            ("https://deno.land/x/a@1/http/server.ts", false),
        ] {
            assert_eq!(RemoteModule::replacement(url).is_some(), replaced, "{url}");
        }
    }

    #[test]
    fn the_jsr_package_of_a_url_is_found() {
        assert_eq!(
            jsr_package("https://jsr.io/@std/encoding/1.0.5/hex.ts").as_deref(),
            Some("@std/encoding@1.0.5")
        );
        assert_eq!(jsr_package("https://deno.land/x/a@1/mod.ts"), None);
    }
}
