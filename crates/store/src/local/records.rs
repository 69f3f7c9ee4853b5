//! Articles and passages as tantivy documents.

use crate::collection::StoredArticle;
use ingest::pipeline::EmbeddedArticle;
use ingest::{Article, ByteSpan, Fingerprint, Metadata, QaPair};
use serde::{Deserialize, Serialize};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer,
};
use tantivy::{Index, TantivyDocument};

/// The name of the analyzer of passages and questions.
const ANALYZER: &str = "nigh_en";
/// tantivy's limit for a term; a longer "word" is noise.
const LONGEST_WORD: usize = 60;
/// The tokenizer that keeps a string whole, for identifiers.
const WHOLE: &str = "raw";

/// The fields. Article documents have the first six, passage documents the others.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// The article's id.
    pub id: Field,
    /// The article's fingerprint, 16 bytes.
    pub fingerprint: Field,
    /// Where it came from.
    pub source: Field,
    /// How many questions it asks itself.
    pub questions: Field,
    /// Everything else of the article but its text, as JSON.
    pub record: Field,
    /// The article's text.
    pub text: Field,
    /// The id of the passage's article.
    pub parent: Field,
    /// The passage's key.
    pub key: Field,
    /// Which of its article's passages.
    pub ordinal: Field,
    /// The passage's span.
    pub start: Field,
    pub end: Field,
    /// The line it begins on.
    pub line: Field,
    /// Title and text, analyzed.
    pub contents: Field,
    /// The article's title, path, and the passage's text, as they are shown.
    pub title: Field,
    pub path: Field,
    pub passage: Field,
}

/// The schema. The order of the fields is part of the format.
pub fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let analyzed =
        TextFieldIndexing::default().set_tokenizer(ANALYZER).set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let name = STRING.set_fast(WHOLE);
    let fields = Fields {
        id: builder.add_text_field("id", name.clone()),
        fingerprint: builder.add_bytes_field("fingerprint", FAST),
        source: builder.add_text_field("source", name.clone()),
        questions: builder.add_u64_field("questions", FAST),
        record: builder.add_bytes_field("record", STORED),
        text: builder.add_text_field("text", STORED),
        parent: builder.add_text_field("parent", name),
        key: builder.add_u64_field("key", FAST | INDEXED),
        ordinal: builder.add_u64_field("ordinal", FAST),
        start: builder.add_u64_field("start", FAST),
        end: builder.add_u64_field("end", FAST),
        line: builder.add_u64_field("line", FAST),
        contents: builder.add_text_field("contents", TextOptions::default().set_indexing_options(analyzed)),
        title: builder.add_text_field("title", STORED),
        path: builder.add_text_field("path", STORED),
        passage: builder.add_text_field("passage", STORED),
    };
    (builder.build(), fields)
}

/// How text becomes terms: words, without accents, lower case, English stop words out, English
/// stems.
pub fn analyzer() -> TextAnalyzer {
    let words = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST_WORD))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter);
    match StopWordFilter::new(Language::English) {
        Some(stop) => words.filter(stop).filter(Stemmer::new(Language::English)).build(),
        None => words.filter(Stemmer::new(Language::English)).build(),
    }
}

pub fn register(index: &Index) {
    index.tokenizers().register(ANALYZER, analyzer());
}

/// An article but for its id, fingerprint, source and text.
#[derive(Serialize, Deserialize)]
struct Record {
    title: String,
    body: Vec<ByteSpan>,
    record_line: Option<u64>,
    metadata: Metadata,
    questions: Vec<QaPair>,
    passages: Vec<ByteSpan>,
}

impl Fields {
    /// The document of an article.
    pub fn article(&self, embedded: &EmbeddedArticle) -> TantivyDocument {
        let Article { id, title, path, text, body, record_line, metadata, questions } = &embedded.article;
        let record = Record {
            title: title.clone(),
            body: body.clone(),
            record_line: *record_line,
            metadata: metadata.clone(),
            questions: questions.clone(),
            passages: embedded.passages.iter().map(|p| p.span).collect(),
        };
        let mut document = TantivyDocument::new();
        document.add_text(self.id, id);
        document.add_bytes(self.fingerprint, &embedded.fingerprint.0);
        document.add_text(self.source, path);
        document.add_u64(self.questions, questions.len() as u64);
        // Strings, numbers and lists: writing them as JSON cannot fail.
        document.add_bytes(self.record, &serde_json::to_vec(&record).unwrap_or_default());
        document.add_text(self.text, text);
        document
    }

    /// The document of its passage `ordinal`.
    pub fn passage(&self, embedded: &EmbeddedArticle, ordinal: usize, key: u64) -> TantivyDocument {
        let (article, passage) = (&embedded.article, &embedded.passages[ordinal]);
        let text = passage.span.of(&article.text);
        let mut document = TantivyDocument::new();
        document.add_text(self.parent, &article.id);
        document.add_u64(self.key, key);
        document.add_u64(self.ordinal, ordinal as u64);
        document.add_u64(self.start, passage.span.start as u64);
        document.add_u64(self.end, passage.span.end as u64);
        document.add_u64(self.line, passage.line);
        let contents =
            if text.starts_with(&article.title) { text.to_owned() } else { format!("{}\n{text}", article.title) };
        document.add_text(self.contents, contents);
        document.add_text(self.title, &article.title);
        document.add_text(self.path, &article.path);
        document.add_text(self.passage, text);
        document
    }

    /// An article from its document; `None` if that is not one.
    pub fn stored_article(&self, id: &str, path: String, document: &TantivyDocument) -> Option<StoredArticle> {
        let record: Record = serde_json::from_slice(document.get_first(self.record)?.as_bytes()?).ok()?;
        let text = document.get_first(self.text)?.as_str()?.to_owned();
        let Record { title, body, record_line, metadata, questions, passages } = record;
        let article = Article { id: id.to_owned(), title, path, text, body, record_line, metadata, questions };
        Some(StoredArticle { article, passages })
    }

    /// The first stored string of a field.
    pub fn string(document: &TantivyDocument, field: Field) -> String {
        document.get_first(field).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    }
}

/// A fingerprint from its 16 bytes.
pub fn fingerprint(bytes: &[u8]) -> Option<Fingerprint> {
    bytes.try_into().ok().map(Fingerprint)
}
