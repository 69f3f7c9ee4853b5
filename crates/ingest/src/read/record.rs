//! What JSONL and CSV records share: which of their fields is the id, the title, the text.

use crate::article::{Article, ByteSpan, MetaValue, Metadata};
use crate::walk::Source;

pub const ID: &[&str] = &["_id", "id"];
pub const TITLE: &[&str] = &["title", "headline"];
pub const TEXT: &[&str] = &["text", "content", "contents", "body", "article"];
pub const URL: &[&str] = &["url", "link"];

/// The parts of a record, before they are an article.
#[derive(Default)]
pub struct Record {
    pub id: Option<String>,
    pub title: String,
    pub text: String,
    pub url: Option<String>,
    pub metadata: Metadata,
}

impl Record {
    /// The article that the record is, on `line` of its file; without an id of its own, or with an empty one, it is
    /// called after that line.
    pub fn article(self, source: &Source, line: u64) -> Article {
        let id = self.id.filter(|id| !id.trim().is_empty()).unwrap_or_else(|| format!("{}#{line}", source.name));
        let body = vec![ByteSpan::new(0, self.text.len())];
        let mut metadata = self.metadata;
        if let Some(url) = self.url {
            metadata.insert("url".to_owned(), MetaValue::String(url));
        }
        Article {
            id,
            title: self.title.split_whitespace().collect::<Vec<_>>().join(" "),
            path: source.name.clone(),
            text: self.text,
            body,
            record_line: Some(line),
            metadata,
            questions: Vec::new(),
        }
    }
}
