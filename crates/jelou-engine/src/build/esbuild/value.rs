//! The values of the bundler's protocol, and their encoding.

use std::io::{Error, ErrorKind, Result};

/// Maximum nesting of values. The bundler reads untrusted code, so its output is checked.
const MAX_DEPTH: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(u32),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Value {
    pub(super) fn map<const N: usize>(fields: [(&str, Self); N]) -> Self {
        let fields = fields.map(|(key, value)| (key.to_owned(), value));
        Self::Map(fields.into())
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Returns a field of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(fields) => fields
                .iter()
                .find_map(|(name, value)| (name == key).then_some(value)),
            _ => None,
        }
    }

    /// Returns a field of a map if the field is text, otherwise an empty string.
    pub(super) fn str(&self, key: &str) -> &str {
        match self.get(key) {
            Some(Self::Text(text)) => text,
            _ => "",
        }
    }

    pub(super) fn int(&self, key: &str) -> Option<u32> {
        match self.get(key) {
            Some(Self::Int(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some(&Self::Bool(true))
    }

    /// Returns the items of a list in a map, or no items.
    pub(super) fn list(&self, key: &str) -> &[Self] {
        match self.get(key) {
            Some(Self::List(items)) => items,
            _ => &[],
        }
    }

    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Self::Null => into.push(0),
            Self::Bool(value) => into.extend([1, u8::from(*value)]),
            Self::Int(number) => {
                into.push(2);
                into.extend(number.to_le_bytes());
            }
            Self::Text(text) => {
                into.push(3);
                encode_bytes(text.as_bytes(), into);
            }
            Self::Bytes(bytes) => {
                into.push(4);
                encode_bytes(bytes, into);
            }
            Self::List(items) => {
                into.push(5);
                encode_length(items.len(), into);
                for item in items {
                    item.encode(into);
                }
            }
            Self::Map(fields) => {
                into.push(6);
                encode_length(fields.len(), into);
                for (key, value) in fields {
                    encode_bytes(key.as_bytes(), into);
                    value.encode(into);
                }
            }
        }
    }

    /// Decodes a value.
    ///
    /// # Errors
    ///
    /// When the bytes are not exactly one value.
    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self> {
        let value = decode(&mut bytes, 0)?;
        if bytes.is_empty() {
            Ok(value)
        } else {
            Err(malformed("bytes after a value"))
        }
    }
}

fn encode_length(length: usize, into: &mut Vec<u8>) {
    // No value is larger than 4 GiB.
    into.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn encode_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    encode_length(bytes.len(), into);
    into.extend(bytes);
}

pub(super) fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the bundler sent {what}"))
}

fn decode(bytes: &mut &[u8], depth: usize) -> Result<Value> {
    if depth > MAX_DEPTH {
        return Err(malformed("values that are nested too deep"));
    }
    Ok(match take(bytes, 1)?[0] {
        0 => Value::Null,
        1 => Value::Bool(take(bytes, 1)?[0] != 0),
        2 => Value::Int(decode_int(bytes)?),
        3 => Value::Text(decode_text(bytes)?),
        4 => Value::Bytes(decode_bytes(bytes)?.to_vec()),
        5 => {
            let length = decode_int(bytes)?;
            Value::List(
                (0..length)
                    .map(|_| decode(bytes, depth + 1))
                    .collect::<Result<_>>()?,
            )
        }
        6 => {
            let length = decode_int(bytes)?;
            let mut field = || Ok((decode_text(bytes)?, decode(bytes, depth + 1)?));
            Value::Map((0..length).map(|_| field()).collect::<Result<_>>()?)
        }
        _ => return Err(malformed("an unknown type of value")),
    })
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (taken, rest) = bytes
        .split_at_checked(length)
        .ok_or_else(|| malformed("an incomplete value"))?;
    *bytes = rest;
    Ok(taken)
}

fn decode_int(bytes: &mut &[u8]) -> Result<u32> {
    let mut number = [0; 4];
    number.copy_from_slice(take(bytes, 4)?);
    Ok(u32::from_le_bytes(number))
}

fn decode_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = decode_int(bytes)?;
    take(bytes, length as usize)
}

fn decode_text(bytes: &mut &[u8]) -> Result<String> {
    Ok(String::from_utf8_lossy(decode_bytes(bytes)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value() -> Value {
        Value::map([
            ("command", Value::text("build")),
            ("key", Value::Int(7)),
            (
                "plugins",
                Value::List(vec![Value::Null, Value::Bool(true), Value::Map(Vec::new())]),
            ),
            ("contents", Value::Bytes(vec![0, 255])),
        ])
    }

    #[test]
    fn a_value_survives_a_round_trip() {
        let mut bytes = Vec::new();
        value().encode(&mut bytes);
        assert_eq!(Value::decode(&bytes).unwrap(), value());
        assert_eq!(value().str("command"), "build");
        assert_eq!(value().int("key"), Some(7));
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let mut bytes = Vec::new();
        value().encode(&mut bytes);
        for length in 0..bytes.len() {
            assert!(Value::decode(&bytes[..length]).is_err(), "{length}");
        }
        bytes.push(0);
        assert!(Value::decode(&bytes).is_err());
        assert!(Value::decode(&[9]).is_err());
        assert!(Value::decode(&[5, 255, 255, 255, 255]).is_err());
        let nested: Vec<u8> = [5, 1, 0, 0, 0].repeat(MAX_DEPTH + 2);
        assert!(Value::decode(&nested).is_err());
    }
}
