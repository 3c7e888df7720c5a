//! Reads the values of secrets from the command line, stdin, a `.env` file, or a prompt. No message contains a value.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use jelou_core::secret_key::MAX_SECRET_VALUE_BYTES;
use jelou_core::{SecretKey, Slug};

use super::env_file;
use crate::context::Context;
use crate::exit::Failure;

/// Selects stdin, as a value and as a file name.
const STDIN: &str = "-";
/// Maximum bytes of stdin, more than any value may have. One more byte is read, to detect longer input.
const MAX_STDIN_BYTES: u64 = 16 * 1024 * 1024;
const ANSWER: &str = "`KEY=VALUE`, `KEY=-` (reads stdin) or `--from-env FILE`";

/// The arguments `[SLUG] [KEY=VALUE | KEY=- | KEY]...`. They are unambiguous: keys are upper case, slugs are lower
/// case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct Arguments {
    pub(in crate::commands) slug: Option<Slug>,
    values: BTreeMap<SecretKey, Source>,
}

#[derive(Debug, PartialEq, Eq)]
enum Source {
    Given(String),
    Stdin,
    Prompt,
}

impl Arguments {
    /// # Errors
    ///
    /// When an argument is neither a key nor a key with a value. Only the first argument may be a slug.
    pub(in crate::commands) fn read(arguments: Vec<String>) -> anyhow::Result<Self> {
        let mut read = Self::default();
        // The key before, if it has no value: `KEY -` is `KEY=-`.
        let mut last = None;
        for (position, argument) in arguments.into_iter().enumerate() {
            if let Some((key, value)) = argument.split_once('=') {
                let source = match value {
                    STDIN => Source::Stdin,
                    value => Source::Given(value.to_owned()),
                };
                let key = parse_key(key)?;
                last = None;
                if read.values.contains_key(&key) {
                    return Err(Failure::input(format!("{key} is given twice"))
                        .hint("give each key once")
                        .into());
                }
                read.values.insert(key, source);
            } else if argument == STDIN
                && let Some(source) = last.take().and_then(|key| read.values.get_mut(&key))
            {
                *source = Source::Stdin;
            } else if let Ok(key) = argument.parse::<SecretKey>() {
                last = Some(key.clone());
                read.values.insert(key, Source::Prompt);
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

    /// Reads every value. Values on the command line have priority over values in the file.
    ///
    /// # Errors
    ///
    /// When a source cannot be read, stdin is used twice, or a value is too large.
    pub(in crate::commands) fn resolve(
        self,
        env_file: Option<&Path>,
        context: &Context,
    ) -> anyhow::Result<BTreeMap<SecretKey, String>> {
        let mut values = self.values;
        let from_stdin = values.values().filter(|source| **source == Source::Stdin);
        let env_file_is_stdin = env_file.is_some_and(|path| path == Path::new(STDIN));
        if from_stdin.count() + usize::from(env_file_is_stdin) > 1 {
            return Err(
                Failure::input("stdin can be read once: only one value can be `-`")
                    .hint("send several values as lines of a .env file: --from-env -")
                    .into(),
            );
        }
        let mut secrets = match env_file {
            None => BTreeMap::new(),
            Some(_) if env_file_is_stdin => {
                let place = "stdin";
                env_file::some(env_file::parse(&read_stdin()?, place)?, place)?
            }
            Some(path) => env_file::some(env_file::read(path)?, &path.display().to_string())?,
        };
        if values.is_empty() && secrets.is_empty() {
            let answer = context.prompt.line(&context.output, "Key:", None, ANSWER)?;
            // The answer is a whole line of a .env file.
            let (key, source) = match answer.split_once('=') {
                Some((key, value)) => (key, Source::Given(value.to_owned())),
                None => (&*answer, Source::Prompt),
            };
            values.insert(parse_key(key)?, source);
        }
        for (key, source) in values {
            let value = match source {
                Source::Given(value) => value,
                Source::Stdin => value_from_stdin(&key, context)?,
                Source::Prompt => {
                    let question = format!("Value of {key}:");
                    context.prompt.masked(&context.output, &question, ANSWER)?
                }
            };
            secrets.insert(key, value);
        }
        check_sizes(&secrets)?;
        Ok(secrets)
    }
}

pub(super) fn parse_key(text: &str) -> anyhow::Result<SecretKey> {
    text.parse()
        .map_err(|error: jelou_core::secret_key::ParseSecretKeyError| {
            Failure::validation(format!("`{text}`: {error}")).into()
        })
}

/// Reads stdin to its end.
fn read_stdin() -> anyhow::Result<String> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(
            Failure::input("`-` reads stdin, and stdin is the terminal here")
                .hint("write just KEY to be asked for the value, or redirect a file: KEY=- < FILE")
                .into(),
        );
    }
    let mut bytes = Vec::new();
    stdin
        .lock()
        .take(MAX_STDIN_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_STDIN_BYTES {
        return Err(Failure::validation(format!(
            "stdin has more than {MAX_STDIN_BYTES} bytes; the limit of a value is {MAX_SECRET_VALUE_BYTES} bytes (64 KB)"
        ))
        .into());
    }
    String::from_utf8(bytes).map_err(|_| {
        Failure::validation("stdin is not UTF-8 text")
            .hint("encode binary values: base64 FILE | jelou secrets set SLUG KEY=-")
            .into()
    })
}

fn value_from_stdin(key: &SecretKey, context: &Context) -> anyhow::Result<String> {
    let value = read_stdin()?;
    if value.is_empty() {
        // The most likely cause is a variable that is not set in the pipeline.
        return Err(Failure::input(format!("stdin has no value for {key}"))
            .hint(format!("`{key}=` sets an empty value"))
            .into());
    }
    if value.ends_with('\n') && value.lines().count() == 1 {
        context.output.warn(&format!(
            "the value of {key} ends with a line break, which is kept; `printf %s \"$VALUE\"` sends none"
        ))?;
    }
    Ok(value)
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
        let read_both = read(&["mi-funcion", "A=1", "B=x=y", "C=", "D=-", "E", "F=--"]).unwrap();
        assert_eq!(read_both.slug.unwrap().as_str(), "mi-funcion");
        let given = |value: &str| Source::Given(value.to_owned());
        assert_eq!(
            read_both.values.into_values().collect::<Vec<_>>(),
            [
                given("1"),
                given("x=y"),
                given(""),
                Source::Stdin,
                Source::Prompt,
                given("--")
            ]
        );
        assert_eq!(read(&["A=1"]).unwrap().slug, None);
        assert_eq!(read(&["API_KEY"]).unwrap().slug, None);
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
}
