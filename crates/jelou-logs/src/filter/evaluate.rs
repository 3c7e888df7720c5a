//! Applies a filter to a record.

use std::cell::OnceCell;

use jelou_core::{DeploymentId, TokenId};
use serde_json::Value;

use super::expression::{
    ArgumentTest, Comparison, Equality, Expression, NumberField, Pattern, TextField, TextTerm,
};
use crate::record::{Call, Content, Record};
use crate::words::lowercase;

/// A record whose arguments are parsed only when a term needs them.
#[derive(Debug)]
pub(crate) struct Examined<'a> {
    record: &'a Record,
    token_name: Option<&'a str>,
    args: OnceCell<Vec<Value>>,
}

impl<'a> Examined<'a> {
    pub(crate) fn new(record: &'a Record, token_name: Option<&'a str>) -> Self {
        Self {
            record,
            token_name,
            args: OnceCell::new(),
        }
    }

    fn args(&self) -> &[Value] {
        self.args.get_or_init(|| match &self.record.content {
            Content::Line(line) => serde_json::from_str(line.args.get()).unwrap_or_default(),
            Content::Call(_) | Content::Event(_) => Vec::new(),
        })
    }

    fn call(&self) -> Option<&Call> {
        match &self.record.content {
            Content::Call(call) => Some(call),
            Content::Line(_) | Content::Event(_) => None,
        }
    }

    /// Returns whether any text of the record meets the condition.
    fn any_text(&self, mut meets: impl FnMut(&str) -> bool) -> bool {
        match &self.record.content {
            Content::Line(_) => self.args().iter().any(|value| any_leaf(value, &mut meets)),
            Content::Call(call) => {
                let optional = [&call.route, &call.tool, &call.error];
                meets(&call.method)
                    || meets(&call.path)
                    || optional.into_iter().flatten().any(|text| meets(text))
                    || call
                        .token
                        .as_ref()
                        .is_some_and(|token| meets(token.as_str()))
            }
            Content::Event(event) => meets(&event.event) || meets(&event.message),
        }
    }

    fn has_id(&self, id: &str) -> bool {
        let record = self.record;
        record.request_id.as_deref() == Some(id)
            || record
                .deployment
                .as_ref()
                .is_some_and(|own| own.as_str() == id)
    }
}

/// Returns whether any string or key, or the JSON of any number, boolean or `null`, meets the condition.
fn any_leaf(value: &Value, meets: &mut impl FnMut(&str) -> bool) -> bool {
    match value {
        Value::String(text) => meets(text),
        Value::Array(items) => items.iter().any(|item| any_leaf(item, meets)),
        Value::Object(fields) => fields
            .iter()
            .any(|(key, value)| meets(key) || any_leaf(value, meets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => meets(&value.to_string()),
    }
}

impl Expression {
    pub(super) fn matches(&self, record: &Examined<'_>) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.matches(record)),
            Self::Or(terms) => terms.iter().any(|term| term.matches(record)),
            Self::Not(term) => !term.matches(record),
            Self::Text(term) => term.matches(record),
            Self::Compare(comparison) => comparison.matches(record),
        }
    }
}

impl TextTerm {
    fn matches(&self, record: &Examined<'_>) -> bool {
        match self {
            Self::Exact(text) => {
                record.has_id(text) || record.any_text(|found| found.contains(text.as_str()))
            }
            Self::Words { lower, is_prefix } => {
                record.has_id(lower)
                    || record.any_text(|text| has_words(&lowercase(text), lower, *is_prefix))
            }
        }
    }
}

/// Returns whether the text contains `words` without another letter or digit next to them. With `is_prefix`, letters
/// and digits may follow.
fn has_words(text: &str, words: &str, is_prefix: bool) -> bool {
    let is_inner = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let starts_inner = is_inner(words.chars().next());
    let ends_inner = is_inner(words.chars().next_back());
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(words)) {
        let start = from + at;
        let end = start + words.len();
        let is_start = !starts_inner || !is_inner(text[..start].chars().next_back());
        let is_end = is_prefix || !ends_inner || !is_inner(text[end..].chars().next());
        if is_start && is_end {
            return true;
        }
        from = start + text[start..].chars().next().map_or(1, char::len_utf8);
    }
    false
}

impl Comparison {
    fn matches(&self, examined: &Examined<'_>) -> bool {
        let record = examined.record;
        let call = examined.call();
        match self {
            Self::Level(operator, level) => operator.holds(&record.level, level),
            Self::Kind(equality, kind) => equality.holds(record.kind() == *kind),
            Self::Protocol(equality, protocol) => {
                call.is_some_and(|call| equality.holds(call.protocol == *protocol))
            }
            Self::Cold(equality, cold) => {
                call.is_some_and(|call| equality.holds(call.cold == *cold))
            }
            Self::StatusClass(equality, class) => {
                call.is_some_and(|call| equality.holds(call.status / 100 == *class))
            }
            Self::Number(field, operator, wanted) => number_of(*field, record, call)
                .is_some_and(|number| operator.holds(&number, wanted)),
            Self::Text(TextField::Token, equality, pattern) => {
                let id = call.and_then(|call| call.token.as_ref());
                id.is_some_and(|id| {
                    let named = examined
                        .token_name
                        .is_some_and(|name| pattern.matches(name));
                    equality.holds(named || pattern.matches(id.as_str()))
                })
            }
            Self::Text(field, equality, pattern) => text_of(*field, record, call)
                .is_some_and(|text| equality.holds(pattern.matches(text))),
            Self::Argument(path, test) => {
                let mut found = Vec::new();
                find_arguments(examined.args(), path, &mut found);
                match test {
                    ArgumentTest::Equality(Equality::Equal, pattern) => {
                        found.iter().any(|value| is_equal(value, pattern))
                    }
                    ArgumentTest::Equality(Equality::NotEqual, pattern) => {
                        !found.is_empty() && found.iter().all(|value| !is_equal(value, pattern))
                    }
                    ArgumentTest::Order(operator, wanted) => found.iter().any(|value| {
                        let number = as_number(value);
                        number.is_some_and(|number| operator.holds(&number, wanted))
                    }),
                }
            }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the filter compares with an f64 too"
)]
fn number_of(field: NumberField, record: &Record, call: Option<&Call>) -> Option<f64> {
    match field {
        NumberField::Seq => Some(record.seq as f64),
        NumberField::Status => call.map(|call| f64::from(call.status)),
        NumberField::Duration => call.map(|call| call.duration_ms),
        NumberField::BytesIn => call
            .and_then(|call| call.bytes_in)
            .map(|bytes| bytes as f64),
        NumberField::BytesOut => call.map(|call| call.bytes_out as f64),
        NumberField::Hops => call.map(|call| f64::from(call.hops)),
    }
}

fn text_of<'a>(field: TextField, record: &'a Record, call: Option<&'a Call>) -> Option<&'a str> {
    match field {
        TextField::Request => record.request_id.as_deref(),
        TextField::Deployment => record.deployment.as_ref().map(DeploymentId::as_str),
        TextField::Event => match &record.content {
            Content::Event(event) => Some(&event.event),
            Content::Line(_) | Content::Call(_) => None,
        },
        TextField::Method => call.map(|call| call.method.as_str()),
        TextField::Path => call.map(|call| call.path.as_str()),
        TextField::Route => call.and_then(|call| call.route.as_deref()),
        TextField::Tool => call.and_then(|call| call.tool.as_deref()),
        TextField::Error => call.and_then(|call| call.error.as_deref()),
        TextField::Token => call
            .and_then(|call| call.token.as_ref())
            .map(TokenId::as_str),
    }
}

/// Collects the values at a path. The path begins inside any argument, or with the index of an argument. If a key is
/// not an index, all items of a list are searched for it.
fn find_arguments<'a>(args: &'a [Value], path: &[String], found: &mut Vec<&'a Value>) {
    for argument in args {
        find_in(argument, path, found);
    }
    if let [first, rest @ ..] = path
        && let Some(argument) = first
            .parse::<usize>()
            .ok()
            .and_then(|index| args.get(index))
    {
        find_in(argument, rest, found);
    }
}

fn find_in<'a>(value: &'a Value, path: &[String], found: &mut Vec<&'a Value>) {
    let Some((key, rest)) = path.split_first() else {
        found.push(value);
        return;
    };
    match value {
        Value::Object(fields) => {
            if let Some(field) = fields.get(key) {
                find_in(field, rest, found);
            }
        }
        Value::Array(items) => match key.parse::<usize>() {
            Ok(index) => {
                if let Some(item) = items.get(index) {
                    find_in(item, rest, found);
                }
            }
            Err(_) => items.iter().for_each(|item| find_in(item, path, found)),
        },
        _ => {}
    }
}

/// Compares a number by value or by its text, and any other value by its text.
fn is_equal(value: &Value, pattern: &Pattern) -> bool {
    match value {
        Value::String(text) => pattern.matches(text),
        Value::Number(number) => {
            let wanted = pattern.0.parse::<f64>();
            let equal = |wanted: f64| {
                number
                    .as_f64()
                    .is_some_and(|number| number.total_cmp(&wanted).is_eq())
            };
            wanted.is_ok_and(equal) || pattern.matches(&number.to_string())
        }
        other => pattern.matches(&other.to_string()),
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}
