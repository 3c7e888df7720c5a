//! The filter language of the command line and the API. `docs/logs.md` has its grammar.

mod error;
mod evaluate;
mod expression;
mod parse;
mod plan;

pub use error::FilterError;
pub(crate) use evaluate::Examined;
pub(crate) use plan::Plan;

use std::str::FromStr;

use expression::Expression;

/// A parsed filter. The default filter matches every record.
#[derive(Debug, Clone, Default)]
pub struct Filter(Option<Expression>);

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(Self)
    }
}

impl Filter {
    /// Returns whether the record matches. `token_name` is the name of the token of a call.
    pub fn matches(&self, record: &crate::Record, token_name: Option<&str>) -> bool {
        self.matches_examined(&Examined::new(record, token_name))
    }

    pub(crate) fn matches_examined(&self, record: &Examined<'_>) -> bool {
        self.0
            .as_ref()
            .is_none_or(|expression| expression.matches(record))
    }

    pub(crate) fn expression(&self) -> Option<&Expression> {
        self.0.as_ref()
    }
}
