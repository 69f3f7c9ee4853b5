//! Values of fields, and whether one passes a test.

use super::Test;
use globset::{GlobBuilder, GlobMatcher};
use ingest::MetaValue;
use std::cmp::Ordering;
use std::ops::Bound;

/// One value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A date, with or without a time: compared as far as the other side says.
    Date(String),
    /// Any other text.
    Text(String),
}

impl Value {
    /// The values of a metadata value: those of a list one by one.
    pub fn all(of: &MetaValue) -> Vec<Self> {
        match of {
            MetaValue::Number(number) => vec![Self::Number(*number)],
            MetaValue::Date(date) => vec![Self::Date(date.clone().into())],
            MetaValue::String(text) => vec![Self::Text(text.clone())],
            MetaValue::List(items) => items.iter().flat_map(Self::all).collect(),
        }
    }

    /// As it is shown.
    pub fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Date(text) | Self::Text(text) => text.clone(),
        }
    }

    /// How this value lies to a bound, if they can be compared.
    fn compared_to(&self, bound: &Operand) -> Option<Ordering> {
        match self {
            Self::Number(number) => number.partial_cmp(&bound.number?),
            Self::Date(date) if bound.is_date => {
                Some(date.as_bytes()[..date.len().min(bound.lower.len())].cmp(bound.lower.as_bytes()))
            }
            Self::Date(text) | Self::Text(text) => Some(text.to_lowercase().cmp(&bound.lower)),
        }
    }
}

/// A word of a condition, read in every way it can be meant.
struct Operand {
    number: Option<f64>,
    is_date: bool,
    /// Lower case; of a date as stored, with a `T` before the time.
    lower: String,
}

impl Operand {
    fn new(text: &str) -> Self {
        let is_date = is_date(text);
        let lower = if is_date { text.replacen(' ', "T", 1) } else { text.to_lowercase() };
        Self { number: text.parse().ok().filter(|number: &f64| number.is_finite()), is_date, lower }
    }
}

/// Whether `text` is a date as far as it goes: a year, a month, a day, or more.
pub fn is_date(text: &str) -> bool {
    let digits =
        |part: Option<&str>, n: usize| part.is_some_and(|p| p.len() == n && p.bytes().all(|b| b.is_ascii_digit()));
    let (day, time) = match text.split_once(['T', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let mut parts = day.split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    digits(year, 4)
        && (month.is_none() || digits(month, 2))
        && (day.is_none() || digits(day, 2))
        && parts.next().is_none()
        && (time.is_none() || day.is_some())
}

/// A test made ready for many values.
pub struct Matcher(How);

enum How {
    Any,
    Equal(Operand),
    Glob(GlobMatcher),
    Range(Bound<Operand>, Bound<Operand>),
}

impl Matcher {
    /// `in_path` says that the values are paths.
    ///
    /// # Errors
    /// What is wrong with a glob.
    pub fn new(test: &Test, in_path: bool) -> Result<Self, String> {
        let bound = |bound: &Bound<String>| bound.as_ref().map(|text| Operand::new(text));
        Ok(Self(match test {
            Test::Any => How::Any,
            Test::Word(word) => How::Equal(Operand::new(word)),
            Test::Range(low, high) => How::Range(bound(low), bound(high)),
            Test::Glob(glob) => {
                let glob = GlobBuilder::new(glob).case_insensitive(true).literal_separator(in_path).build();
                How::Glob(glob.map_err(|error| error.to_string())?.compile_matcher())
            }
        }))
    }

    /// Whether a value passes.
    pub fn matches(&self, value: &Value) -> bool {
        match &self.0 {
            How::Any => true,
            How::Equal(word) => value.compared_to(word) == Some(Ordering::Equal),
            How::Glob(glob) => glob.is_match(value.shown()),
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
        let Ok(Filter::Is(clause)) = condition.parse() else { panic!("{condition} is no clause") };
        Matcher::new(&clause.test, clause.field == "path").unwrap().matches(value)
    }

    #[test]
    fn values_are_compared_as_what_they_are() {
        let (text, date, number) =
            (Value::Text("Reuters UK".into()), Value::Date("2025-06-30T18:00:00Z".into()), Value::Number(10.0));
        for (condition, value, expected) in [
            ("s:\"reuters uk\"", &text, true),
            ("s:reuters", &text, false),
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
