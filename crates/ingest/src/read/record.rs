//! What JSONL and CSV records share: which of their fields is the id, the title, the text.

use super::value::{Value, together};
use super::{Item, note};
use crate::article::{Article, ByteSpan, MetaValue, Metadata, one_line};
use crate::walk::Source;
use crate::{Error, Format};
use notes::Code;
use std::collections::btree_map::Entry;

const ID: &[&str] = &["_id", "id"];
const TITLE: &[&str] = &["title", "headline"];
pub const TEXT: &[&str] = &["text", "content", "contents", "body", "article"];
const URL: &[&str] = &["url", "link"];

/// The article of a record on `line` of its file, and what there is to note of it.
///
/// Names are compared without regard to letter case. The text is in the first of [`TEXT`] that has some; of a name that
/// stands twice all values are kept. A record without an id of its own, or with an empty one, is called after its line.
pub fn items(source: &Source, line: u64, mut fields: Vec<(String, Value)>) -> Vec<Item> {
    // What is nested is never the record's own id or text.
    let nested = fields.iter().position(|(name, value)| name == "metadata" && matches!(value, Value::Map(_)));
    let nested = nested.map(|at| fields.remove(at).1);
    let (fields, twice) = together(fields);
    let twice_said = |name: &String| format!("{name:?} stands there twice; both values are kept");
    let mut notes: Vec<String> = twice.iter().map(twice_said).collect();
    let mut record = Record::new(source, line, fields);
    if let Some(Value::Map(nested)) = nested {
        for (name, value) in nested {
            match record.metadata.entry(name) {
                Entry::Occupied(there) => {
                    let name = there.key();
                    notes.push(format!("{name:?} stands in it and in its \"metadata\"; the first is kept"));
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

/// The parts of a record.
struct Record {
    id: String,
    title: Option<String>,
    text: Result<Option<String>, String>,
    metadata: Metadata,
}

impl Record {
    fn new(source: &Source, line: u64, mut fields: Vec<(String, Value)>) -> Self {
        let names = fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(", ");
        let id = take(&mut fields, ID, plain).filter(|id| !id.trim().is_empty());
        let title = take(&mut fields, TITLE, Value::text);
        let text = match take(&mut fields, TEXT, paragraphs) {
            Some(text) => Ok(Some(text)),
            None if title.is_some() => Ok(None),
            None if fields.iter().any(|(name, _)| is_one_of(name, TEXT)) => {
                Err("its text is empty, or neither a string nor a list of strings".to_owned())
            }
            None => Err(format!("expected a string field named {}; found {names}", TEXT.join(", "))),
        };
        let url = take(&mut fields, URL, plain);
        let others = fields.into_iter().filter(|(name, value)| !is_one_of(name, TEXT) || value.text().is_some());
        let mut metadata: Metadata = others.filter_map(|(name, value)| Some((name, value.metadata()?))).collect();
        metadata.extend(url.map(|url| ("url".to_owned(), MetaValue::String(url))));
        let id = id.unwrap_or_else(|| format!("{}#{line}", source.name));
        Self { id, title, text, metadata }
    }

    fn into_items(self, source: &Source, line: u64, notes: Vec<String>) -> Vec<Item> {
        let note = |code, message| Item::Note(note(source, Some(line), code, message));
        let mut items: Vec<Item> = notes.into_iter().map(|said| note(Code::DuplicateField, said)).collect();
        let Self { id, title, text, metadata } = self;
        let title = one_line(&title.unwrap_or_default());
        let text = match text {
            Err(problem) => {
                items.push(Item::Failed(Error::malformed(&source.path, Some(line), problem)));
                return items;
            }
            // Published figures are measured with such articles as they are.
            Ok(None) if source.format != Format::Beir => {
                items.push(note(Code::TitleOnly, "it has a title and no text; the title is its text".to_owned()));
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

/// Removes the first field of one of the names that has something for `of`.
fn take(fields: &mut Vec<(String, Value)>, names: &[&str], of: fn(&Value) -> Option<String>) -> Option<String> {
    let (at, found) = names.iter().find_map(|wanted| {
        let named = fields.iter().enumerate().filter(|(_, (name, _))| name.eq_ignore_ascii_case(wanted));
        named.into_iter().find_map(|(at, (_, value))| Some((at, of(value)?)))
    })?;
    fields.remove(at);
    Some(found)
}

pub fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted))
}

/// A string or a number.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Plain(text) | Value::Number(text) => Some(text.clone()),
        _ => None,
    }
}

/// A string with something in it, or several.
fn paragraphs(value: &Value) -> Option<String> {
    let text = match value {
        Value::Text(text) | Value::Plain(text) | Value::Number(text) => text.clone(),
        Value::List(items) => items.iter().map(plain).collect::<Option<Vec<_>>>()?.join("\n\n"),
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}
