//! The settings of the server, validated at startup. The command line has priority over the environment, then the file,
//! then the defaults.

mod connections;
mod cron;
mod database;
mod egress;
mod leaks;
mod logs;
mod master_key;
mod metrics;
mod otlp;
mod tokens;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::{Figment, Source};
use jelou_core::Limits;
use jelou_core::limits::LimitsError;
use jelou_engine::SandboxConfig;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

pub use crate::network::Networks;
use crate::oidc;
pub use connections::Connections;
pub use cron::Cron;
pub use database::Database;
pub use egress::{Egress, ProxyUrl};
pub use leaks::Leaks;
pub use logs::{FunctionLogs, LogFormat, ServerLog};
pub use master_key::MasterKey;
pub use metrics::MetricsConfig;
pub use otlp::Otlp;
pub use tokens::TokenRules;

/// All settings with their defaults and comments. Also the reference of the configuration file.
pub const DEFAULTS: &str = include_str!("default.toml");

/// The settings of the server. `default.toml` documents each of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    #[serde(default, deserialize_with = "optional_address")]
    pub api_listen: Option<SocketAddr>,
    /// URL at which other servers of the database reach the management API, without a slash at its end.
    #[serde(default)]
    pub advertise: Option<String>,
    #[serde(default = "default_data_dir")]
    pub data: PathBuf,
    pub domain: String,
    /// URL at which others reach this server, without a slash at its end.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Proxies whose forwarding headers are trusted.
    pub trusted_proxies: Networks,
    /// `None`: callers use plain HTTP.
    #[serde(default)]
    pub tls: Option<Tls>,
    pub connections: Connections,
    pub identity: IdentityConfig,
    /// `None` if functions cannot use the Jelou API.
    #[serde(default)]
    pub jelou: Option<Jelou>,
    pub limits: Limits,
    pub egress: Egress,
    pub sandbox: SandboxConfig,
    pub company: Company,
    pub tokens: TokenRules,
    pub database: Database,
    pub master_key: MasterKey,
    pub mcp: Mcp,
    pub cron: Cron,
    pub leaks: Leaks,
    pub logs: FunctionLogs,
    pub log: ServerLog,
    pub metrics: MetricsConfig,
    pub otlp: Otlp,
}

/// The server's certificate and key, as paths of PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain of the server.
    pub cert: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// Networks of callers that may send an identity.
    pub trusted: Networks,
}

/// The Jelou API behind `ctx.jelou`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jelou {
    pub base_url: String,
    pub api_key: Zeroizing<String>,
}

impl fmt::Debug for Jelou {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jelou")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mcp {
    /// Origins of web pages that may use the MCP endpoint of every function.
    pub allowed_origins: Vec<String>,
}

/// Settings from the command line. They have priority over all other sources.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Overrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_listen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsOverrides>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseOverrides>,
}

#[derive(Clone, Serialize)]
pub struct DatabaseOverrides {
    /// URL of a PostgreSQL database, with its password.
    pub url: String,
}

impl fmt::Debug for DatabaseOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseOverrides").finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct TlsOverrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// Why the settings are invalid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{}", describe(.0))]
    Invalid(Box<figment::Error>),
    #[error("configuration file `{0}` does not exist")]
    Missing(PathBuf),
    #[error("`domain` is `{0}`, which is not a domain name (for instance `fn.example.com`)")]
    Domain(String),
    #[error(
        "`public_url` is `{0}`; it must be an https:// URL without a query, whose host is not below `domain` (http:// only \
         on this machine)"
    )]
    PublicUrl(String),
    #[error(
        "`advertise` is `{0}`; it must be an https:// or http:// URL without a user and without a path"
    )]
    Advertise(String),
    #[error("`cron.max_concurrent_runs` is 0; it must be at least 1")]
    NoRuns,
    #[error("`tokens.{setting}` is 0; it must be at least 1, or absent")]
    NoTokens { setting: &'static str },
    #[error("`connections.{setting}` is 0; it must be at least 1")]
    NoConnections { setting: &'static str },
    #[error(
        "`database.listen_url` is set, but `database.pooler` is not: without a pooler, `database.url` is enough"
    )]
    ListenUrl,
    #[error(transparent)]
    Limits(#[from] LimitsError),
    #[error("`otlp.endpoint` is `{0}`; it must be an https:// or http:// URL")]
    OtlpUrl(String),
    #[error("`otlp.sample` is {0}; it must be from 0 to 1")]
    OtlpSample(f64),
    #[error("`jelou.base_url` is `{0}`; it must be an https:// or http:// URL")]
    JelouUrl(String),
    #[error("`leaks.github_api` is `{0}`; it must be an https:// or http:// URL")]
    GithubUrl(String),
}

/// Top-level settings that an environment variable can set. Other variables without `__` are ignored, because many
/// belong to other programs: a Kubernetes service `jelou` sets `JELOU_PORT` in every container.
const TOP_LEVEL: [&str; 7] = [
    "listen",
    "api_listen",
    "advertise",
    "data",
    "domain",
    "public_url",
    "trusted_proxies",
];

impl Config {
    /// Reads and validates the settings.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting, and the file or variable that set it.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError::Missing(file.to_path_buf()));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let environment = Env::prefixed("JELOU_")
            .filter(|key| {
                key.as_str().contains("__") || TOP_LEVEL.iter().any(|known| key == *known)
            })
            .split("__");
        let mut config: Self = figment
            .merge(environment)
            .merge(Serialized::defaults(overrides))
            .extract()
            .map_err(|error| ConfigError::Invalid(Box::new(error)))?;
        config.domain = config.domain.to_ascii_lowercase();
        for url in [&mut config.public_url, &mut config.advertise]
            .into_iter()
            .flatten()
        {
            url.truncate(url.trim_end_matches('/').len());
        }
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let label = |label: &str| label.parse::<jelou_core::Slug>().is_ok();
        if !self.domain.split('.').all(label) {
            return Err(ConfigError::Domain(self.domain.clone()));
        }
        if let Some(url) = &self.public_url
            && !self.is_public_url(url)
        {
            return Err(ConfigError::PublicUrl(without_user(url)));
        }
        if let Some(url) = &self.advertise
            && !is_origin(url)
        {
            return Err(ConfigError::Advertise(without_user(url)));
        }
        if let Some(Jelou { base_url, .. }) = &self.jelou
            && !is_web_address(base_url)
        {
            return Err(ConfigError::JelouUrl(without_user(base_url)));
        }
        self.leaks.validate()?;
        self.otlp.validate()?;
        self.connections.validate()?;
        self.cron.validate()?;
        self.database.validate()?;
        self.tokens.validate()?;
        Ok(self.limits.validate()?)
    }
}

impl Config {
    fn is_public_url(&self, text: &str) -> bool {
        let Ok(url) = url::Url::parse(text) else {
            return false;
        };
        let below = format!(".{}", self.domain);
        let is_function = url.host_str().is_some_and(|host| host.ends_with(&below));
        oidc::is_allowed(text)
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && !is_function
    }
}

/// Parses an address with a port. Converts an IPv4-mapped IPv6 address to IPv4, so that both forms of loopback are
/// recognised.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let address: SocketAddr = text.parse().map_err(|_| {
        D::Error::custom(format_args!(
            "`{text}` is not an IP address with a port, such as 127.0.0.1:4400"
        ))
    })?;
    Ok(match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // Keeps the scope id of an IPv6 address.
        IpAddr::V6(_) => address,
    })
}

fn optional_address<'de, D>(deserializer: D) -> Result<Option<SocketAddr>, D::Error>
where
    D: Deserializer<'de>,
{
    address(deserializer).map(Some)
}

/// Describes each invalid setting and where it was set.
fn describe(error: &figment::Error) -> String {
    let problems: Vec<String> = error
        .clone()
        .into_iter()
        .map(|error| {
            let source = error.metadata.as_ref().map(|metadata| &metadata.source);
            let place = match source {
                Some(Some(Source::File(path))) => format!(" in `{}`", path.display()),
                Some(None) => " in the environment".to_owned(),
                // The setting comes from the command line.
                _ => String::new(),
            };
            let reason = match &error.kind {
                Kind::UnknownField(..) => "there is no such setting".to_owned(),
                kind => kind.to_string(),
            };
            match error.path.join(".") {
                setting if setting.is_empty() => format!("{reason}{place}"),
                setting => format!("`{setting}`{place}: {reason}"),
            }
        })
        .collect();
    problems.join("; ")
}

fn is_web_address(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        let names_a_user = |authority: &http::uri::Authority| authority.as_str().contains('@');
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri
                .authority()
                .is_some_and(|authority| !names_a_user(authority))
    })
}

/// Removes a user name and a password, for an error.
fn without_user(url: &str) -> String {
    url.rsplit_once('@')
        .map_or(url, |(_, host)| host)
        .to_owned()
}

fn is_origin(text: &str) -> bool {
    is_web_address(text)
        && text
            .parse::<http::Uri>()
            .is_ok_and(|uri| uri.path_and_query().is_none_or(|target| target == "/"))
}

fn default_data_dir() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/jelou");
    }
    std::env::var_os("XDG_DATA_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
        .unwrap_or_default()
        .join("jelou")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_defaults_are_the_defaults_in_code() {
        let config = Config::load(None, &Overrides::default()).unwrap();
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.sandbox, SandboxConfig::default());
        assert_eq!(config.domain, "fn.localhost");
        assert!(config.egress.allow.is_empty());
    }

    #[test]
    fn every_setting_outside_of_sections_is_known_to_the_environment() {
        let section = |line: &&str| line.strip_prefix("# ").unwrap_or(line).starts_with('[');
        let top = DEFAULTS.lines().take_while(|line| !section(line));
        let named = top.filter_map(|line| {
            let setting = line.strip_prefix("# ").unwrap_or(line);
            setting
                .split_once(" = ")
                .map(|(name, _)| name)
                .filter(|name| !name.contains(' '))
        });
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        let mut known = TOP_LEVEL;
        known.sort_unstable();
        assert_eq!(named, known);
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let with = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs_err::write(file.path(), text).unwrap();
            Config::load(Some(file.path()), &Overrides::default())
        };
        let error = |text: &str| with(text).unwrap_err().to_string();
        assert_eq!(
            error("[limits]\nmax_response_header_bytes = 8191\n"),
            "`limits.max_response_header_bytes` is 8191; it must be at least 8192"
        );
        assert_eq!(
            error("[limits]\nmax_hops = 0\n"),
            "`limits.max_hops` is 0; it must be at least 1"
        );
        assert_eq!(
            error("[limits]\nmax_heap_mib = 300\n"),
            "`limits.max_heap_mib` is 300, which is over `limits.max_memory_mib`, 256"
        );
        assert_eq!(
            error("[limits]\nmax_workers_memory_mib = 63\n"),
            "`limits.max_workers_memory_mib` is 63; it must be at least 64"
        );
        assert_eq!(
            error("[limits]\nmax_processes_per_function = 0\n"),
            "`limits.max_processes_per_function` is 0; it must be at least 1"
        );
        let contradiction = error("[limits]\nmax_body_bytes = 20971520\n");
        assert!(
            contradiction.contains("`limits.max_body_bytes` is 20971520")
                && contradiction.contains("`limits.max_heap_mib`")
                && contradiction.contains("to 10695475"),
            "{contradiction}"
        );
        assert!(error("[limits]\nmax_heap_mib = 64\n").contains("limits.max_body_bytes"));
        assert!(
            error("[limits]\nmax_body_memory_mib = 300\n")
                .contains("over `limits.max_memory_mib`, 256")
        );
        assert!(with("[limits]\nmax_heap_mib = 64\nmax_body_bytes = 5000000\n").is_ok());
        assert!(error("[egress]\nallow = [\"10.0.0.0/33\"]\n").contains("egress.allow"));
        let config = with("[egress]\nallow = [\"10.1.0.0/16\"]\n").unwrap();
        assert_eq!(config.egress.allow, ["10.1.0.0/16".parse().unwrap()]);
    }

    #[test]
    fn bad_settings_are_named() {
        let with_domain = |domain: &str| {
            let overrides = Overrides {
                domain: Some(domain.to_owned()),
                ..Overrides::default()
            };
            Config::load(None, &overrides)
        };
        assert!(matches!(
            with_domain("fn..com"),
            Err(ConfigError::Domain(_))
        ));
        assert_eq!(
            with_domain("FN.Example.com").unwrap().domain,
            "fn.example.com"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), "[limits]\nmax_hop = 3\n").unwrap();
        let error = Config::load(Some(file.path()), &Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("max_hop"), "{error}");
    }

    #[test]
    fn the_url_of_the_database_is_in_no_error() {
        for url in [
            "postgres://ana:s3creto@db:x/y",
            "postgres://ana:s3creto@db/y?a=b",
        ] {
            let overrides = Overrides {
                database: Some(DatabaseOverrides {
                    url: url.to_owned(),
                }),
                ..Overrides::default()
            };
            let error = Config::load(None, &overrides).unwrap_err();
            let text = format!("{error} {error:?} {overrides:?}");
            assert!(text.contains("database.url"), "{text}");
            assert!(!error.to_string().contains("s3creto"), "{error}");
        }
    }

    #[test]
    fn a_mapped_address_to_listen_on_is_the_ipv4_address() {
        for (given, address) in [
            ("[::ffff:127.0.0.1]:4400", "127.0.0.1:4400"),
            ("[::1]:4400", "[::1]:4400"),
            ("[fe80::1%3]:4400", "[fe80::1%3]:4400"),
        ] {
            let overrides = Overrides {
                listen: Some(given.to_owned()),
                api_listen: Some(given.to_owned()),
                ..Overrides::default()
            };
            let config = Config::load(None, &overrides).unwrap();
            let expected = address.parse().unwrap();
            assert_eq!(config.listen, expected, "{given}");
            assert_eq!(config.api_listen, Some(expected), "{given}");
        }
    }

    #[test]
    fn settings_of_the_network() {
        let with_file = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs_err::write(file.path(), text).unwrap();
            Config::load(Some(file.path()), &Overrides::default())
        };
        let config = with_file("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]").unwrap();
        assert_ne!(config.trusted_proxies, Networks::default());
        let message = |text: &str| with_file(text).unwrap_err().to_string();
        assert!(message("trusted_proxies = [\"10.0.0.0/33\"]").contains("10.0.0.0/33"));
        assert!(message("[tls]\ncert = \"/c.pem\"").contains("key"));
        for wrong in ["10.0.0.1:4400", "ftp://a", "http://a/b", "http://a?b"] {
            let text = message(&format!("advertise = \"{wrong}\""));
            assert!(
                text.contains(&format!("`advertise` is `{wrong}`")),
                "{text}"
            );
        }
        let text = message("advertise = \"http://me:hidden@10.0.0.1:4400\"");
        assert!(text.contains("without a user"), "{text}");
        assert!(!text.contains("hidden"), "{text}");
        let config = with_file("advertise = \"http://10.0.0.1:4400/\"").unwrap();
        assert_eq!(config.advertise.as_deref(), Some("http://10.0.0.1:4400"));
        let jelou = "[jelou]\nbase_url = \"api.example.com\"\napi_key = \"sk-1\"";
        assert!(message(jelou).contains("jelou.base_url"));
        let jelou = with_file(&jelou.replace("api.", "https://api."))
            .unwrap()
            .jelou;
        assert!(!format!("{jelou:?}").contains("sk-1"));
    }
}
