//! Questions on the terminal.
//!
//! A question goes to stderr, so that stdout contains only the result. The answer comes from stdin. Without a terminal,
//! a question is an error; the error names the flag for the answer.

mod answer;
mod terminal;

use std::io::{self, IsTerminal};

use self::answer::{Answer, Echo, Event};
use self::terminal::RawTerminal;
use crate::cli::GlobalArgs;
use crate::env;
use crate::exit::Failure;
use crate::output::Output;

pub(crate) use self::terminal::restore as restore_terminal;

#[derive(Debug)]
pub(crate) struct Prompt {
    /// Why no question can be asked. `None` if one can be asked.
    obstacle: Option<&'static str>,
}

/// The answer that an empty input means.
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

    /// Fails when `question` cannot be asked. Called before the work that precedes the question.
    pub(crate) fn require(&self, question: &str, flag: &str) -> anyhow::Result<()> {
        match self.obstacle {
            None => Ok(()),
            Some(obstacle) => Err(Failure::input(format!(
                "cannot ask \"{question}\", since {obstacle}"
            ))
            .hint(format!("answer it with {}", quoted(flag)))
            .into()),
        }
    }

    /// Returns whether a question can be asked.
    pub(crate) fn is_possible(&self) -> bool {
        self.obstacle.is_none()
    }

    /// Asks a yes-or-no question. The answer no is the error "Cancelled".
    pub(crate) fn confirm(
        &self,
        output: &Output,
        question: &str,
        preset: Preset,
        flag: &str,
    ) -> anyhow::Result<()> {
        match self.choice(output, question, preset, flag)? {
            Preset::Yes => Ok(()),
            Preset::No => Err(Failure::cancelled().into()),
        }
    }

    /// Asks a yes-or-no question, and returns the answer.
    pub(crate) fn choice(
        &self,
        output: &Output,
        question: &str,
        preset: Preset,
        flag: &str,
    ) -> anyhow::Result<Preset> {
        self.require(question, flag)?;
        let choices = match preset {
            Preset::Yes => "(Y/n)",
            Preset::No => "(y/N)",
        };
        loop {
            let answer = self.read_line(output, &format!("{question} {choices}"), flag)?;
            match read_choice(&answer, preset) {
                Some(choice) => return Ok(choice),
                None => output.warn("Answer y or n")?,
            }
        }
    }

    /// Asks for a line of text. An empty answer means `preset`, if there is one.
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
            let answer = self.read_line(output, &question, flag)?;
            match (answer.as_str(), preset) {
                ("", None) => {}
                ("", Some(preset)) => return Ok(preset.to_owned()),
                (answer, _) => return Ok(answer.to_owned()),
            }
        }
    }

    /// Asks for a secret, and shows it as stars. A paste may have several lines if the terminal marks pastes. Repeats
    /// the question after an empty answer.
    pub(crate) fn masked(
        &self,
        output: &Output,
        question: &str,
        flag: &str,
    ) -> anyhow::Result<String> {
        self.require(question, flag)?;
        loop {
            let answer = read(output, question, flag, Echo::Stars)?;
            if !answer.is_empty() {
                return Ok(answer);
            }
        }
    }

    fn read_line(&self, output: &Output, question: &str, flag: &str) -> anyhow::Result<String> {
        self.require(question, flag)?;
        let answer = read(output, question, flag, Echo::Plain)?;
        if answer.contains('\n') {
            return Err(several_lines(flag));
        }
        Ok(answer.trim().to_owned())
    }
}

/// Reads keys up to the return key. Ctrl-D on an empty line is the error "Cancelled".
fn read(output: &Output, question: &str, flag: &str, echo: Echo) -> anyhow::Result<String> {
    let terminal = RawTerminal::start()?;
    let mut screen = output.prompt_stream();
    screen.question(question)?;
    let mut answer = Answer::new(echo);
    let mut buffer = [0; 4096];
    let failure = 'input: loop {
        let count = match terminal.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                break Failure::cancelled().into();
            }
            count => count?,
        };
        let mut shown = String::new();
        for (position, byte) in buffer[..count].iter().enumerate() {
            match answer.push(*byte) {
                Event::Nothing => {}
                Event::Show(text) => shown.push_str(&text),
                Event::Submit => {
                    terminal::write(shown.as_bytes())?;
                    if position + 1 < count || terminal.has_more()? {
                        break 'input several_lines(flag);
                    }
                    screen.end_line()?;
                    return Ok(answer.text());
                }
                Event::Interrupt => break 'input Failure::interrupted().into(),
                Event::End => break 'input Failure::cancelled().into(),
                Event::NotText => {
                    break 'input Failure::validation("what was pasted is not UTF-8 text").into();
                }
            }
        }
        terminal::write(shown.as_bytes())?;
    };
    terminal.drain()?;
    screen.end_line()?;
    Err(failure)
}

/// Returns the error for several lines at once: an unmarked paste. The rest of the paste must not answer the next
/// question or run in the shell.
fn several_lines(flag: &str) -> anyhow::Error {
    Failure::input("several lines were pasted; all of them were discarded, and nothing was changed")
        .hint(format!("paste one line, or answer with {}", quoted(flag)))
        .into()
}

/// Puts a flag in backticks. A text about several flags has its own.
fn quoted(flag: &str) -> String {
    if flag.contains('`') {
        flag.to_owned()
    } else {
        format!("`{flag}`")
    }
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
