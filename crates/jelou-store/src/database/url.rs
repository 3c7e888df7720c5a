//! The URL of a PostgreSQL database. Contains a password, so it is neither logged nor part of an error.

use std::fmt;
use std::str::FromStr;

use sqlx::any::AnyConnectOptions;

/// The parameters that a URL may have. Others are refused, because the driver would log their values.
const PARAMETERS: [&str; 13] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "statement-cache-capacity",
];

/// `postgres://user:password@host:port/database`, with the parameters of libpq that the driver knows.
#[derive(Clone)]
pub struct PostgresUrl {
    options: AnyConnectOptions,
}

/// The text is not the URL of a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePostgresUrlError {
    #[error("not a URL of a PostgreSQL database: postgres://user:password@host:5432/database")]
    Form,
    #[error("`{0}` is not a parameter of a database URL; it may be one of {list}", list = PARAMETERS.join(", "))]
    Parameter(String),
}

impl PostgresUrl {
    /// Returns host, port and database, for messages.
    pub fn place(&self) -> String {
        let url = &self.options.database_url;
        let parameter = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        let host = parameter("host").or_else(|| url.host_str().map(str::to_owned));
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        let port = parameter("port").or_else(|| url.port().map(|port| port.to_string()));
        let port = port.unwrap_or_else(|| "5432".to_owned());
        let database = parameter("dbname");
        let database = database.unwrap_or_else(|| url.path().trim_start_matches('/').to_owned());
        format!("{host}:{port}/{database}")
    }

    pub(super) fn options(&self) -> &AnyConnectOptions {
        &self.options
    }
}

impl FromStr for PostgresUrl {
    type Err = ParsePostgresUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The source of the error is left out, because it could quote the password.
        let options: AnyConnectOptions = text.parse().map_err(|_| ParsePostgresUrlError::Form)?;
        let url = &options.database_url;
        if !matches!(url.scheme(), "postgres" | "postgresql") || url.cannot_be_a_base() {
            return Err(ParsePostgresUrlError::Form);
        }
        for (key, _) in url.query_pairs() {
            let is_setting = key.starts_with("options[") && key.ends_with(']');
            if !is_setting && !PARAMETERS.contains(&key.as_ref()) {
                return Err(ParsePostgresUrlError::Parameter(key.into_owned()));
            }
        }
        Ok(Self { options })
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.options.database_url == other.options.database_url
    }
}

impl Eq for PostgresUrl {}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresUrl").field(&self.place()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_has_no_password() {
        for (text, place) in [
            (
                "postgres://ana:s3creto@db.internal/jelou",
                "db.internal:5432/jelou",
            ),
            (
                "postgresql://ana:s3creto@[::1]:6432/a?sslmode=require",
                "[::1]:6432/a",
            ),
            (
                "postgres:///jelou?host=/run/postgresql&user=ana&password=s3creto",
                "/run/postgresql:5432/jelou",
            ),
        ] {
            let url: PostgresUrl = text.parse().unwrap();
            assert_eq!(url.place(), place);
            assert!(!format!("{url:?}").contains("s3creto"));
        }
    }

    #[test]
    fn errors_have_no_password() {
        for text in [
            "ana:s3creto@db/jelou",
            "mysql://ana:s3creto@db/jelou",
            "postgres://ana:s3creto@db:port/jelou",
            "postgres://ana:s3creto@db/jelou?sslmod=require",
            "postgres://db/jelou?pasword=s3creto",
        ] {
            let error = text.parse::<PostgresUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3creto"), "{error}");
        }
    }
}
