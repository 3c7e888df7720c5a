//! The syntax tree of a parsed filter.

use jelou_core::Level;

use crate::record::{Kind, Protocol};

#[derive(Debug, Clone)]
pub(crate) enum Expression {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Text(TextTerm),
    Compare(Comparison),
}

/// A text that must be in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextTerm {
    /// `"text"`: exactly these characters.
    Exact(String),
    /// `text`: these whole words, in lower case. With `is_prefix` (`text*`), the last word may be the start of a longer
    /// word.
    Words { lower: String, is_prefix: bool },
}

#[derive(Debug, Clone)]
pub(crate) enum Comparison {
    Level(Operator, Level),
    Kind(Equality, Kind),
    Protocol(Equality, Protocol),
    Cold(Equality, bool),
    /// `status:5xx`, with the first digit of the status.
    StatusClass(Equality, u16),
    Number(NumberField, Operator, f64),
    Text(TextField, Equality, Pattern),
    /// Compares the values at a path inside the arguments of a line.
    Argument(Vec<String>, ArgumentTest),
}

#[derive(Debug, Clone)]
pub(crate) enum ArgumentTest {
    Equality(Equality, Pattern),
    Order(Operator, f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Equality {
    Equal,
    NotEqual,
}

impl Equality {
    pub(crate) fn holds(self, are_equal: bool) -> bool {
        are_equal == (self == Self::Equal)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equality(Equality),
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// All operators, in the order in which the parser tries them: a longer operator comes before its prefix.
    pub(super) const ALL: [(&str, Self); 7] = [
        (">=", Self::GreaterOrEqual),
        ("<=", Self::LessOrEqual),
        ("!=", Self::Equality(Equality::NotEqual)),
        (">", Self::Greater),
        ("<", Self::Less),
        ("=", Self::Equality(Equality::Equal)),
        (":", Self::Equality(Equality::Equal)),
    ];

    pub(crate) fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equality(equality) => equality.holds(left == right),
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberField {
    Status,
    Duration,
    BytesIn,
    BytesOut,
    Hops,
    Seq,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextField {
    Method,
    Path,
    Route,
    Tool,
    Token,
    Error,
    Request,
    Deployment,
    Event,
}

/// A text to compare with, in lower case. `*` matches any number of any characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(pub(super) String);

impl Pattern {
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text = crate::words::lowercase(text);
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else {
            return false;
        };
        let Some(mut part) = parts.next() else {
            return rest.is_empty();
        };
        for next in parts {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
            part = next;
        }
        rest.ends_with(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let cases = [
            ("a", "A", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*b", "a", false),
            ("a*a", "a", false),
            ("/orders/*/x", "/orders/7/x", true),
            ("/orders/*/x", "/orders/x", false),
            ("*", "", true),
            ("*b*c", "abcbc", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                Pattern(pattern.to_owned()).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
