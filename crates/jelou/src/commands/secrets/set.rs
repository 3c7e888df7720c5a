//! Secrets from the command line, from a `.env` file, or typed in. No message here quotes a value.

use std::collections::BTreeMap;
use std::path::Path;

use fs_err as fs;
use jelou_core::api::SetSecrets;
use jelou_core::secret_key::MAX_SECRET_VALUE_BYTES;
use jelou_core::{SecretKey, Slug};

use crate::cli::secrets::SetArgs;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::Breadcrumb;
use crate::project::function_or_here;

const ANSWER: &str = "KEY=VALUE or --from-env FILE";

pub(crate) fn run(args: SetArgs, context: &Context) -> anyhow::Result<()> {
    let Arguments {
        slug,
        mut secrets,
        mut unanswered,
    } = Arguments::read(args.arguments)?;
    let slug = function_or_here(slug)?;
    if let Some(path) = &args.from_env {
        for (key, value) in read_env_file(path)? {
            secrets.entry(key).or_insert(value);
        }
    }
    if secrets.is_empty() && unanswered.is_empty() {
        let key = context.prompt.line(&context.output, "Key:", None, ANSWER)?;
        unanswered.push(parse_key(&key)?);
    }
    for key in unanswered {
        let question = format!("Value of {key}:");
        let value = context.prompt.masked(&context.output, &question, ANSWER)?;
        secrets.insert(key, value);
    }
    check_sizes(&secrets)?;

    let changed = context.client()?.secrets(&slug).set(&SetSecrets {
        secrets: secrets
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect(),
    })?;
    context.output.result_with(
        &changed,
        &[Breadcrumb::new(
            format!("jelou secrets list {slug}"),
            "See all keys",
        )],
        |human| {
            human.success(&match changed.keys.len() {
                1 => "Set 1 secret".to_owned(),
                count => format!("Set {count} secrets"),
            })
        },
    )?;
    Ok(())
}

/// `[SLUG] [KEY=VALUE | KEY]...`; keys are upper case and slugs are not, so the two cannot be mistaken.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    slug: Option<Slug>,
    secrets: BTreeMap<SecretKey, String>,
    /// Keys whose value is still to be asked.
    unanswered: Vec<SecretKey>,
}

impl Arguments {
    fn read(arguments: Vec<String>) -> anyhow::Result<Self> {
        let mut read = Self::default();
        for (position, argument) in arguments.into_iter().enumerate() {
            if let Some((key, value)) = argument.split_once('=') {
                read.secrets.insert(parse_key(key)?, value.to_owned());
            } else if let Ok(key) = argument.parse() {
                read.unanswered.push(key);
            } else if position == 0 {
                let slug = argument.parse().map_err(|error| {
                    Failure::validation(format!(
                        "the first argument is neither a slug nor KEY=VALUE: {}",
                        anyhow::Error::new::<jelou_core::slug::ParseSlugError>(error)
                    ))
                })?;
                read.slug = Some(slug);
            } else {
                return Err(Failure::input(format!(
                    "argument {} is neither KEY=VALUE nor a key",
                    position + 1
                ))
                .hint("quote a value that has spaces: KEY='two words'")
                .into());
            }
        }
        Ok(read)
    }
}

fn parse_key(text: &str) -> anyhow::Result<SecretKey> {
    text.parse()
        .map_err(|error: jelou_core::secret_key::ParseSecretKeyError| {
            Failure::validation(format!("`{text}`: {error}")).into()
        })
}

/// Values are taken as they are: a `$` in a password is no variable.
fn read_env_file(path: &Path) -> anyhow::Result<BTreeMap<SecretKey, String>> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::input("the file of --from-env cannot be read").because(error))?;
    let secrets = parse_env(&text)?;
    if secrets.is_empty() {
        return Err(
            Failure::validation(format!("{} has no variables", path.display()))
                .hint("a line looks like KEY=VALUE")
                .into(),
        );
    }
    Ok(secrets)
}

fn parse_env(text: &str) -> anyhow::Result<BTreeMap<SecretKey, String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut variables = Vec::new();
    deno_dotenv::parse_env_content_hook(text, &mut |key, value| {
        variables.push((key.to_owned(), value.to_owned()));
    });
    variables
        .into_iter()
        .map(|(key, value)| Ok((parse_key(&key)?, value)))
        .collect()
}

fn check_sizes(secrets: &BTreeMap<SecretKey, String>) -> anyhow::Result<()> {
    match secrets
        .iter()
        .find(|(_, value)| value.len() > MAX_SECRET_VALUE_BYTES)
    {
        None => Ok(()),
        Some((key, value)) => Err(Failure::validation(format!(
            "the value of {key} is {} bytes; the limit is {MAX_SECRET_VALUE_BYTES} bytes (64 KB)",
            value.len()
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> anyhow::Result<Arguments> {
        Arguments::read(arguments.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn the_first_argument_is_the_slug_unless_it_is_a_secret() {
        let read_both = read(&["mi-funcion", "A=1", "B=x=y", "C="]).unwrap();
        assert_eq!(read_both.slug.unwrap().as_str(), "mi-funcion");
        assert_eq!(
            read_both.secrets.into_values().collect::<Vec<_>>(),
            ["1", "x=y", ""]
        );
        assert_eq!(read(&["A=1"]).unwrap().slug, None);

        let asked = read(&["mi-funcion", "API_KEY"]).unwrap();
        assert_eq!(asked.unanswered[0].as_str(), "API_KEY");
        assert_eq!(read(&["API_KEY"]).unwrap().unanswered.len(), 1);
        assert_eq!(read(&[]).unwrap(), Arguments::default());
    }

    #[test]
    fn errors_do_not_quote_values() {
        for arguments in [
            ["mi-funcion", "hunter2 "],
            ["mi-funcion", "a=hunter2"],
            ["__FN_X=hunter2", "A=1"],
        ] {
            let error = read(&arguments).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn env_files_keep_values_as_they_are() {
        let secrets = parse_env(
            "\u{feff}# comment\nexport A=one two # note\nB='p$HOME'\nC=\"x\\ny\"\r\nD=pa$$w\n\nE=\n",
        )
        .unwrap();
        let values: Vec<(&str, &str)> = secrets
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            values,
            [
                ("A", "one two"),
                ("B", "p$HOME"),
                ("C", "x\ny"),
                ("D", "pa$$w"),
                ("E", "")
            ]
        );
        assert!(parse_env("lower=1").is_err());
    }
}
