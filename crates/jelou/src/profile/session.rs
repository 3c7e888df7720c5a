//! Chooses the credentials of a command: `--profile`, then the environment, then the active profile.

use std::fmt;

use jelou_client::ApiUrl;
use jelou_token::AccessToken;

use super::access_token::{self, read_access_token};
use super::credentials::{CredentialsFile, Profile};
use super::{Credentials, DEFAULT_API};
use crate::env;
use crate::exit::Failure;

/// The server and the access token of one command.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) api: ApiUrl,
    /// `None` if the user is not logged in.
    pub(crate) token: Option<AccessToken>,
    pub(crate) source: CredentialSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CredentialSource {
    Flag {
        profile: String,
    },
    Environment,
    Active {
        profile: String,
    },
    /// The identity of a pipeline, by a trust policy.
    Pipeline,
    Nowhere,
}

impl CredentialSource {
    pub(crate) fn profile(&self) -> Option<&str> {
        match self {
            Self::Flag { profile } | Self::Active { profile } => Some(profile),
            Self::Environment | Self::Pipeline | Self::Nowhere => None,
        }
    }
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag { profile } => write!(f, "profile {profile} (from --profile)"),
            Self::Environment => f.write_str("environment (JELOU_TOKEN, JELOU_API_URL)"),
            Self::Active { profile } => write!(f, "profile {profile} (active)"),
            Self::Pipeline => f.write_str("identity of the pipeline (trust policy)"),
            Self::Nowhere => f.write_str("none"),
        }
    }
}

/// The credentials from environment variables.
#[derive(Default)]
struct Environment {
    token: Option<String>,
    api: Option<String>,
}

impl Environment {
    /// Reads the variables. A variable with only white space is treated as unset, because CI services set such
    /// variables for missing values.
    fn read() -> Self {
        let read = |name| {
            let value = env::read(name)?;
            let value = access_token::trim(&value);
            (!value.is_empty()).then(|| value.to_owned())
        };
        Self {
            token: read(env::JELOU_TOKEN),
            api: read(env::JELOU_API_URL),
        }
    }

    /// Whether both the server and the token are set.
    fn is_complete(&self) -> bool {
        self.token.is_some() && self.api.is_some()
    }
}

impl Session {
    /// Finds the credentials. `profile` is the value of `--profile`. If the environment is complete, the home folder is
    /// not read, because a container may have no home folder, or that of another user.
    ///
    /// # Errors
    ///
    /// If the credentials file or a value is invalid, or the profile does not exist.
    pub(crate) fn resolve(profile: Option<&str>) -> anyhow::Result<Self> {
        let environment = Environment::read();
        let credentials = if profile.is_none() && environment.is_complete() {
            Credentials::default()
        } else {
            match CredentialsFile::locate() {
                Ok(file) => file.load()?,
                Err(error) if profile.is_some() => return Err(error),
                Err(_) => Credentials::default(),
            }
        };
        Self::choose(profile, &environment, &credentials)
    }

    fn choose(
        flag: Option<&str>,
        environment: &Environment,
        credentials: &Credentials,
    ) -> anyhow::Result<Self> {
        if let Some(name) = flag {
            let profile = credentials.get(name).ok_or_else(|| no_profile(name))?;
            let source = CredentialSource::Flag {
                profile: name.to_owned(),
            };
            return Self::of_profile(name, profile, source);
        }
        let active = credentials
            .active()
            .and_then(|name| Some((name, credentials.get(name)?)));
        match (environment, active) {
            (
                Environment {
                    token: Some(token),
                    api,
                },
                active,
            ) => Ok(Self {
                api: parse_api(match (api, active) {
                    (Some(api), _) => api,
                    (None, Some((_, profile))) => profile.api(),
                    (None, None) => DEFAULT_API,
                })?,
                token: Some(read_access_token(token, env::JELOU_TOKEN)?),
                source: CredentialSource::Environment,
            }),
            (
                Environment {
                    token: None,
                    api: Some(api),
                },
                active,
            ) => {
                let api = parse_api(api)?;
                // The token is used only if the profile is for this server, because a token is valid for one server
                // only.
                match active
                    .filter(|(_, profile)| parse_api(profile.api()).ok().as_ref() == Some(&api))
                {
                    Some((name, profile)) => {
                        let profile_name = name.to_owned();
                        Self::of_profile(
                            name,
                            profile,
                            CredentialSource::Active {
                                profile: profile_name,
                            },
                        )
                    }
                    None => Ok(Self {
                        api,
                        token: None,
                        source: CredentialSource::Environment,
                    }),
                }
            }
            (_, Some((name, profile))) => Self::of_profile(
                name,
                profile,
                CredentialSource::Active {
                    profile: name.to_owned(),
                },
            ),
            (_, None) => Ok(Self {
                api: parse_api(DEFAULT_API)?,
                token: None,
                source: CredentialSource::Nowhere,
            }),
        }
    }

    fn of_profile(name: &str, profile: &Profile, source: CredentialSource) -> anyhow::Result<Self> {
        Ok(Self {
            api: parse_api(profile.api())?,
            token: Some(read_access_token(
                profile.token(),
                &format!("the token of profile `{name}`"),
            )?),
            source,
        })
    }
}

pub(crate) fn no_profile(name: &str) -> Failure {
    Failure::not_found(format!("there is no profile `{name}`"))
        .hint("see `jelou auth list`, or save it with `jelou login --profile NAME`")
}

pub(crate) fn parse_api(text: &str) -> anyhow::Result<ApiUrl> {
    text.parse().map_err(|error| {
        Failure::validation(format!("`{text}` is not the address of a server"))
            .because(anyhow::Error::new::<jelou_client::ParseApiUrlError>(error))
            .hint("write it like https://api.example.com or http://127.0.0.1:4400")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "jfn_pat_";

    fn credentials(active: Option<&str>) -> Credentials {
        let mut credentials = Credentials::default();
        for name in ["one", "two"] {
            let api = format!("http://{name}.example.com").parse().unwrap();
            let token = AccessToken::mint().unwrap();
            credentials.set(name, Profile::new(&api, &token));
        }
        if let Some(active) = active {
            credentials.activate(active);
        }
        credentials
    }

    fn environment(token: bool, api: Option<&str>) -> Environment {
        Environment {
            token: token.then(|| AccessToken::mint().unwrap().expose().to_owned()),
            api: api.map(str::to_owned),
        }
    }

    #[test]
    fn the_flag_goes_first() {
        let session = Session::choose(
            Some("two"),
            &environment(true, Some("http://env.example.com")),
            &credentials(Some("one")),
        )
        .unwrap();
        assert_eq!(session.api.as_str(), "http://two.example.com");
        assert_eq!(session.source.profile(), Some("two"));
    }

    #[test]
    fn then_the_environment() {
        let session = Session::choose(
            None,
            &environment(true, Some("http://env.example.com")),
            &credentials(Some("one")),
        )
        .unwrap();
        assert_eq!(session.api.as_str(), "http://env.example.com");
        assert_eq!(session.source, CredentialSource::Environment);

        let session =
            Session::choose(None, &environment(true, None), &credentials(Some("one"))).unwrap();
        assert_eq!(session.api.as_str(), "http://one.example.com");
    }

    #[test]
    fn then_the_active_profile() {
        let session =
            Session::choose(None, &Environment::default(), &credentials(Some("one"))).unwrap();
        assert_eq!(session.api.as_str(), "http://one.example.com");
        assert!(session.token.is_some());

        let session = Session::choose(None, &Environment::default(), &credentials(None)).unwrap();
        assert_eq!(session.api.as_str(), DEFAULT_API);
        assert!(session.token.is_none());
    }

    #[test]
    fn a_profile_never_sends_its_token_to_another_server() {
        let session = Session::choose(
            None,
            &environment(false, Some("http://evil.example.com")),
            &credentials(Some("one")),
        )
        .unwrap();
        assert!(session.token.is_none());

        let session = Session::choose(
            None,
            &environment(false, Some("http://one.example.com/")),
            &credentials(Some("one")),
        )
        .unwrap();
        assert!(session.token.is_some());
    }

    #[test]
    fn a_mistyped_token_is_found_before_it_is_sent() {
        let environment = Environment {
            token: Some(format!("{TOKEN}abc")),
            api: None,
        };
        let error = Session::choose(None, &environment, &credentials(None)).unwrap_err();
        assert!(error.to_string().contains("JELOU_TOKEN"), "{error}");
    }
}
