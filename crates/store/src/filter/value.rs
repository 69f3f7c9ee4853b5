//! Values of metadata fields, and whether they satisfy a predicate.

use super::{Clause, ID, PATH, Predicate, Wildcard};
use ingest::fold::fold_value;
use ingest::{Date, MetaValue, Number};
use std::cmp::Ordering;
use std::ops::Bound;

/// A value of a metadata field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(Number),
    /// A date, with or without a time. Compared as precisely as the other side is given.
    Date(String),
    /// Any other text.
    Text(String),
}

impl Value {
    /// The values of a metadata value, with lists flattened.
    pub fn flatten(value: &MetaValue) -> Vec<Self> {
        match value {
            MetaValue::Number(number) => vec![Self::Number(number.clone())],
            MetaValue::Date(date) => vec![Self::Date(date.clone().into())],
            MetaValue::String(text) => vec![Self::Text(text.clone())],
            MetaValue::List(items) => items.iter().flat_map(Self::flatten).collect(),
        }
    }

    /// The value as text.
    pub fn to_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Date(text) | Self::Text(text) => text.clone(),
        }
    }

    /// Whether the value equals an operand. Text is compared character by character, ignoring case:
    /// `02134` is not `2134`.
    fn equals(&self, operand: &Operand) -> bool {
        match self {
            Self::Number(number) => operand.number.as_ref() == Some(number),
            Self::Date(_) => self.compare(operand) == Some(Ordering::Equal),
            Self::Text(text) => {
                let same_day = || {
                    Some(
                        Date::parse_lenient(text)?
                            .compare_to_period(operand.date.filter(|date| date.has_day())?),
                    )
                };
                fold_value(text) == operand.folded || same_day() == Some(Ordering::Equal)
            }
        }
    }

    /// Compares the value with a bound. `None` if they are not comparable: numbers and dates only
    /// compare with their kind, also when they are written as text; other text compares
    /// alphabetically.
    fn compare(&self, bound: &Operand) -> Option<Ordering> {
        let date = |text: &str| Some(Date::parse_lenient(text)?.compare_to_period(bound.date?));
        match self {
            Self::Number(number) => Some(number.cmp(bound.number.as_ref()?)),
            // Collections of older versions may hold values that are not dates.
            Self::Date(text) => date(text),
            Self::Text(text) => match (&bound.number, bound.date) {
                (None, None) => Some(fold_value(text).as_ref().cmp(&bound.folded)),
                (number, _) => {
                    let number = number
                        .as_ref()
                        .and_then(|number| Some(text.trim().parse::<Number>().ok()?.cmp(number)));
                    number.or_else(|| date(text))
                }
            },
        }
    }
}

/// Orders values for display: numbers, then dates, then text.
pub fn compare_values(a: &Value, b: &Value) -> Ordering {
    let kind = |value: &Value| match value {
        Value::Number(_) => 0,
        Value::Date(_) => 1,
        Value::Text(_) => 2,
    };
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        _ => kind(a)
            .cmp(&kind(b))
            .then_with(|| a.to_text().cmp(&b.to_text())),
    }
}

/// An operand of a filter in every interpretation it allows.
#[derive(Debug, Clone)]
pub struct Operand {
    /// Its value if it is a number.
    pub number: Option<Number>,
    /// Its value if it is a date.
    pub date: Option<Date>,
    /// The text, [folded](ingest::fold) for comparison.
    pub folded: String,
}

impl Operand {
    /// Interprets a word.
    pub fn new(text: &str) -> Self {
        Self {
            number: text.parse().ok(),
            date: Date::parse_lenient(text),
            folded: fold_value(text).into_owned(),
        }
    }
}

/// A predicate compiled for testing many values.
pub struct Matcher(CompiledPredicate);

enum CompiledPredicate {
    Exists,
    /// Ids are compared exactly, letter case included.
    IdEquals(String),
    Equals(Operand),
    Wildcard(Wildcard),
    Range(Bound<Operand>, Bound<Operand>),
}

impl Matcher {
    /// Compiles the predicate of a clause, for values of its field.
    pub fn new(clause: &Clause) -> Self {
        let bound = |bound: &Bound<String>| bound.as_ref().map(|text| Operand::new(text));
        let is_path = [ID, PATH].contains(&clause.field.as_str());
        Self(match &clause.predicate {
            Predicate::Exists => CompiledPredicate::Exists,
            Predicate::Equals(word) if clause.field == ID => {
                CompiledPredicate::IdEquals(word.clone())
            }
            Predicate::Equals(word) => CompiledPredicate::Equals(Operand::new(word)),
            Predicate::Range(low, high) => CompiledPredicate::Range(bound(low), bound(high)),
            Predicate::Glob(pattern) if is_path => {
                CompiledPredicate::Wildcard(Wildcard::for_path(pattern))
            }
            Predicate::Glob(pattern) => CompiledPredicate::Wildcard(Wildcard::new(pattern)),
        })
    }

    /// Whether a value satisfies the predicate.
    pub fn matches(&self, value: &Value) -> bool {
        match &self.0 {
            CompiledPredicate::Exists => true,
            CompiledPredicate::IdEquals(id) => value.to_text() == *id,
            CompiledPredicate::Equals(operand) => value.equals(operand),
            CompiledPredicate::Wildcard(pattern) => pattern.matches(&value.to_text()),
            CompiledPredicate::Range(low, high) => {
                let above = match low {
                    Bound::Unbounded => true,
                    Bound::Included(bound) => value.compare(bound).is_some_and(Ordering::is_ge),
                    Bound::Excluded(bound) => value.compare(bound).is_some_and(Ordering::is_gt),
                };
                above
                    && match high {
                        Bound::Unbounded => true,
                        Bound::Included(bound) => value.compare(bound).is_some_and(Ordering::is_le),
                        Bound::Excluded(bound) => value.compare(bound).is_some_and(Ordering::is_lt),
                    }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    fn matches(filter: &str, value: &Value) -> bool {
        let Ok(Filter::Clause(clause)) = filter.parse() else {
            panic!("{filter} is not a clause")
        };
        Matcher::new(&clause).matches(value)
    }

    #[test]
    fn values_are_compared_by_their_type() {
        let (text, date, number) = (
            Value::Text("Reuters UK".into()),
            Value::Date("2025-06-30T18:00:00Z".into()),
            Value::Number(10.into()),
        );
        let (code, big, price) = (
            Value::Text("02134".into()),
            Value::Number(9_007_199_254_740_993.into()),
            Value::Text("10.50".into()),
        );
        let (loose, leap) = (
            Value::Text("30.06.2025".into()),
            Value::Text("2025-02-30".into()),
        );
        for (filter, value, expected) in [
            ("s:\"reuters uk\"", &text, true),
            ("s:reuters", &text, false),
            ("s:\"reuters\u{a0}uk\"", &text, true),
            (
                "s:\"Jose\u{301} N\u{fa}n\u{303}ez\"",
                &Value::Text("Jos\u{e9} N\u{fa}\u{f1}ez".into()),
                true,
            ),
            ("s:strasse*", &Value::Text("Stra\u{df}e 5".into()), true),
            (
                "path:docs/caf\u{e9}*",
                &Value::Text("docs/cafe\u{301}-notes.txt".into()),
                true,
            ),
            ("s:reu*", &text, true),
            ("s:*UK", &text, true),
            ("s:reuter?", &text, false),
            ("s:*", &text, true),
            ("s:[a TO s]", &text, true),
            ("s:[s TO *]", &text, false),
            ("s:[1 TO 2]", &text, false),
            ("d:[2025-01-01 TO 2025-06-30]", &date, true),
            ("d:[2025-01-01 TO 2025-06-30}", &date, false),
            ("d:[2025 TO 2025]", &date, true),
            ("d:2025-06", &date, true),
            ("d:2025", &date, true),
            ("d:2025-07", &date, false),
            ("d:>2025-06", &date, false),
            ("d:>=\"2025-06-30 17\"", &date, true),
            ("d:<2025-06-30T18", &date, false),
            ("d:2025-06*", &date, true),
            ("d:>=2025-06-30T20:00+02:00", &date, true),
            ("d:>2025-06-30T20:00+02:00", &date, false),
            ("d:\"2025-06-30T18%\"", &date, false),
            ("d:2025-13", &date, false),
            ("d:2025-6-30", &date, true),
            ("d:30.6.2025", &date, true),
            ("d:>=2025-6-1", &date, true),
            ("d:2025-06-30", &loose, true),
            ("d:[2025-06-01 TO 2025-06-30]", &loose, true),
            ("d:2025-02-30", &leap, true),
            ("d:>=2025-01-01", &leap, false),
            ("d:[2025 TO 2026]", &leap, false),
            ("d:[2025-06-01 TO z]", &date, false),
            ("zip:02134", &code, true),
            ("zip:2134", &code, false),
            ("zip:02*", &code, true),
            ("n:9007199254740993", &big, true),
            ("n:9007199254740992", &big, false),
            ("price:[9 TO 11]", &price, true),
            ("price:>9", &code, true),
            ("price:>9", &text, false),
            ("s:[1 TO 2]", &price, false),
            ("n:10", &number, true),
            ("n:10.0", &number, true),
            ("n:[9 TO 11]", &number, true),
            ("n:>9.5", &number, true),
            ("n:<9", &number, false),
            ("n:ten", &number, false),
            ("n:[a TO z]", &number, false),
            ("path:docs/*.md", &Value::Text("docs/a.md".into()), true),
            ("path:docs/*.md", &Value::Text("docs/b/a.md".into()), false),
            (
                "path:docs/**/*.md",
                &Value::Text("docs/b/c/a.md".into()),
                true,
            ),
            ("path:**/*.MD", &Value::Text("docs/b/a.md".into()), true),
        ] {
            assert_eq!(matches(filter, value), expected, "{filter} of {value:?}");
        }
    }
}
