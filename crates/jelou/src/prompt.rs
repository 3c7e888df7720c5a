//! Questions on the terminal.
//!
//! Asked on stderr, so that stdout keeps the result alone, and answered by a line of stdin. Where nobody can answer, a
//! question is an error that names the flag which answers it.

use std::io::{self, IsTerminal};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::cli::GlobalArgs;
use crate::env;
use crate::exit::Failure;
use crate::interrupt;
use crate::output::Output;

#[derive(Debug)]
pub(crate) struct Prompt {
    /// Why nobody can answer.
    obstacle: Option<&'static str>,
}

/// What an empty line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    Yes,
    No,
}

impl Prompt {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let obstacle = if global.no_input || global.agent {
            Some("input is switched off")
        } else if env::is_on(env::CI) {
            Some("CI is set")
        } else if !io::stdin().is_terminal() {
            Some("stdin is not a terminal")
        } else if !io::stderr().is_terminal() {
            Some("stderr is not a terminal")
        } else {
            None
        };
        Self { obstacle }
    }

    /// Fails at once where `question` could not be asked later, before any work is done for it.
    pub(crate) fn require(&self, question: &str, flag: &str) -> anyhow::Result<()> {
        match self.obstacle {
            None => Ok(()),
            Some(obstacle) => Err(Failure::input(format!(
                "cannot ask \"{question}\", since {obstacle}"
            ))
            .hint(format!("answer it with `{flag}`"))
            .into()),
        }
    }

    /// Goes on after a yes; a no is the error "Cancelled".
    pub(crate) fn confirm(
        &self,
        output: &Output,
        question: &str,
        preset: Preset,
        flag: &str,
    ) -> anyhow::Result<()> {
        self.require(question, flag)?;
        let choices = match preset {
            Preset::Yes => "(Y/n)",
            Preset::No => "(y/N)",
        };
        loop {
            let answer = ask(output, &format!("{question} {choices}"))?;
            match read_choice(&answer, preset) {
                Some(Preset::Yes) => return Ok(()),
                Some(Preset::No) => return Err(Failure::cancelled().into()),
                None => output.warn("Answer y or n")?,
            }
        }
    }

    /// A line of text; an empty one is `preset`, where there is one.
    pub(crate) fn line(
        &self,
        output: &Output,
        question: &str,
        preset: Option<&str>,
        flag: &str,
    ) -> anyhow::Result<String> {
        self.require(question, flag)?;
        let question = match preset {
            Some(preset) => format!("{question} ({preset})"),
            None => question.to_owned(),
        };
        loop {
            let answer = ask(output, &question)?;
            match (answer.as_str(), preset) {
                ("", None) => {}
                ("", Some(preset)) => return Ok(preset.to_owned()),
                (answer, _) => return Ok(answer.to_owned()),
            }
        }
    }

    /// A line of text that is shown as stars.
    pub(crate) fn masked(
        &self,
        output: &Output,
        question: &str,
        flag: &str,
    ) -> anyhow::Result<String> {
        self.require(question, flag)?;
        let _quiet = Quiet::start()?;
        output.prompt_stream().question(question)?;
        let config = rpassword::ConfigBuilder::new()
            .password_feedback_mask('*')
            .build();
        // The library raises SIGINT again at Ctrl-C. It must not end the process before the terminal is as it was, so
        // after a Ctrl-C it stays held.
        interrupt::hold();
        let answer = rpassword::read_password_with_config(config);
        if answer
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
        {
            return Err(Failure::interrupted().into());
        }
        interrupt::release();
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Failure::cancelled().into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Keeps the terminal from showing what is typed. Already on when the question appears: whoever answers it that very
/// moment, as a script does, would see the secret on the screen.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes -=
            LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(io::stdin(), OptionalActions::Now, &quiet)?;
        Ok(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// The end of input, Ctrl-D, is the error "Cancelled".
fn ask(output: &Output, question: &str) -> anyhow::Result<String> {
    let mut terminal = output.prompt_stream();
    terminal.question(question)?;
    let mut answer = String::new();
    if io::stdin().read_line(&mut answer)? == 0 {
        terminal.end_line()?;
        return Err(Failure::cancelled().into());
    }
    Ok(answer.trim().to_owned())
}

fn read_choice(answer: &str, preset: Preset) -> Option<Preset> {
    match answer.to_ascii_lowercase().as_str() {
        "" => Some(preset),
        "y" | "yes" => Some(Preset::Yes),
        "n" | "no" => Some(Preset::No),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_line_is_the_preset_and_nonsense_is_asked_again() {
        assert_eq!(read_choice("", Preset::No), Some(Preset::No));
        assert_eq!(read_choice("", Preset::Yes), Some(Preset::Yes));
        assert_eq!(read_choice("Y", Preset::No), Some(Preset::Yes));
        assert_eq!(read_choice("no", Preset::Yes), Some(Preset::No));
        assert_eq!(read_choice("maybe", Preset::Yes), None);
    }
}
