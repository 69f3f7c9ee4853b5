//! Maps the fields of a record (JSONL, CSV or Parquet) to an article.

use super::reader::Item;
use super::value::{Value, merge_repeated};
use crate::article::{Article, ByteSpan, MetaValue, Metadata, one_line};
use crate::source::{Source, note};
use crate::{Error, Format};
use notes::Code;
use std::collections::btree_map::Entry;

const ID: &[&str] = &["_id", "id"];
const TITLE: &[&str] = &["title", "headline"];
pub const TEXT: &[&str] = &["text", "content", "contents", "body", "article"];
const URL: &[&str] = &["url", "link"];

/// The article of the record on `line`, and the notes about it.
///
/// Field names are compared ignoring case. The text is the first field of [`TEXT`] that is not
/// blank. If a name occurs twice, all its values are kept. Without an id, or with a blank one, the
/// id is made of file name and line.
pub fn items(source: &Source, line: u64, mut fields: Vec<(String, Value)>) -> Vec<Item> {
    // Nested metadata never supplies the id, title or text.
    let nested = fields
        .iter()
        .position(|(name, value)| name == "metadata" && matches!(value, Value::Map(_)));
    let nested = nested.map(|at| fields.remove(at).1);
    let (fields, repeated) = merge_repeated(fields);
    let repeated_message =
        |name: &String| format!("{name:?} occurs more than once; all values are kept");
    let mut notes: Vec<String> = repeated.iter().map(repeated_message).collect();
    let mut record = Record::new(source, line, fields);
    if let Some(Value::Map(nested)) = nested {
        for (name, value) in nested {
            match record.metadata.entry(name) {
                Entry::Occupied(existing) => {
                    let name = existing.key();
                    notes.push(format!(
                        "{name:?} is a field and also in \"metadata\"; the field is kept"
                    ));
                }
                Entry::Vacant(free) => {
                    if let Some(value) = value.metadata() {
                        free.insert(value);
                    }
                }
            }
        }
    }
    record.into_items(source, line, notes)
}

/// Why a record has no text.
#[derive(Debug, thiserror::Error)]
enum TextError {
    #[error("its text is empty, or neither a string nor a list of strings")]
    Unusable,
    #[error("expected a string field named {}; found {found}", TEXT.join(", "))]
    Missing {
        /// The names of its fields.
        found: String,
    },
}

/// The parts of a record.
struct Record {
    id: String,
    title: Option<String>,
    text: Result<Option<String>, TextError>,
    metadata: Metadata,
}

impl Record {
    fn new(source: &Source, line: u64, mut fields: Vec<(String, Value)>) -> Self {
        let names = fields
            .iter()
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>()
            .join(", ");
        let id = take(&mut fields, ID, string_or_number).filter(|id| !id.trim().is_empty());
        let title = take(&mut fields, TITLE, Value::text);
        let text = match take(&mut fields, TEXT, paragraphs) {
            Some(text) => Ok(Some(text)),
            None if title.is_some() => Ok(None),
            None if fields.iter().any(|(name, _)| is_named(name, TEXT)) => Err(TextError::Unusable),
            None => Err(TextError::Missing { found: names }),
        };
        let url = take(&mut fields, URL, string_or_number);
        let others = fields
            .into_iter()
            .filter(|(name, value)| !is_named(name, TEXT) || value.text().is_some());
        let mut metadata: Metadata = others
            .filter_map(|(name, value)| Some((name, value.metadata()?)))
            .collect();
        metadata.extend(url.map(|url| ("url".to_owned(), MetaValue::String(url))));
        let id = id.unwrap_or_else(|| format!("{}#{line}", source.name));
        Self {
            id,
            title,
            text,
            metadata,
        }
    }

    fn into_items(self, source: &Source, line: u64, notes: Vec<String>) -> Vec<Item> {
        let note = |code, message| Item::Note(note(source, Some(line), code, message));
        let mut items: Vec<Item> = notes
            .into_iter()
            .map(|message| note(Code::DuplicateField, message))
            .collect();
        let Self {
            id,
            title,
            text,
            metadata,
        } = self;
        let title = one_line(&title.unwrap_or_default());
        let text = match text {
            Err(error) => {
                items.push(Item::Failed(Error::malformed(
                    &source.path,
                    Some(line),
                    error.to_string(),
                )));
                return items;
            }
            // BEIR corpora contain articles without text, and benchmark results depend on keeping
            // them as they are.
            Ok(None) if source.format != Format::Beir => {
                items.push(note(
                    Code::TitleOnly,
                    "it has a title but no text; the title is used as its text".to_owned(),
                ));
                title.clone()
            }
            Ok(text) => text.unwrap_or_default(),
        };
        let article = Article {
            id,
            title,
            path: source.name.clone(),
            body: vec![ByteSpan::new(0, text.len())],
            text,
            record_line: Some(line),
            metadata,
            questions: Vec::new(),
        };
        items.push(Item::Article(Box::new(article)));
        items
    }
}

/// Removes and returns the first field of one of the names for which `of` returns a value.
fn take(
    fields: &mut Vec<(String, Value)>,
    names: &[&str],
    of: fn(&Value) -> Option<String>,
) -> Option<String> {
    let (at, found) = names.iter().find_map(|wanted| {
        let named = fields
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| name.eq_ignore_ascii_case(wanted));
        named
            .into_iter()
            .find_map(|(at, (_, value))| Some((at, of(value)?)))
    })?;
    fields.remove(at);
    Some(found)
}

pub fn is_named(name: &str, names: &[&str]) -> bool {
    names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted))
}

/// The text of a string or number.
fn string_or_number(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Plain(text) | Value::Number(text) => Some(text.clone()),
        _ => None,
    }
}

/// The text of a non-blank string, or of a list of strings joined as paragraphs.
fn paragraphs(value: &Value) -> Option<String> {
    let text = match value {
        Value::Text(text) | Value::Plain(text) | Value::Number(text) => text.clone(),
        Value::List(items) => items
            .iter()
            .map(string_or_number)
            .collect::<Option<Vec<_>>>()?
            .join("\n\n"),
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}
