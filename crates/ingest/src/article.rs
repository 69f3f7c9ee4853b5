//! Articles, as all readers produce them.

use crate::date::Date;
use crate::hash::Fingerprint;
use crate::number::Number;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A half-open byte range of an article's text, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(usize, usize)", into = "(usize, usize)")]
pub struct ByteSpan {
    /// The offset of the first byte.
    pub start: usize,
    /// The offset just past the last byte; never less than `start`.
    pub end: usize,
}

impl ByteSpan {
    /// The span `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end);
        Self { start, end }
    }

    /// The part of `text` that the span covers; empty if the span is out of range or not on
    /// character boundaries.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// The length in bytes.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether the span is empty.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The number of bytes that both spans cover.
    pub fn overlap(self, other: Self) -> usize {
        self.end
            .min(other.end)
            .saturating_sub(self.start.max(other.start))
    }

    /// The span without the white space of `text` at either end.
    pub fn trimmed(self, text: &str) -> Self {
        let inside = self.of(text);
        let start = self.start + (inside.len() - inside.trim_start().len());
        Self {
            start,
            end: start + inside.trim().len(),
        }
    }
}

impl From<(usize, usize)> for ByteSpan {
    fn from((start, end): (usize, usize)) -> Self {
        Self {
            start,
            end: end.max(start),
        }
    }
}

impl From<ByteSpan> for (usize, usize) {
    fn from(span: ByteSpan) -> Self {
        (span.start, span.end)
    }
}

/// A metadata value. In JSON each has its natural form; a string that is a calendar date
/// (`2026-01-31`, with or without a time) is read as [`MetaValue::Date`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MetaValue {
    /// A number.
    Number(Number),
    /// A date or time, ISO 8601.
    Date(IsoDate),
    /// Any other string.
    String(String),
    /// A list, for example of tags.
    List(Vec<MetaValue>),
}

impl MetaValue {
    /// The value of a string: a date if it is one.
    pub fn from_text(text: &str) -> Self {
        match IsoDate::try_from(text.to_owned()) {
            Ok(date) => Self::Date(date),
            Err(_) => Self::String(text.to_owned()),
        }
    }

    /// The value of untyped text: a number only if that is its [canonical
    /// form](Number::parse_canonical), else a date or a string. So `01234`, `1.10` and `7e5` stay
    /// strings (which filters still compare as numbers).
    pub fn infer_from_text(text: &str) -> Self {
        let text = text.trim();
        Number::parse_canonical(text).map_or_else(|| Self::from_text(text), Self::Number)
    }

    /// The value of the text of a number: a string if [`Number`] cannot hold all its digits.
    pub fn from_number_text(text: &str) -> Self {
        Number::parse_exact(text).map_or_else(|| Self::String(text.to_owned()), Self::Number)
    }

    /// The value as one line of text; list items are joined by commas.
    pub fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Date(IsoDate(text)) | Self::String(text) => one_line(text),
            Self::List(items) => items.iter().map(Self::shown).collect::<Vec<_>>().join(", "),
        }
    }

    /// Converts a JSON value. Booleans become strings, objects their JSON text, null becomes
    /// `None`.
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

/// Joins `text` to one line, with single spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A calendar date as it was written: `YYYY-MM-DD`, optionally with a time (after `T` or a space)
/// and a UTC offset.
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

/// A question that an article asks and answers itself. The question's line is never part of a
/// passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QaPair {
    /// The question as written.
    pub question: String,
    /// The span of its answer in the article's text.
    pub answer: ByteSpan,
}

/// One article: the unit of indexing and of updates.
///
/// All spans are offsets in `text`. For plain text, Markdown and the question-and-answer layout
/// that is the file itself, byte for byte if it is UTF-8; for other formats it is the extracted
/// text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Article {
    /// Unique in its collection.
    pub id: String,
    /// One line; may be empty.
    pub title: String,
    /// Where it came from, as shown to people: a path or URL.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// The parts of `text` that passages may cover, in order and without overlap. No passage
    /// crosses from one part into the next.
    pub body: Vec<ByteSpan>,
    /// The line of `path` on which the record begins, from 1, in formats with several records per
    /// file; `None` if lines are counted in `text`.
    pub record_line: Option<u64>,
    /// Metadata by name.
    pub metadata: Metadata,
    /// The questions that the article asks and answers.
    pub questions: Vec<QaPair>,
}

impl Article {
    /// The line of byte `offset` of the text, from 1; [`Article::record_line`] if that is set.
    pub fn line_at(&self, offset: usize) -> u64 {
        self.record_line.unwrap_or_else(|| {
            let before = self.text.as_bytes().get(..offset).unwrap_or_default();
            1 + before.iter().filter(|&&b| b == b'\n').count() as u64
        })
    }

    /// A fingerprint of everything but the id, and of the chunking (its
    /// [key](crate::Chunking::key)). An article with an equal fingerprint does not have to be
    /// indexed again.
    pub fn fingerprint(&self, chunking_key: &str) -> Fingerprint {
        let details = serde_json::json!([
            self.body,
            self.record_line,
            self.metadata,
            self.questions,
            self.path
        ])
        .to_string();
        Fingerprint::of([chunking_key, &self.title, &self.text, &details].map(str::as_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_types_survive_a_json_round_trip() {
        let value = serde_json::json!({"n": 3.5, "d": "2026-01-31", "t": "2026-01-31T10:00:00Z", "s": "2026-13-01", "i": 9007199254740993_i64, "r": "2026-02-30", "l": ["a", "b"], "b": true});
        let metadata: Metadata = value
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(k, v)| Some((k.clone(), MetaValue::from_json(v)?)))
            .collect();
        assert_eq!(metadata["n"], MetaValue::Number(3.5.try_into().unwrap()));
        assert_eq!(metadata["i"].shown(), "9007199254740993");
        assert!(
            matches!(metadata["r"], MetaValue::String(_)),
            "not a date of the calendar"
        );
        assert!(matches!(metadata["d"], MetaValue::Date(_)));
        assert!(matches!(metadata["t"], MetaValue::Date(_)));
        assert!(matches!(metadata["s"], MetaValue::String(_)));
        assert!(matches!(&metadata["l"], MetaValue::List(l) if l.len() == 2));
        let back: Metadata =
            serde_json::from_str(&serde_json::to_string(&metadata).unwrap()).unwrap();
        assert_eq!(back, metadata);
    }

    #[test]
    fn spans_overlap_and_trim() {
        assert_eq!(ByteSpan::new(0, 5).overlap(ByteSpan::new(3, 9)), 2);
        assert_eq!(ByteSpan::new(0, 3).overlap(ByteSpan::new(3, 9)), 0);
        assert_eq!(
            ByteSpan::new(0, 8).trimmed("  é ab \n"),
            ByteSpan::new(2, 7)
        );
        assert_eq!(ByteSpan::new(1, 99).of("short"), "");
    }
}
