//! Values of fields, and whether one passes a test.

use super::{Clause, ID, PATH, Test, Wildcard};
use ingest::fold::fold_value;
use ingest::{Date, MetaValue, Number};
use std::cmp::Ordering;
use std::ops::Bound;

/// One value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(Number),
    /// A date, with or without a time: compared as far as the other side says.
    Date(String),
    /// Any other text.
    Text(String),
}

impl Value {
    /// The values of a metadata value: those of a list one by one.
    pub fn all(of: &MetaValue) -> Vec<Self> {
        match of {
            MetaValue::Number(number) => vec![Self::Number(number.clone())],
            MetaValue::Date(date) => vec![Self::Date(date.clone().into())],
            MetaValue::String(text) => vec![Self::Text(text.clone())],
            MetaValue::List(items) => items.iter().flat_map(Self::all).collect(),
        }
    }

    /// As it is shown.
    pub fn to_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Date(text) | Self::Text(text) => text.clone(),
        }
    }

    /// Whether it is what a condition names. A text is, letter by letter but for their case: `02134` is not `2134`.
    fn is(&self, word: &Operand) -> bool {
        match self {
            Self::Number(number) => word.number.as_ref() == Some(number),
            Self::Date(_) => self.compared_to(word) == Some(Ordering::Equal),
            Self::Text(text) => {
                let same_day = || Some(Date::read(text)?.compared_to(word.date.filter(|date| date.has_day())?));
                fold_value(text) == word.folded || same_day() == Some(Ordering::Equal)
            }
        }
    }

    /// How this value lies to a bound, if they can be compared: numbers with numbers and dates with dates, also those that
    /// are written as text, and other text letter by letter.
    fn compared_to(&self, bound: &Operand) -> Option<Ordering> {
        let date = |text: &str| Some(Date::read(text)?.compared_to(bound.date?));
        match self {
            Self::Number(number) => Some(number.cmp(bound.number.as_ref()?)),
            // Written before dates were looked at as closely, it may be none.
            Self::Date(text) => date(text),
            Self::Text(text) => match (&bound.number, bound.date) {
                (None, None) => Some(fold_value(text).as_ref().cmp(&bound.folded)),
                (number, _) => {
                    let number =
                        number.as_ref().and_then(|number| Some(text.trim().parse::<Number>().ok()?.cmp(number)));
                    number.or_else(|| date(text))
                }
            },
        }
    }
}

/// The order of a field's values for people: numbers, dates and texts, each among themselves.
pub fn compare_values(a: &Value, b: &Value) -> Ordering {
    let kind = |value: &Value| match value {
        Value::Number(_) => 0,
        Value::Date(_) => 1,
        Value::Text(_) => 2,
    };
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        _ => kind(a).cmp(&kind(b)).then_with(|| a.to_text().cmp(&b.to_text())),
    }
}

/// A word of a condition, read in every way it can be meant.
#[derive(Debug, Clone)]
pub struct Operand {
    /// The number it is.
    pub number: Option<Number>,
    /// The date it is.
    pub date: Option<Date>,
    /// It [folded](ingest::fold), as texts are compared.
    pub folded: String,
}

impl Operand {
    /// Reads a word.
    pub fn new(text: &str) -> Self {
        Self { number: text.parse().ok(), date: Date::read(text), folded: fold_value(text).into_owned() }
    }
}

/// A test made ready for many values.
pub struct Matcher(How);

enum How {
    Any,
    /// An id is a name: letter by letter.
    Id(String),
    Equal(Operand),
    Wildcard(Wildcard),
    Range(Bound<Operand>, Bound<Operand>),
}

impl Matcher {
    /// Of the values of the clause's field.
    pub fn new(clause: &Clause) -> Self {
        let bound = |bound: &Bound<String>| bound.as_ref().map(|text| Operand::new(text));
        let in_path = [ID, PATH].contains(&clause.field.as_str());
        Self(match &clause.test {
            Predicate::Exists => How::Any,
            Predicate::Equals(word) if clause.field == ID => How::Id(word.clone()),
            Predicate::Equals(word) => How::Equal(Operand::new(word)),
            Predicate::Range(low, high) => How::Range(bound(low), bound(high)),
            Predicate::Glob(pattern) => How::Wildcard(Wildcard::new(pattern, in_path)),
        })
    }

    /// Whether a value passes.
    pub fn matches(&self, value: &Value) -> bool {
        match &self.0 {
            How::Any => true,
            How::Id(id) => value.to_text() == *id,
            How::Equal(word) => value.is(word),
            How::Wildcard(pattern) => pattern.matches(&value.to_text()),
            How::Range(low, high) => {
                let above = match low {
                    Bound::Unbounded => true,
                    Bound::Included(bound) => value.compared_to(bound).is_some_and(Ordering::is_ge),
                    Bound::Excluded(bound) => value.compared_to(bound).is_some_and(Ordering::is_gt),
                };
                above
                    && match high {
                        Bound::Unbounded => true,
                        Bound::Included(bound) => value.compared_to(bound).is_some_and(Ordering::is_le),
                        Bound::Excluded(bound) => value.compared_to(bound).is_some_and(Ordering::is_lt),
                    }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    fn holds(condition: &str, value: &Value) -> bool {
        let Ok(Filter::Clause(clause)) = condition.parse() else { panic!("{condition} is no clause") };
        Matcher::new(&clause).matches(value)
    }

    #[test]
    fn values_are_compared_as_what_they_are() {
        let (text, date, number) =
            (Value::Text("Reuters UK".into()), Value::Date("2025-06-30T18:00:00Z".into()), Value::Number(10.into()));
        let (code, big, price) =
            (Value::Text("02134".into()), Value::Number(9_007_199_254_740_993.into()), Value::Text("10.50".into()));
        let (loose, leap) = (Value::Text("30.06.2025".into()), Value::Text("2025-02-30".into()));
        for (condition, value, expected) in [
            ("s:\"reuters uk\"", &text, true),
            ("s:reuters", &text, false),
            ("s:\"reuters\u{a0}uk\"", &text, true),
            ("s:\"Jose\u{301} N\u{fa}n\u{303}ez\"", &Value::Text("Jos\u{e9} N\u{fa}\u{f1}ez".into()), true),
            ("s:strasse*", &Value::Text("Stra\u{df}e 5".into()), true),
            ("path:docs/caf\u{e9}*", &Value::Text("docs/cafe\u{301}-notes.txt".into()), true),
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
            ("path:docs/**/*.md", &Value::Text("docs/b/c/a.md".into()), true),
            ("path:**/*.MD", &Value::Text("docs/b/a.md".into()), true),
        ] {
            assert_eq!(holds(condition, value), expected, "{condition} of {value:?}");
        }
    }
}
