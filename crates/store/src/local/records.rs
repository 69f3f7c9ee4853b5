//! Articles and passages as tantivy documents.

use crate::Language;
use crate::analysis::{AnalyzerVersion, TextField, title};
use crate::collection::StoredArticle;
use crate::filter::{PATH, Value};
use ingest::pipeline::EmbeddedArticle;
use ingest::{Article, ByteSpan, Fingerprint, LexicalText, Metadata, QaPair};
use serde::{Deserialize, Serialize};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing,
    TextOptions, Value as _,
};
use tantivy::{Index, TantivyDocument};

/// tantivy's tokenizer that keeps a string as one term, for identifiers.
const RAW_TOKENIZER: &str = "raw";

/// The schema's fields, named as in the schema. Article documents have the first six, passage
/// documents the others.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// The article's id.
    pub id: Field,
    /// The article's fingerprint, 16 bytes.
    pub fingerprint: Field,
    /// The path or URL that it was read from.
    pub source: Field,
    /// The number of questions that the article brings along.
    pub questions: Field,
    /// The rest of the article except its text, as JSON.
    pub record: Field,
    /// The article's text.
    pub text: Field,
    /// The id of the passage's article.
    pub parent: Field,
    /// The passage's key.
    pub key: Field,
    /// The passage's position in its article, from 0.
    pub ordinal: Field,
    /// The passage's span in bytes.
    pub start: Field,
    pub end: Field,
    /// The line it begins on.
    pub line: Field,
    /// Title and text as stems.
    pub stems: Field,
    /// The title as stems; from format 2 on.
    pub title_stems: Option<Field>,
    /// Metadata as terms for filters; from format 2 on.
    pub metadata_terms: Option<Field>,
    /// Title and text as unstemmed words; from format 4 on.
    pub words: Option<Field>,
    /// The normalized title as one term; from format 4 on.
    pub whole_title: Option<Field>,
    /// The article's title and path, and the passage's text, stored for display.
    pub stored_title: Field,
    pub path: Field,
    pub passage: Field,
}

/// The schema of a format. The order of the fields is part of it.
pub fn schema(format: u64) -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let analyzer = AnalyzerVersion::of_format(format);
    let analyzed = |field, option| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(analyzer.tokenizer_name(field))
            .set_index_option(option);
        TextOptions::default().set_indexing_options(indexing)
    };
    let name = STRING.set_fast(RAW_TOKENIZER);
    // From format 3 on also stored, so that a repair can name an article when everything else is
    // damaged.
    let stored_name = if format > 2 {
        name.clone() | STORED
    } else {
        name.clone()
    };
    let mut fields = Fields {
        id: builder.add_text_field("id", stored_name.clone()),
        fingerprint: builder.add_bytes_field("fingerprint", FAST),
        source: builder.add_text_field("source", stored_name),
        questions: builder.add_u64_field("questions", FAST),
        record: builder.add_bytes_field("record", STORED),
        text: builder.add_text_field("text", STORED),
        parent: builder.add_text_field("parent", name),
        key: builder.add_u64_field("key", FAST | INDEXED),
        ordinal: builder.add_u64_field("ordinal", FAST),
        start: builder.add_u64_field("start", FAST),
        end: builder.add_u64_field("end", FAST),
        line: builder.add_u64_field("line", FAST),
        stems: builder.add_text_field(
            "contents",
            analyzed(TextField::Stems, IndexRecordOption::WithFreqsAndPositions),
        ),
        title_stems: None,
        metadata_terms: None,
        words: None,
        whole_title: None,
        stored_title: builder.add_text_field("title", STORED),
        path: builder.add_text_field("path", STORED),
        passage: builder.add_text_field("passage", STORED),
    };
    if format > 1 {
        fields.title_stems = Some(builder.add_text_field(
            "heading",
            analyzed(TextField::Stems, IndexRecordOption::WithFreqs),
        ));
        fields.metadata_terms = Some(builder.add_text_field("facts", STRING));
    }
    if analyzer == AnalyzerVersion::V2 {
        fields.words = Some(builder.add_text_field(
            "exact",
            analyzed(TextField::Words, IndexRecordOption::WithFreqs),
        ));
        fields.whole_title = Some(builder.add_text_field("titles", STRING));
    }
    (builder.build(), fields)
}

/// Registers the tokenizers of the collection's fields.
pub fn register_tokenizers(index: &Index, language: Language, format: u64) {
    let analyzer = AnalyzerVersion::of_format(format);
    for field in [TextField::Stems, TextField::Words] {
        index.tokenizers().register(
            analyzer.tokenizer_name(field),
            analyzer.tokenizer(language, field),
        );
    }
}

/// The metadata field of an article's title.
const TITLE: &str = "title";
/// Longer values are truncated: nobody filters by an exact value of that length.
const MAX_METADATA_VALUE_BYTES: usize = 1000;

/// The term of a metadata value: field name, a zero byte, the kind of the value, the value. Stored
/// on disk.
fn metadata_term(name: &str, value: &Value) -> String {
    let (kind, text) = match value {
        Value::Number(number) => ('n', number.to_string()),
        Value::Date(date) => ('d', date.replacen(' ', "T", 1)),
        Value::Text(text) => (
            's',
            text[..text.floor_char_boundary(MAX_METADATA_VALUE_BYTES)].to_owned(),
        ),
    };
    format!("{}{kind}{text}", metadata_start(name))
}

/// The prefix of a field's terms, and the inclusive start of their range.
pub fn metadata_start(name: &str) -> String {
    format!("{}\0", name.replace('\0', " "))
}

/// The exclusive end of the range of a field's terms.
pub fn metadata_end(name: &str) -> Vec<u8> {
    format!("{}\u{1}", name.replace('\0', " ")).into_bytes()
}

/// Whether a field makes a useful facet. Nearly every article has its own path and title.
pub fn is_facetable(name: &str) -> bool {
    ![PATH, TITLE].contains(&name)
}

/// Parses a term of [`metadata_term`]; `None` if it is not one.
pub fn parse_metadata_term(term: &[u8]) -> Option<(String, Value)> {
    let (name, rest) = std::str::from_utf8(term).ok()?.split_once('\0')?;
    let value = match rest.split_at_checked(1)? {
        ("n", number) => Value::Number(number.parse().ok()?),
        ("d", date) => Value::Date(date.to_owned()),
        (_, text) => Value::Text(text.to_owned()),
    };
    Some((name.to_owned(), value))
}

/// An article without its id, fingerprint, source and text, as stored in JSON.
#[derive(Serialize, Deserialize)]
struct Record {
    title: String,
    body: Vec<ByteSpan>,
    record_line: Option<u64>,
    metadata: Metadata,
    questions: Vec<QaPair>,
    passages: Vec<ByteSpan>,
}

/// An article read out of a damaged file; a line of the salvage journal.
#[derive(Serialize, Deserialize)]
pub struct Salvaged {
    /// The article's id.
    pub id: String,
    path: String,
    text: String,
    record: Record,
}

impl Salvaged {
    pub fn into_article(self) -> Article {
        self.record
            .into_stored(self.id, self.path, self.text)
            .article
    }
}

impl Record {
    fn into_stored(self, id: String, path: String, text: String) -> StoredArticle {
        let Self {
            title,
            body,
            record_line,
            metadata,
            questions,
            passages,
        } = self;
        StoredArticle {
            article: Article {
                id,
                title,
                path,
                text,
                body,
                record_line,
                metadata,
                questions,
            },
            passages,
        }
    }
}

impl Fields {
    /// Makes the document of an article.
    pub fn article_document(&self, embedded: &EmbeddedArticle) -> TantivyDocument {
        let Article {
            id,
            title,
            path,
            text,
            body,
            record_line,
            metadata,
            questions,
        } = &embedded.article;
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
        document.add_bytes(
            self.record,
            &serde_json::to_vec(&record).unwrap_or_default(),
        );
        document.add_text(self.text, text);
        document
    }

    /// Makes the document of passage `ordinal`. `words` belongs to the same article.
    pub fn passage_document(
        &self,
        embedded: &EmbeddedArticle,
        words: &LexicalText<'_>,
        ordinal: usize,
        key: u64,
    ) -> TantivyDocument {
        let (article, passage) = (&embedded.article, &embedded.passages[ordinal]);
        let text = passage.span.of(&article.text);
        let mut document = TantivyDocument::new();
        document.add_text(self.parent, &article.id);
        document.add_u64(self.key, key);
        document.add_u64(self.ordinal, ordinal as u64);
        document.add_u64(self.start, passage.span.start as u64);
        document.add_u64(self.end, passage.span.end as u64);
        document.add_u64(self.line, passage.line);
        let contents = words.passage(passage.span);
        if let Some(field) = self.words {
            document.add_text(field, &contents);
        }
        document.add_text(self.stems, contents);
        if let Some(field) = self.whole_title {
            document.add_text(field, title::term(&article.title));
        }
        document.add_text(self.stored_title, &article.title);
        document.add_text(self.path, &article.path);
        document.add_text(self.passage, text);
        if let Some(field) = self.title_stems {
            document.add_text(field, &article.title);
        }
        if let Some(facts) = self.metadata_terms {
            let built_in = [(PATH, &article.path), (TITLE, &article.title)];
            built_in.iter().for_each(|(name, text)| {
                document.add_text(facts, metadata_term(name, &Value::Text((*text).clone())))
            });
            for (name, value) in &article.metadata {
                Value::flatten(value)
                    .iter()
                    .for_each(|value| document.add_text(facts, metadata_term(name, value)));
            }
        }
        document
    }

    /// Reads an article from its document; `None` if that does not hold one.
    pub fn stored_article(
        &self,
        id: &str,
        path: String,
        document: &TantivyDocument,
    ) -> Option<StoredArticle> {
        let Salvaged {
            id,
            path,
            text,
            record,
        } = self.salvaged(id, path, document)?;
        Some(record.into_stored(id, path, text))
    }

    /// Like [`Fields::stored_article`], in the form of the salvage journal.
    pub fn salvaged(&self, id: &str, path: String, document: &TantivyDocument) -> Option<Salvaged> {
        let record: Record =
            serde_json::from_slice(document.get_first(self.record)?.as_bytes()?).ok()?;
        let text = document.get_first(self.text)?.as_str()?.to_owned();
        Some(Salvaged {
            id: id.to_owned(),
            path,
            text,
            record,
        })
    }

    /// The first stored string of a field; empty if there is none.
    pub fn string(document: &TantivyDocument, field: Field) -> String {
        document
            .get_first(field)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
            .to_owned()
    }
}

/// Reads a fingerprint of 16 bytes.
pub fn fingerprint(bytes: &[u8]) -> Option<Fingerprint> {
    bytes.try_into().ok().map(Fingerprint)
}
