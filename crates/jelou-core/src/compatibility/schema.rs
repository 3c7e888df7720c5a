//! Finds values that one JSON Schema accepts and another one refuses.
//!
//! This is not a decision procedure. Keywords that the schema libraries do not write (`if`, `contains`, ...) are
//! ignored, so a report may be wrong, and no report is no proof of compatibility.

use serde_json::Value;

use super::shape::{self, Shape};

/// Maximum number of schema pairs in one comparison. The remaining pairs of a huge schema are not compared.
const MAX_STEPS: usize = 20_000;
const MAX_FINDINGS: usize = 50;
/// Maximum depth of nested properties and items. Ends the comparison of recursive schemas.
const MAX_DEPTH: usize = 12;

/// The side of a call that the schemas describe. Decides the wording of findings, and which differences matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// `from` is the old schema: what callers send must still be accepted.
    Input,
    /// `from` is the new schema: what callers receive must still match the old one.
    Output,
}

/// A difference that makes a schema refuse some values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Narrowing {
    /// Path below the root, such as `.address.zip` or `[]`.
    pub(super) path: String,
    pub(super) change: String,
}

/// Returns the reasons why `to` refuses values that `from` accepts.
pub(super) fn narrowings(position: Position, from: &Value, to: &Value) -> Vec<Narrowing> {
    let mut comparison = Comparison {
        position,
        roots: (from, to),
        steps: 0,
    };
    let mut found = comparison.compare(from, to, "", 0);
    found.truncate(MAX_FINDINGS);
    found
}

struct Comparison<'a> {
    position: Position,
    roots: (&'a Value, &'a Value),
    steps: usize,
}

impl Comparison<'_> {
    fn compare(&mut self, from: &Value, to: &Value, path: &str, depth: usize) -> Vec<Narrowing> {
        self.steps += 1;
        if depth > MAX_DEPTH || self.steps > MAX_STEPS {
            return Vec::new();
        }
        let from = shape::alternatives(self.roots.0, from);
        let to = shape::alternatives(self.roots.1, to);
        if to.is_empty() && !from.is_empty() {
            return vec![narrowing(
                path,
                self.position.choose("it is refused now", "it is sent now"),
            )];
        }
        let mut found = Vec::new();
        for one in &from {
            found.extend(self.against_all(one, &to, path, depth));
        }
        found.dedup();
        found
    }

    /// Compares one alternative of `from` with all alternatives of `to`. One alternative of `to` must accept all its
    /// values.
    fn against_all(
        &mut self,
        from: &Shape,
        to: &[Shape],
        path: &str,
        depth: usize,
    ) -> Vec<Narrowing> {
        // Different alternatives may accept different values of an enum.
        if let Some(values) =
            shape::values_of(from).filter(|values| values.len() > 1 && to.len() > 1)
        {
            let refused: Vec<&Value> = values
                .into_iter()
                .filter(|value| !to.iter().any(|to| accepts(to, value)))
                .collect();
            return self.refused_values(path, &refused);
        }
        let mut closest: Option<Vec<Narrowing>> = None;
        for candidate in to {
            let found = self.against(from, candidate, path, depth);
            if found.is_empty() {
                return found;
            }
            let (own, other) = (shape::type_of(from), shape::type_of(candidate));
            let is_comparable = own == other || own.is_none() || other.is_none();
            if is_comparable
                && closest
                    .as_ref()
                    .is_none_or(|known| found.len() < known.len())
            {
                closest = Some(found);
            }
        }
        match closest {
            Some(found) => found,
            None => {
                let (gone, left) = (shape::describe(from), shape::describe_all(to));
                vec![narrowing(
                    path,
                    match self.position {
                        Position::Input => format!("it takes {left} now, and no longer {gone}"),
                        Position::Output => format!("it may be {gone} now, and was {left}"),
                    },
                )]
            }
        }
    }

    fn against(&mut self, from: &Shape, to: &Shape, path: &str, depth: usize) -> Vec<Narrowing> {
        self.steps += 1;
        if to.is_empty() || self.steps > MAX_STEPS {
            return Vec::new();
        }
        if let Some(found) = self.values(from, to, path) {
            return found;
        }
        if let Some(found) = self.types(from, to, path) {
            return found;
        }
        let mut found = Vec::new();
        self.bounds(from, to, path, &mut found);
        self.texts(from, to, path, &mut found);
        self.required(from, to, path, &mut found);
        self.properties(from, to, path, depth, &mut found);
        self.items(from, to, path, depth, &mut found);
        found
    }

    /// Compares the values of `const` and `enum`. `None` if neither shape has such values.
    fn values(&self, from: &Shape, to: &Shape, path: &str) -> Option<Vec<Narrowing>> {
        match (shape::values_of(from), shape::values_of(to)) {
            (Some(values), _) => {
                let refused: Vec<&Value> = values
                    .into_iter()
                    .filter(|value| !accepts(to, value))
                    .collect();
                Some(self.refused_values(path, &refused))
            }
            (None, Some(values)) => {
                let values = shape::list(&values);
                let change = match self.position {
                    Position::Input => format!("it takes only {values} now"),
                    Position::Output => format!("it may be other than {values} now"),
                };
                Some(vec![narrowing(path, change)])
            }
            (None, None) => None,
        }
    }

    fn refused_values(&self, path: &str, refused: &[&Value]) -> Vec<Narrowing> {
        if refused.is_empty() {
            return Vec::new();
        }
        let values = shape::list(refused);
        let change = match self.position {
            Position::Input => format!("it no longer takes {values}"),
            Position::Output => format!("it may be {values} now"),
        };
        vec![narrowing(path, change)]
    }

    /// Compares the types of both schemas. `None` if `to` has no type, or if it includes the type of `from`.
    fn types(&self, from: &Shape, to: &Shape, path: &str) -> Option<Vec<Narrowing>> {
        let new = shape::type_of(to)?;
        let change = match (shape::type_of(from), self.position) {
            (Some(old), _) if old == new || (old, new) == ("integer", "number") => return None,
            (Some(old), Position::Input) => format!("it takes {new} now, and no longer {old}"),
            (Some(old), Position::Output) => format!("it may be {old} now, and was {new}"),
            (None, Position::Input) => format!("it takes only {new} now"),
            (None, Position::Output) => format!("it may be anything now, and was {new}"),
        };
        Some(vec![narrowing(path, change)])
    }

    fn bounds(&self, from: &Shape, to: &Shape, path: &str, found: &mut Vec<Narrowing>) {
        const BOUNDS: [(&str, Option<&str>, Side, &str); 8] = [
            ("minimum", Some("exclusiveMinimum"), Side::Least, "a value"),
            ("maximum", Some("exclusiveMaximum"), Side::Most, "a value"),
            ("minLength", None, Side::Least, "a length"),
            ("maxLength", None, Side::Most, "a length"),
            ("minItems", None, Side::Least, "a number of items"),
            ("maxItems", None, Side::Most, "a number of items"),
            ("minProperties", None, Side::Least, "a number of properties"),
            ("maxProperties", None, Side::Most, "a number of properties"),
        ];
        for (inclusive, exclusive, side, what) in BOUNDS {
            let bound = |shape: &Shape| Bound::of(shape, inclusive, exclusive, side);
            let Some(new) = bound(to) else { continue };
            let is_trivial = side == Side::Least && inclusive != "minimum" && new.value <= 0.0;
            if is_trivial || bound(from).is_some_and(|old| !new.is_tighter_than(old, side)) {
                continue;
            }
            let limit = new.text(side);
            let change = match self.position {
                Position::Input => format!("it takes only {what} of {limit} now"),
                Position::Output => format!("it may have {what} beyond {limit} now"),
            };
            found.push(narrowing(path, change));
        }
        if let Some(step) = to.get("multipleOf").and_then(Value::as_f64) {
            let old = from.get("multipleOf").and_then(Value::as_f64);
            let is_kept = old.is_some_and(|old| (old / step).fract().abs() < f64::EPSILON);
            if !is_kept {
                let change = format!("only multiples of {step} are valid");
                found.push(narrowing(path, self.position.now(&change)));
            }
        }
    }

    /// Compares `format`, `pattern` and `uniqueItems`. The pattern of a format is not compared, because the schema
    /// library defines it.
    fn texts(&self, from: &Shape, to: &Shape, path: &str, found: &mut Vec<Narrowing>) {
        let text = |shape: &Shape, keyword: &str| {
            shape
                .get(keyword)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        match (text(from, "format"), text(to, "format")) {
            (old, Some(new)) if old.as_ref() != Some(&new) => {
                found.push(narrowing(
                    path,
                    self.position.now(&format!("only a {new} is valid")),
                ));
            }
            (_, Some(_)) => {}
            (_, None) => {
                if let Some(new) =
                    text(to, "pattern").filter(|new| text(from, "pattern").as_ref() != Some(new))
                {
                    let change = format!("only text that matches `{new}` is valid");
                    found.push(narrowing(path, self.position.now(&change)));
                }
            }
        }
        let unique = |shape: &Shape| shape.get("uniqueItems") == Some(&Value::Bool(true));
        if unique(to) && !unique(from) {
            found.push(narrowing(path, self.position.now("items must differ")));
        }
    }

    fn required(&self, from: &Shape, to: &Shape, path: &str, found: &mut Vec<Narrowing>) {
        let names = |shape: &Shape| -> Vec<String> {
            let required = shape.get("required").and_then(Value::as_array);
            let required = required.into_iter().flatten();
            required
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let known = names(from);
        for name in names(to) {
            if known.contains(&name) {
                continue;
            }
            let exists = property(from, &name).is_some();
            let change = match (self.position, exists) {
                (Position::Input, _) => "it is required now",
                (Position::Output, true) => "it may be missing now",
                (Position::Output, false) => "it was removed",
            };
            found.push(narrowing(&below(path, &name), change.to_owned()));
        }
    }

    fn properties(
        &mut self,
        from: &Shape,
        to: &Shape,
        path: &str,
        depth: usize,
        found: &mut Vec<Narrowing>,
    ) {
        let others_from = from.get("additionalProperties");
        let others_to = to.get("additionalProperties");
        let is_closed = others_to == Some(&Value::Bool(false)) && self.position == Position::Input;
        let known = from.get("properties").and_then(Value::as_object);
        for (name, old) in known.into_iter().flatten() {
            let path = below(path, name);
            match property(to, name) {
                Some(new) => found.extend(self.compare(old, new, &path, depth + 1)),
                None if is_closed => found.push(narrowing(&path, "it is refused now".to_owned())),
                None => {
                    if let Some(new) = others_to.filter(|others| others.is_object()) {
                        found.extend(self.compare(old, new, &path, depth + 1));
                    }
                }
            }
        }
        if is_closed && others_from != Some(&Value::Bool(false)) {
            found.push(narrowing(
                path,
                "unknown properties are refused now".to_owned(),
            ));
        }
        if let (Some(old), Some(new)) = (
            others_from.filter(|others| others.is_object()),
            others_to.filter(|others| others.is_object()),
        ) {
            found.extend(self.compare(old, new, &format!("{path}.*"), depth + 1));
        }
        if let Some(new) = to.get("propertyNames") {
            let any = Value::Bool(true);
            let old = from.get("propertyNames").unwrap_or(&any);
            // Property names are always strings.
            let text =
                |names: &Value| serde_json::json!({ "allOf": [{ "type": "string" }, names] });
            let names = format!("{path} (names)");
            found.extend(self.compare(&text(old), &text(new), &names, depth + 1));
        }
    }

    fn items(
        &mut self,
        from: &Shape,
        to: &Shape,
        path: &str,
        depth: usize,
        found: &mut Vec<Narrowing>,
    ) {
        let any = Value::Bool(true);
        let no_items = Vec::new();
        let first = |shape: &Shape| -> Vec<Value> {
            let items = shape.get("prefixItems").and_then(Value::as_array);
            items.unwrap_or(&no_items).clone()
        };
        let (first_from, first_to) = (first(from), first(to));
        let (rest_from, rest_to) = (
            from.get("items").unwrap_or(&any),
            to.get("items").unwrap_or(&any),
        );
        for position in 0..first_from.len().max(first_to.len()) {
            let old = first_from.get(position).unwrap_or(rest_from);
            let new = first_to.get(position).unwrap_or(rest_to);
            found.extend(self.compare(old, new, &format!("{path}[{position}]"), depth + 1));
        }
        // The items of a tuple are compared by position only.
        if first_from.is_empty() && to.contains_key("items") {
            found.extend(self.compare(rest_from, rest_to, &format!("{path}[]"), depth + 1));
        }
    }
}

impl Position {
    fn choose(self, input: &str, output: &str) -> String {
        match self {
            Self::Input => input.to_owned(),
            Self::Output => output.to_owned(),
        }
    }

    fn now(self, rule: &str) -> String {
        match self {
            Self::Input => format!("{rule} now"),
            Self::Output => format!("{rule} was true before, and is no longer"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Least,
    Most,
}

#[derive(Debug, Clone, Copy)]
struct Bound {
    value: f64,
    is_exclusive: bool,
}

impl Bound {
    fn of(shape: &Shape, inclusive: &str, exclusive: Option<&str>, side: Side) -> Option<Self> {
        let bound = |keyword: &str, is_exclusive| {
            let value = shape.get(keyword).and_then(Value::as_f64)?;
            Some(Self {
                value,
                is_exclusive,
            })
        };
        let inclusive = bound(inclusive, false);
        let exclusive = exclusive.and_then(|keyword| bound(keyword, true));
        match (inclusive, exclusive) {
            (Some(one), Some(other)) => Some(if other.is_tighter_than(one, side) {
                other
            } else {
                one
            }),
            (one, other) => one.or(other),
        }
    }

    fn is_tighter_than(self, other: Self, side: Side) -> bool {
        let (own, other_value) = match side {
            Side::Least => (self.value, other.value),
            Side::Most => (-self.value, -other.value),
        };
        own > other_value || (self.is_exclusive && !other.is_exclusive && own >= other_value)
    }

    fn text(self, side: Side) -> String {
        let value = self.value;
        match (side, self.is_exclusive) {
            (Side::Least, false) => format!("at least {value}"),
            (Side::Least, true) => format!("more than {value}"),
            (Side::Most, false) => format!("at most {value}"),
            (Side::Most, true) => format!("less than {value}"),
        }
    }
}

/// Whether a shape accepts a value, judged by its list of values or its type only.
fn accepts(shape: &Shape, value: &Value) -> bool {
    if let Some(values) = shape::values_of(shape) {
        return values.contains(&value);
    }
    let own = shape::type_of_value(value);
    shape::type_of(shape).is_none_or(|name| name == own || (own, name) == ("integer", "number"))
}

fn property<'a>(shape: &'a Shape, name: &str) -> Option<&'a Value> {
    shape.get("properties")?.get(name)
}

fn below(path: &str, name: &str) -> String {
    format!("{path}.{name}")
}

fn narrowing(path: &str, change: String) -> Narrowing {
    Narrowing {
        path: path.to_owned(),
        change,
    }
}
