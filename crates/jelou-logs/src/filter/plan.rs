//! Decides what a query can skip without parsing records: whole blocks, by their header and Bloom filters, and lines
//! that lack a required text.

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;

use super::Filter;
use super::expression::{
    ArgumentTest, Comparison, Equality, Expression, NumberField, Operator, Pattern, TextField,
    TextTerm,
};
use jelou_core::Level;

use crate::record::Kind;
use crate::redact::in_json;
use crate::storage::block::bit;
use crate::words::{hash_of, lowercase, word_hashes};

/// Conditions that every matching record meets.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    min_level: Option<Level>,
    kind: Option<Kind>,
    /// Hashes of request ids. A matching record has all of them.
    requests: Vec<u64>,
    texts: Vec<RequiredText>,
    /// Hashes of words. A matching line contains all of them.
    words: Vec<u64>,
    needle: Option<Needle>,
}

/// A required text of a filter. A matching record contains all words of the text, or the text is the id of the record's
/// request or deployment.
#[derive(Debug)]
struct RequiredText {
    words: Vec<u64>,
    /// Hash of the complete text, which may be a request id.
    as_id: u64,
    may_be_deployment: bool,
}

#[derive(Debug)]
enum Needle {
    Exact(Box<Finder<'static>>),
    IgnoringCase(AhoCorasick),
}

impl Plan {
    /// Returns the plan for a filter and the other conditions of a query.
    pub(crate) fn of(filter: &Filter, level: Option<Level>, request: Option<&str>) -> Self {
        let mut plan = Self {
            min_level: level,
            ..Self::default()
        };
        if let Some(id) = request {
            plan.require_request(id);
        }
        if let Some(expression) = filter.expression() {
            plan.require(expression);
        }
        plan
    }

    fn require(&mut self, expression: &Expression) {
        match expression {
            Expression::And(terms) => terms.iter().for_each(|term| self.require(term)),
            Expression::Text(term) => self.require_text(term),
            Expression::Compare(comparison) => self.require_comparison(comparison),
            Expression::Or(_) | Expression::Not(_) => {}
        }
    }

    fn require_text(&mut self, term: &TextTerm) {
        let (text, words) = match term {
            TextTerm::Exact(text) => (text, complete_words(&lowercase(text), true, true)),
            TextTerm::Words { lower, is_prefix } => {
                (lower, complete_words(lower, false, *is_prefix))
            }
        };
        self.texts.push(RequiredText {
            words,
            as_id: hash_of(text),
            may_be_deployment: text.starts_with("dep_"),
        });
        if self.needle.is_none() {
            self.needle = match term {
                TextTerm::Exact(text) => Some(Needle::exact(&in_json(text))),
                TextTerm::Words { lower, .. } => Needle::ignoring_case(&in_json(lower)),
            };
        }
    }

    fn require_request(&mut self, id: &str) {
        self.requests.push(hash_of(id));
        self.needle = Some(Needle::exact(&format!("\"requestId\":\"{}\"", in_json(id))));
    }

    fn require_comparison(&mut self, comparison: &Comparison) {
        match comparison {
            Comparison::Level(
                Operator::GreaterOrEqual | Operator::Equality(Equality::Equal),
                level,
            ) => {
                self.min_level = self.min_level.max(Some(*level));
            }
            Comparison::Kind(Equality::Equal, kind) => self.kind = Some(*kind),
            Comparison::Text(TextField::Request, Equality::Equal, pattern)
                if !pattern.0.contains('*') && pattern.0.is_ascii() =>
            {
                // The pattern is in lower case, as are all request ids of this server.
                self.requests.push(hash_of(&pattern.0));
            }
            Comparison::Text(
                TextField::Method
                | TextField::Path
                | TextField::Route
                | TextField::Tool
                | TextField::Token
                | TextField::Error,
                ..,
            )
            | Comparison::Protocol(..)
            | Comparison::Cold(..)
            | Comparison::StatusClass(..) => self.kind = Some(Kind::Call),
            Comparison::Number(field, ..) if *field != NumberField::Seq => {
                self.kind = Some(Kind::Call);
            }
            Comparison::Argument(path, test) => {
                self.kind = Some(Kind::Line);
                self.require_argument(path, test);
            }
            _ => {}
        }
    }

    /// Requires the keys of the path and, for an equality, the words of the value.
    fn require_argument(&mut self, path: &[String], test: &ArgumentTest) {
        // A number in the path may be the index of an item. An index is not in the text.
        let mut keys = path.iter().filter(|key| key.parse::<usize>().is_err());
        for key in keys.clone() {
            self.words.extend(word_hashes(&lowercase(key)));
        }
        let value = match test {
            ArgumentTest::Equality(Equality::Equal, pattern) => literal(pattern),
            _ => None,
        };
        if let Some(value) = value {
            self.words.extend(word_hashes(value));
        }
        if self.needle.is_none() {
            self.needle = match (value, keys.next_back()) {
                (Some(value), _) => Needle::ignoring_case(&in_json(value)),
                (None, Some(key)) => Some(Needle::exact(&in_json(key))),
                (None, None) => None,
            };
        }
    }

    /// Returns whether calls may match.
    pub(crate) fn allows_calls(&self) -> bool {
        self.kind.is_none_or(|kind| kind == Kind::Call)
    }

    /// Returns whether lines or events may match.
    pub(crate) fn allows_lines(&self) -> bool {
        self.kind.is_none_or(|kind| kind != Kind::Call)
    }

    /// Returns whether a block with records of these levels may have matching records.
    pub(crate) fn allows_levels(&self, levels: u8) -> bool {
        let wanted = self.min_level.unwrap_or(Level::Debug);
        let mut allowed = Level::ALL.into_iter().filter(|level| *level >= wanted);
        allowed.any(|level| levels & bit(level) != 0)
    }

    /// Returns whether the plan depends on the request ids of a block.
    pub(crate) fn needs_ids(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Returns whether a block with these request ids may have matching records.
    pub(crate) fn allows_ids(&self, may_contain: impl Fn(u64) -> bool) -> bool {
        self.requests.iter().all(|id| may_contain(*id))
    }

    /// Returns whether the plan depends on the words of a block.
    pub(crate) fn needs_words(&self) -> bool {
        !self.words.is_empty() || self.texts.iter().any(|text| !text.words.is_empty())
    }

    /// Returns whether a block with these words and request ids may have matching records.
    pub(crate) fn allows_words(
        &self,
        has_id: impl Fn(u64) -> bool,
        has_word: impl Fn(u64) -> bool,
    ) -> bool {
        self.words.iter().all(|word| has_word(*word))
            && self.texts.iter().all(|text| {
                text.may_be_deployment
                    || text.words.iter().all(|word| has_word(*word))
                    || has_id(text.as_id)
            })
    }

    /// Returns byte offsets in the text. Only lines at these offsets can match. `None` if any line can match.
    pub(crate) fn candidates<'a>(
        &'a self,
        text: &'a str,
    ) -> Option<Box<dyn Iterator<Item = usize> + 'a>> {
        match self.needle.as_ref()? {
            Needle::Exact(finder) => Some(Box::new(finder.find_iter(text.as_bytes()))),
            Needle::IgnoringCase(finder) => {
                Some(Box::new(finder.find_iter(text).map(|found| found.start())))
            }
        }
    }
}

impl Needle {
    fn exact(text: &str) -> Self {
        Self::Exact(Box::new(Finder::new(text).into_owned()))
    }

    /// Creates a finder that ignores case. `None` if the text has characters outside of ASCII.
    fn ignoring_case(text: &str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build([text])
            .ok()?;
        Some(Self::IgnoringCase(finder))
    }
}

/// Returns the text that all values equal to the pattern have in common, or `None` if such values can have different
/// texts.
fn literal(pattern: &Pattern) -> Option<&str> {
    /// Maximum digits of a number. Longer numbers can be written with an exponent, or lose digits.
    const MAX_DIGITS: usize = 15;
    let text = pattern.0.as_str();
    let is_integer = text.len() <= MAX_DIGITS
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_one_text = is_integer || text.parse::<f64>().is_err();
    // The keys of an object can be in any order, so objects have several texts.
    let is_plain = !text.is_empty() && !text.contains('*') && !text.starts_with(['{', '[']);
    (is_plain && has_one_text).then_some(text)
}

/// Returns the hashes of the words that a record must contain as whole words: without the first or the last word of the
/// text if it can be a part of a longer word in the record.
fn complete_words(lower: &str, may_begin_earlier: bool, may_continue: bool) -> Vec<u64> {
    let is_inner = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let mut words = word_hashes(lower);
    if may_continue && is_inner(lower.chars().next_back()) {
        words.pop();
    }
    if may_begin_earlier && is_inner(lower.chars().next()) && !words.is_empty() {
        words.remove(0);
    }
    words
}
