//! The parser of filters.

use jelou_core::suggestion;

use super::error::FilterError;
use super::expression::{
    ArgumentTest, Comparison, Expression, NumberField, Operator, Pattern, TextField, TextTerm,
};
use crate::record::{Kind, Protocol};
use crate::words::lowercase;

/// Maximum depth of brackets and negations. Limits the recursion of the parser.
const MAX_DEPTH: usize = 32;
/// Maximum bytes of a filter.
const MAX_BYTES: usize = 4096;

/// The names of all fields except `args.`.
const FIELDS: [&str; 19] = [
    "level",
    "kind",
    "status",
    "dur",
    "cold",
    "method",
    "path",
    "route",
    "tool",
    "token",
    "error",
    "request",
    "deployment",
    "event",
    "protocol",
    "in",
    "out",
    "hops",
    "seq",
];
const ARGUMENTS: &str = "args.";

/// Parses a filter. Returns `None` for a filter without terms.
pub(super) fn parse(filter: &str) -> Result<Option<Expression>, FilterError> {
    let mut parser = Parser {
        filter,
        at: 0,
        depth: 0,
    };
    if filter.len() > MAX_BYTES {
        let message = format!(
            "a filter may have {MAX_BYTES} bytes; this one has {}",
            filter.len()
        );
        return Err(FilterError::new("", 0, 0, message));
    }
    if parser.peek().is_none() {
        return Ok(None);
    }
    let expression = parser.any_of()?;
    match parser.peek() {
        None => Ok(Some(expression)),
        Some(_) => Err(parser.error(parser.at, parser.at + 1, "there is no `(` for this `)`")),
    }
}

struct Parser<'a> {
    filter: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Parses terms that are joined by `or`.
    fn any_of(&mut self) -> Result<Expression, FilterError> {
        let mut alternatives = vec![self.all_of()?];
        while self.keyword("or") {
            alternatives.push(self.all_of()?);
        }
        Ok(one_or(alternatives, Expression::Or))
    }

    /// Parses terms that are joined by `and`, or that only follow each other.
    fn all_of(&mut self) -> Result<Expression, FilterError> {
        let mut terms = vec![self.term()?];
        loop {
            let is_and = self.keyword("and");
            let at_end = matches!(self.peek(), None | Some(')')) || self.is_keyword("or");
            if at_end && !is_and {
                return Ok(one_or(terms, Expression::And));
            }
            terms.push(self.term()?);
        }
    }

    fn term(&mut self) -> Result<Expression, FilterError> {
        let start = self.at_next();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("at most {MAX_DEPTH} levels of brackets and negations");
            return Err(self.error(start, start + 1, message));
        }
        let term = self.term_within();
        self.depth -= 1;
        term
    }

    fn term_within(&mut self) -> Result<Expression, FilterError> {
        let start = self.at_next();
        match self.peek() {
            None => Err(self.error(
                self.filter.len(),
                self.filter.len(),
                "a term is missing here",
            )),
            Some(')') => Err(self.error(start, start + 1, "a term is missing before this `)`")),
            Some('(') => {
                self.at += 1;
                let inner = self.any_of()?;
                if self.peek() == Some(')') {
                    self.at += 1;
                    Ok(inner)
                } else {
                    Err(self.error(start, start + 1, "this `(` is not closed"))
                }
            }
            Some('"') => {
                let text = self.quoted()?;
                if text.is_empty() {
                    return Err(self.error(start, self.at, "the text is empty"));
                }
                Ok(Expression::Text(TextTerm::Exact(text)))
            }
            Some('-') => {
                self.at += 1;
                let next = self.rest().chars().next();
                if next.is_none_or(char::is_whitespace) {
                    return Err(self.error(start, start + 1, "`-` needs a term directly after it"));
                }
                Ok(Expression::Not(Box::new(self.term()?)))
            }
            Some(_) if self.keyword("not") => Ok(Expression::Not(Box::new(self.term()?))),
            Some(_) if self.is_keyword("or") || self.is_keyword("and") => {
                let end = start + self.word().len();
                Err(self.error(
                    start,
                    end,
                    "a term is missing before this word; quote it to search for it",
                ))
            }
            Some(_) => self.word_or_comparison(),
        }
    }

    fn word_or_comparison(&mut self) -> Result<Expression, FilterError> {
        let start = self.at;
        let word = self.word();
        let operator = word.char_indices().find_map(|(at, _)| {
            let rest = &word[at..];
            let mut known = Operator::ALL.into_iter();
            known
                .find(|(text, _)| rest.starts_with(text))
                .map(|(text, operator)| (at, text, operator))
        });
        let Some((at, text, operator)) = operator else {
            self.at += word.len();
            return self.words(word, start);
        };
        let field = Place {
            text: &word[..at],
            start,
        };
        let operator = Asked {
            operator,
            start: start + at,
            end: start + at + text.len(),
        };
        self.at = operator.end;
        let value = if self.rest().starts_with('"') {
            self.quoted()?
        } else {
            let value = self.word();
            self.at += value.len();
            value.to_owned()
        };
        if value.is_empty() {
            return Err(self.error(start, self.at, format!("`{}` needs a value", field.text)));
        }
        let value = Place {
            text: &value,
            start: operator.end,
        };
        self.comparison(&field, &operator, &value)
            .map(Expression::Compare)
    }

    fn words(&self, word: &str, start: usize) -> Result<Expression, FilterError> {
        let (text, is_prefix) = match word.strip_suffix('*') {
            Some(text) => (text, true),
            None => (word, false),
        };
        if text.is_empty() {
            return Err(self.error(
                start,
                self.at,
                "`*` needs the beginning of a word before it",
            ));
        }
        Ok(Expression::Text(TextTerm::Words {
            lower: lowercase(text),
            is_prefix,
        }))
    }

    fn comparison(
        &self,
        field: &Place<'_>,
        asked: &Asked,
        value: &Place<'_>,
    ) -> Result<Comparison, FilterError> {
        let invalid = |expected: &str| {
            let end = self.at.max(value.start + 1);
            let message = format!("`{}` needs {expected}", field.text);
            self.error(value.start, end, message)
        };
        let equality = || match asked.operator {
            Operator::Equality(equality) => Ok(equality),
            _ => {
                let message = format!("`{}` has no order: use `:` or `!=`", field.text);
                Err(self.error(asked.start, asked.end, message))
            }
        };
        let pattern = || Pattern(lowercase(value.text));
        let number = |field, parsed: Option<f64>, expected: &str| {
            let parsed = parsed.ok_or_else(|| invalid(expected))?;
            Ok(Comparison::Number(field, asked.operator, parsed))
        };
        let text = |field| Ok(Comparison::Text(field, equality()?, pattern()));
        match field.text {
            "level" => {
                let level = value.text.parse();
                let level = level.map_err(|_| invalid("debug, info, warn or error"))?;
                Ok(Comparison::Level(asked.operator, level))
            }
            "kind" => {
                let known = [Kind::Line, Kind::Call, Kind::Event].into_iter();
                let kind = named(known, Kind::as_str, value.text);
                let kind = kind.ok_or_else(|| invalid("line, call or event"))?;
                Ok(Comparison::Kind(equality()?, kind))
            }
            "protocol" => {
                let known = [Protocol::Http, Protocol::Mcp, Protocol::Cron].into_iter();
                let protocol = named(known, Protocol::as_str, value.text);
                let protocol = protocol.ok_or_else(|| invalid("http, mcp or cron"))?;
                Ok(Comparison::Protocol(equality()?, protocol))
            }
            "cold" => {
                let cold = value.text.parse().map_err(|_| invalid("true or false"))?;
                Ok(Comparison::Cold(equality()?, cold))
            }
            "status" => match status_class(value.text) {
                Some(class) => Ok(Comparison::StatusClass(equality()?, class)),
                None => {
                    let status = plain_number(value.text);
                    number(NumberField::Status, status, "a status such as 404 or 5xx")
                }
            },
            "dur" => {
                let duration = with_unit(value.text, &[("ms", 1.0), ("s", 1e3), ("m", 6e4)]);
                number(
                    NumberField::Duration,
                    duration,
                    "a duration such as 500ms, 2s or 1m",
                )
            }
            "in" | "out" => {
                let units = [("kb", 1024.0), ("mb", 1024.0 * 1024.0), ("b", 1.0)];
                let bytes = with_unit(value.text, &units);
                let side = if field.text == "in" {
                    NumberField::BytesIn
                } else {
                    NumberField::BytesOut
                };
                number(side, bytes, "a number of bytes such as 100 or 10kb")
            }
            "hops" => number(NumberField::Hops, plain_number(value.text), "a number"),
            "seq" => number(NumberField::Seq, plain_number(value.text), "a number"),
            "method" => text(TextField::Method),
            "path" => text(TextField::Path),
            "route" => text(TextField::Route),
            "tool" => text(TextField::Tool),
            "token" => text(TextField::Token),
            "error" => text(TextField::Error),
            "request" => text(TextField::Request),
            "deployment" => text(TextField::Deployment),
            "event" => text(TextField::Event),
            name => match name.strip_prefix(ARGUMENTS) {
                Some(path) if path.split('.').all(|key| !key.is_empty()) => {
                    let path = path.split('.').map(str::to_owned).collect();
                    let condition = match asked.operator {
                        Operator::Equality(equality) => ArgumentTest::Equality(equality, pattern()),
                        operator => {
                            let number = plain_number(value.text);
                            ArgumentTest::Order(
                                operator,
                                number.ok_or_else(|| invalid("a number"))?,
                            )
                        }
                    };
                    Ok(Comparison::Argument(path, condition))
                }
                Some(_) => {
                    let message =
                        "a name is missing: `args.order.id=9` searches the arguments of a line";
                    Err(self.error(field.start, asked.start, message))
                }
                None => Err(self.unknown(field, asked)),
            },
        }
    }

    fn unknown(&self, field: &Place<'_>, asked: &Asked) -> FilterError {
        let name = field.text;
        if name.is_empty() {
            return self.error(
                asked.start,
                asked.end,
                "a field is missing before this; quote the text to search for it",
            );
        }
        let message = match suggestion::nearest(name, FIELDS) {
            Some(known) => format!("there is no field `{name}`; did you mean `{known}`?"),
            None => format!(
                "there is no field `{name}`; quote the text to search for it. The fields are {} and args.…",
                FIELDS.join(", ")
            ),
        };
        self.error(field.start, asked.start, message)
    }

    /// Parses a text in quotes. `\"` is a quote, and `\\` a backslash.
    fn quoted(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(self.error(start, start + 1, "this quote is not closed"))
    }

    fn rest(&self) -> &'a str {
        self.filter.get(self.at..).unwrap_or_default()
    }

    /// Returns the next word without consuming it.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|character: char| {
            character.is_whitespace() || matches!(character, '(' | ')' | '"')
        });
        &rest[..end.unwrap_or(rest.len())]
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.word().eq_ignore_ascii_case(keyword)
    }

    /// Consumes the keyword if it is next. Returns whether it was.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.at_next();
        let found = self.is_keyword(keyword);
        if found {
            self.at += keyword.len();
        }
        found
    }

    /// Skips white space. Returns the byte offset of the next character.
    fn at_next(&mut self) -> usize {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.at
    }

    fn peek(&mut self) -> Option<char> {
        self.at_next();
        self.rest().chars().next()
    }

    fn error(&self, start: usize, end: usize, message: impl Into<String>) -> FilterError {
        FilterError::new(self.filter, start, end, message)
    }
}

/// A part of the filter, and its byte offset.
struct Place<'a> {
    text: &'a str,
    start: usize,
}

struct Asked {
    operator: Operator,
    start: usize,
    end: usize,
}

fn one_or(
    mut terms: Vec<Expression>,
    all: impl FnOnce(Vec<Expression>) -> Expression,
) -> Expression {
    match terms.len() {
        1 => terms.remove(0),
        _ => all(terms),
    }
}

fn named<T: Copy>(
    mut known: impl Iterator<Item = T>,
    name: impl Fn(T) -> &'static str,
    text: &str,
) -> Option<T> {
    known.find(|value| name(*value).eq_ignore_ascii_case(text))
}

/// Returns the first digit of a class of statuses, such as `5xx`.
fn status_class(text: &str) -> Option<u16> {
    match text.as_bytes() {
        [digit @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => Some(u16::from(digit - b'0')),
        _ => None,
    }
}

fn plain_number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let unit = units.iter().find_map(|(unit, factor)| {
        let number = lower.strip_suffix(unit)?;
        plain_number(number).map(|number| number * factor)
    });
    unit.or_else(|| plain_number(&lower))
}
