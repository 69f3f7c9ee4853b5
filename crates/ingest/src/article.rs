//! An article as every reader gives it.

use crate::date::Date;
use crate::hash::Fingerprint;
use crate::number::Number;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A half-open range of bytes of an article's text, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(usize, usize)", into = "(usize, usize)")]
pub struct ByteSpan {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl ByteSpan {
    /// The span `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end);
        Self { start, end }
    }

    /// The text the span covers; empty if it does not fit `text`.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// Its length in bytes.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether it covers nothing.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// How many bytes the two spans share.
    pub fn overlap(self, other: Self) -> usize {
        self.end.min(other.end).saturating_sub(self.start.max(other.start))
    }

    /// The same span without white space at either end.
    pub fn trimmed(self, text: &str) -> Self {
        let inside = self.of(text);
        let start = self.start + (inside.len() - inside.trim_start().len());
        Self { start, end: start + inside.trim().len() }
    }
}

impl From<(usize, usize)> for ByteSpan {
    fn from((start, end): (usize, usize)) -> Self {
        Self { start, end: end.max(start) }
    }
}

impl From<ByteSpan> for (usize, usize) {
    fn from(span: ByteSpan) -> Self {
        (span.start, span.end)
    }
}

/// A metadata value. In JSON each is its natural form; a string that is a calendar date
/// (`2026-01-31`, with or without a time) is a [`MetaValue::Date`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MetaValue {
    /// A number.
    Number(Number),
    /// A date or time, ISO 8601.
    Date(IsoDate),
    /// Any other string.
    String(String),
    /// A list, tags for instance.
    List(Vec<MetaValue>),
}

impl MetaValue {
    /// The value of a string: a date if it reads as one.
    pub fn from_text(text: &str) -> Self {
        match IsoDate::try_from(text.to_owned()) {
            Ok(date) => Self::Date(date),
            Err(_) => Self::String(text.to_owned()),
        }
    }

    /// The value of something written without saying what it is: a number if no other writing of it was meant, a date, or
    /// text. `01234`, `1.10` and `7e5` are text, which compares as the numbers that they look like.
    pub fn infer_from_text(text: &str) -> Self {
        let text = text.trim();
        Number::parse_canonical(text).map_or_else(|| Self::from_text(text), Self::Number)
    }

    /// The value of something that is a number: text where a number here would lose digits of it.
    pub fn from_number_text(text: &str) -> Self {
        Number::parse_exact(text).map_or_else(|| Self::String(text.to_owned()), Self::Number)
    }

    /// As one line of text; the items of a list with commas between them.
    pub fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Date(IsoDate(text)) | Self::String(text) => one_line(text),
            Self::List(items) => items.iter().map(Self::shown).collect::<Vec<_>>().join(", "),
        }
    }

    /// The value of a JSON value. Booleans become strings, null nothing, objects their JSON text.
    pub fn from_json(value: &serde_json::Value) -> Option<Self> {
        use serde_json::Value;
        Some(match value {
            Value::Null => return None,
            Value::Bool(flag) => Self::String(flag.to_string()),
            Value::Number(number) => Self::Number(number.clone().into()),
            Value::String(text) => Self::from_text(text),
            Value::Array(items) => Self::List(items.iter().filter_map(Self::from_json).collect()),
            Value::Object(_) => Self::String(value.to_string()),
        })
    }
}

/// Text on one line, with single spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A string that is a calendar date, `YYYY-MM-DD`, with or without a time of the day (`T` or a space before it) and an
/// offset from UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IsoDate(String);

impl TryFrom<String> for IsoDate {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match Date::parse(&text) {
            Some(date) if date.has_day() => Ok(Self(text)),
            _ => Err("not a date of the form YYYY-MM-DD"),
        }
    }
}

impl From<IsoDate> for String {
    fn from(date: IsoDate) -> Self {
        date.0
    }
}

/// Metadata by name.
pub type Metadata = BTreeMap<String, MetaValue>;

/// A question that an article itself asks and answers. The question's line is never part of a
/// passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QaPair {
    /// The question, as it stands.
    pub question: String,
    /// Where its answer stands in the article's text.
    pub answer: ByteSpan,
}

/// One article.
///
/// `text` is what spans count in: for plain text, Markdown and the question-and-answer layout it
/// is the file, byte for byte if that is UTF-8; for HTML, PDF and records it is the extracted text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Article {
    /// Unique in its collection.
    pub id: String,
    /// One line.
    pub title: String,
    /// Where it came from, as shown to people: a path or URL.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// The parts of `text` that passages may cover, in order, without overlap. A passage never
    /// crosses from one into the next.
    pub body: Vec<ByteSpan>,
    /// The line of `path` that every passage stands on, in formats with one record a line; `None`
    /// where lines are counted in `text`.
    pub record_line: Option<u64>,
    /// Metadata by name.
    pub metadata: Metadata,
    /// The questions it asks itself.
    pub questions: Vec<QaPair>,
}

impl Article {
    /// The line (from 1) on which byte `offset` of the text stands.
    pub fn line_at(&self, offset: usize) -> u64 {
        self.record_line.unwrap_or_else(|| {
            let before = self.text.as_bytes().get(..offset).unwrap_or_default();
            1 + before.iter().filter(|&&b| b == b'\n').count() as u64
        })
    }

    /// The fingerprint of everything in it but where it stands, together with `cut` (how it is
    /// cut into passages): equal means that there is nothing to do.
    pub fn fingerprint(&self, cut: &str) -> Fingerprint {
        let details =
            serde_json::json!([self.body, self.record_line, self.metadata, self.questions, self.path]).to_string();
        Fingerprint::of([cut, &self.title, &self.text, &details].map(str::as_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_keeps_its_type_through_json() {
        let value = serde_json::json!({"n": 3.5, "d": "2026-01-31", "t": "2026-01-31T10:00:00Z", "s": "2026-13-01", "i": 9007199254740993_i64, "r": "2026-02-30", "l": ["a", "b"], "b": true});
        let metadata: Metadata = value
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(k, v)| Some((k.clone(), MetaValue::from_json(v)?)))
            .collect();
        assert_eq!(metadata["n"], MetaValue::Number(3.5.try_into().unwrap()));
        assert_eq!(metadata["i"].shown(), "9007199254740993");
        assert!(matches!(metadata["r"], MetaValue::String(_)), "a date that there is not");
        assert!(matches!(metadata["d"], MetaValue::Date(_)));
        assert!(matches!(metadata["t"], MetaValue::Date(_)));
        assert!(matches!(metadata["s"], MetaValue::String(_)));
        assert!(matches!(&metadata["l"], MetaValue::List(l) if l.len() == 2));
        let back: Metadata = serde_json::from_str(&serde_json::to_string(&metadata).unwrap()).unwrap();
        assert_eq!(back, metadata);
    }

    #[test]
    fn spans_know_their_overlap_and_trim() {
        assert_eq!(ByteSpan::new(0, 5).overlap(ByteSpan::new(3, 9)), 2);
        assert_eq!(ByteSpan::new(0, 3).overlap(ByteSpan::new(3, 9)), 0);
        assert_eq!(ByteSpan::new(0, 8).trimmed("  é ab \n"), ByteSpan::new(2, 7));
        assert_eq!(ByteSpan::new(1, 99).of("short"), "");
    }
}
