//! Builds the input of a call from the command line and from prompts.

use serde_json::{Map, Value};

use super::operation::Operation;
use crate::context::Context;
use crate::exit::Failure;

/// Fields of the input: pairs of name and value.
type Fields<'a> = Vec<(&'a str, &'a str)>;

/// Splits the arguments into the tool's name and the fields of its input.
pub(super) fn words(words: &[String]) -> anyhow::Result<(Option<&str>, Fields<'_>)> {
    let (name, fields) = match words.split_first() {
        Some((first, rest)) if !first.contains('=') => (Some(first.as_str()), rest),
        _ => (None, words),
    };
    let fields = fields
        .iter()
        .map(|word| {
            word.split_once('=').ok_or_else(|| {
                Failure::input(format!("`{word}` is not KEY=VALUE"))
                    .hint("quote a value that has spaces: KEY='two words'")
                    .into()
            })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok((name, fields))
}

/// Builds the input from the given fields, and asks for required fields that are missing.
///
/// # Errors
///
/// If a value does not have the type of its field, or a missing value cannot be asked for.
pub(super) fn of(
    operation: &Operation,
    fields: Fields<'_>,
    context: &Context,
) -> anyhow::Result<Value> {
    let mut input = Map::new();
    for (name, text) in fields {
        if operation.field(name).is_none() && operation.has_fields() {
            let text = format!("the function's schema has no `{name}`");
            context.output.warn(&text)?;
        }
        input.insert(name.to_owned(), value(operation, name, text)?);
    }
    for name in operation.required() {
        if input.contains_key(&name) {
            continue;
        }
        let flag = format!("{name}=VALUE");
        let question = format!("{name}{}:", description(operation.field(&name)));
        let text = context
            .prompt
            .line(&context.output, &question, None, &flag)?;
        let value = value(operation, &name, &text)?;
        input.insert(name, value);
    }
    Ok(Value::Object(input))
}

fn description(schema: Option<&Value>) -> String {
    let text = schema.and_then(|schema| schema["description"].as_str());
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

/// Converts the text of a value: unchanged if the field allows strings, otherwise parsed as JSON.
fn value(operation: &Operation, name: &str, text: &str) -> anyhow::Result<Value> {
    let types = operation.field(name).map(|schema| &schema["type"]);
    let is_text = |kind: &Value| kind == "string";
    let allows_text = match types {
        Some(Value::Array(types)) => types.iter().any(is_text),
        Some(kind @ Value::String(_)) => is_text(kind),
        // The type is not known: JSON if the text is valid JSON, otherwise a string.
        _ => return Ok(serde_json::from_str(text).unwrap_or_else(|_| text.into())),
    };
    if allows_text {
        return Ok(text.into());
    }
    serde_json::from_str(text).map_err(|_| {
        let kind = types.and_then(Value::as_str).unwrap_or("value");
        Failure::input(format!(
            "{name} is `{text}`, and the schema asks for: {kind}"
        ))
        .hint("values are written as in JSON: 7, true, '[\"a\"]', '{\"a\":1}'")
        .into()
    })
}
