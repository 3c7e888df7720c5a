//! The grammar of one field. It is stricter than croner's, which accepts steps that exceed the range, such as `*/70`,
//! and forms that other cron implementations interpret differently.

use crate::error::ScheduleError;

/// One of the five fields of an expression.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    min: u32,
    max: u32,
    /// Names of the values, in order, beginning with the name of `min`.
    names: &'static [&'static str],
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Also allows `L`, `LW` and `15W`.
    DayOfMonth,
    /// Also allows `5L` and `5#2`.
    DayOfWeek,
}

pub(crate) const FIELDS: [Field; 5] = [
    Field::plain("minute", 0, 59, &[]),
    Field::plain("hour", 0, 23, &[]),
    Field {
        name: "day of month",
        min: 1,
        max: 31,
        names: &[],
        kind: Kind::DayOfMonth,
    },
    Field::plain(
        "month",
        1,
        12,
        &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
    ),
    Field {
        name: "day of week",
        min: 0,
        max: 7,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        kind: Kind::DayOfWeek,
    },
];

impl Field {
    const fn plain(name: &'static str, min: u32, max: u32, names: &'static [&'static str]) -> Self {
        Self {
            name,
            min,
            max,
            names,
            kind: Kind::Plain,
        }
    }

    /// Checks the text of the field, which must be in upper case.
    pub(crate) fn check(&self, text: &str) -> Result<(), ScheduleError> {
        text.split(',')
            .try_for_each(|item| self.check_item(item))
            .map_err(|reason| ScheduleError::Field {
                field: self.name,
                text: text.to_owned(),
                reason,
            })
    }

    fn check_item(&self, item: &str) -> Result<(), String> {
        match item {
            "" => return Err("there is nothing between two commas".to_owned()),
            "?" => return Err("write `*`".to_owned()),
            _ => {}
        }
        if self.is_special(item)? {
            return Ok(());
        }
        let Some((range, step)) = item.split_once('/') else {
            return self.range(item).map(|_| ());
        };
        let (from, to) = match self.range(range)? {
            Range::Values(from, to) => (from, to),
            Range::One(value) => {
                return Err(format!(
                    "a step needs a range: `{value}-{}/{step}`",
                    self.max
                ));
            }
        };
        let step: u32 = number(step)?;
        let largest = to - from;
        if step == 0 || step > largest {
            return Err(format!(
                "the step {step} is not between 1 and {largest}, the size of the range"
            ));
        }
        Ok(())
    }

    fn range(&self, text: &str) -> Result<Range, String> {
        if text == "*" {
            // Sunday is both 0 and 7, so `*` ends at 6.
            let max = self.max - u32::from(self.kind == Kind::DayOfWeek);
            return Ok(Range::Values(self.min, max));
        }
        let Some((from, to)) = text.split_once('-') else {
            return self.value(text).map(Range::One);
        };
        let from = self.value(from)?;
        let to = match self.value(to)? {
            0 if self.kind == Kind::DayOfWeek && to == "SUN" => 7,
            to => to,
        };
        if from > to {
            return Err(format!(
                "the range begins with {from} and ends with {to}; write two ranges with a comma"
            ));
        }
        Ok(Range::Values(from, to))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| *name == text);
        if let Some(position) = named.and_then(|position| u32::try_from(position).ok()) {
            return Ok(self.min + position);
        }
        let value = number(text)?;
        if (self.min..=self.max).contains(&value) {
            Ok(value)
        } else {
            Err(format!(
                "{value} is not between {} and {}",
                self.min, self.max
            ))
        }
    }

    /// Returns whether the item has a form that only this kind of day field allows, such as `L` or `5#2`.
    fn is_special(&self, item: &str) -> Result<bool, String> {
        match self.kind {
            Kind::Plain => Ok(false),
            Kind::DayOfMonth if matches!(item, "L" | "LW") => Ok(true),
            Kind::DayOfMonth => match item.strip_suffix('W') {
                Some(day) => self.value(day).map(|_| true),
                None => Ok(false),
            },
            Kind::DayOfWeek => {
                if let Some((day, nth)) = item.split_once('#') {
                    self.value(day)?;
                    let nth = number(nth)?;
                    return if (1..=5).contains(&nth) {
                        Ok(true)
                    } else {
                        Err(format!("{nth} after `#` is not between 1 and 5"))
                    };
                }
                match item.strip_suffix('L') {
                    Some(day) => self.value(day).map(|_| true),
                    None => Ok(false),
                }
            }
        }
    }
}

enum Range {
    One(u32),
    Values(u32, u32),
}

fn number(text: &str) -> Result<u32, String> {
    let is_number = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    let value = is_number.then(|| text.parse().ok()).flatten();
    value.ok_or_else(|| format!("`{text}` is not a number of this field"))
}
