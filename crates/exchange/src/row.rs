//! The header and rows of a file. Field names are those of the file format.

use crate::{Error, Result};
use ingest::pipeline::{EmbeddedArticle, Passage};
use ingest::{Article, ByteSpan, Chunking, Fingerprint, Metadata, ModelInfo, QaPair};
use serde::{Deserialize, Serialize};
use store::Language;

/// The version of the format that is written here.
pub const FORMAT: u64 = 1;

/// What all articles of a file have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub format: u64,
    /// The model that made every vector.
    pub model: ModelInfo,
    /// How the articles were split into passages.
    pub chunking: Chunking,
    /// The language of the articles.
    pub language: Language,
}

impl Header {
    /// The header of a new file.
    pub fn new(model: ModelInfo, chunking: Chunking, language: Language) -> Self {
        Self {
            format: FORMAT,
            model,
            chunking,
            language,
        }
    }
}

/// A passage, or an article without passages, whose passage fields are `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The passage as `article_id#ordinal`.
    pub passage_id: Option<String>,
    /// The id of its article.
    pub article_id: String,
    /// Its position in the article, from 0.
    pub ordinal: Option<u64>,
    /// The article's title.
    pub title: String,
    /// The path or URL that the article was read from.
    pub path: String,
    /// The article's metadata.
    pub metadata: Metadata,
    /// Its start in the article's text, in bytes.
    pub start: Option<u64>,
    /// Its end in the article's text, in bytes.
    pub end: Option<u64>,
    /// The line of the source on which it begins, from 1.
    pub line: Option<u64>,
    /// Its text.
    pub text: Option<String>,
    /// The hash of the model and of the embedded text, context included, as 32 hexadecimal digits.
    pub fingerprint: Option<String>,
    /// Its unit vector.
    pub vector: Option<Vec<f32>>,
    /// The rest of the article, in its first row; `None` in the others.
    pub article: Option<Record>,
}

/// An article without what its rows have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The number of its passages.
    pub passages: usize,
    /// The hash of its content and of how it was split, as 32 hexadecimal digits.
    pub fingerprint: String,
    /// The whole text.
    pub text: String,
    /// The parts of the text that passages may cover.
    pub body: Vec<ByteSpan>,
    /// The line of the source that all its passages are on, in formats with one record per line.
    pub record_line: Option<u64>,
    /// The questions that it brings along, with their answers.
    pub questions: Vec<QaPair>,
}

/// Makes the rows of an article.
pub fn rows(embedded: &EmbeddedArticle) -> Result<Vec<Row>> {
    let EmbeddedArticle {
        article,
        fingerprint,
        passages,
    } = embedded;
    let mut record = Some(Record {
        passages: passages.len(),
        fingerprint: fingerprint.to_string(),
        text: article.text.clone(),
        body: article.body.clone(),
        record_line: article.record_line,
        questions: article.questions.clone(),
    });
    let row = |record: Option<Record>| Row {
        passage_id: None,
        article_id: article.id.clone(),
        ordinal: None,
        title: article.title.clone(),
        path: article.path.clone(),
        metadata: article.metadata.clone(),
        start: None,
        end: None,
        line: None,
        text: None,
        fingerprint: None,
        vector: None,
        article: record,
    };
    if passages.is_empty() {
        return Ok(vec![row(record)]);
    }
    let missing = |ordinal| Error::MissingVector {
        article: article.id.clone(),
        ordinal,
    };
    let rows = passages.iter().enumerate().map(|(ordinal, passage)| {
        Ok(Row {
            passage_id: Some(format!("{}#{ordinal}", article.id)),
            ordinal: Some(ordinal as u64),
            start: Some(passage.span.start as u64),
            end: Some(passage.span.end as u64),
            line: Some(passage.line),
            text: Some(passage.span.of(&article.text).to_owned()),
            fingerprint: Some(passage.fingerprint.to_string()),
            vector: Some(passage.vector.clone().ok_or_else(|| missing(ordinal))?),
            ..row(record.take())
        })
    });
    rows.collect()
}

impl Row {
    /// If an article begins with this row, takes it out, without passages but with the number it
    /// must have. `Err` says what is wrong with it.
    pub(crate) fn take_article(&mut self) -> Option<Result<(EmbeddedArticle, usize), String>> {
        let record = self.article.take()?;
        let fits = |span: &ByteSpan| record.text.get(span.start..span.end).is_some();
        if !record
            .body
            .iter()
            .chain(record.questions.iter().map(|pair| &pair.answer))
            .all(fits)
        {
            return Some(Err(format!(
                "article {:?}: a span does not fit its text",
                self.article_id
            )));
        }
        let fingerprint = match parse_fingerprint(&record.fingerprint) {
            Ok(fingerprint) => fingerprint,
            Err(problem) => return Some(Err(problem)),
        };
        let article = Article {
            id: self.article_id.clone(),
            title: self.title.clone(),
            path: self.path.clone(),
            text: record.text,
            body: record.body,
            record_line: record.record_line,
            metadata: self.metadata.clone(),
            questions: record.questions,
        };
        Some(Ok((
            EmbeddedArticle {
                article,
                fingerprint,
                passages: Vec::new(),
            },
            record.passages,
        )))
    }

    /// Checks and returns the passage of this row, which has to be number `ordinal` of the article.
    /// `None` if the row has no passage. `Err` says what is wrong with it.
    pub(crate) fn into_passage(
        self,
        article: &Article,
        ordinal: usize,
        dimensions: usize,
    ) -> Result<Option<Passage>, String> {
        if self.ordinal.is_none() && self.vector.is_none() {
            return Ok(None);
        }
        if self.article_id != article.id || self.ordinal != Some(ordinal as u64) {
            let found = self
                .ordinal
                .map_or_else(|| "none".to_owned(), |found| found.to_string());
            return Err(format!(
                "expected passage {ordinal} of {:?}, found {found} of {:?}",
                article.id, self.article_id
            ));
        }
        let (Some(start), Some(end), Some(line)) = (self.start, self.end, self.line) else {
            return Err("expected start, end and line of a passage, found none".to_owned());
        };
        let (start, end) = (start as usize, end as usize);
        let text = self.text.unwrap_or_default();
        if article.text.get(start..end) != Some(text.as_str()) {
            return Err(format!(
                "the text of a passage is not its article's at {start}..{end}"
            ));
        }
        let vector = self.vector.unwrap_or_default();
        if vector.len() != dimensions {
            return Err(format!(
                "expected a vector of {dimensions} numbers, found {}",
                vector.len()
            ));
        }
        let fingerprint = parse_fingerprint(&self.fingerprint.unwrap_or_default())?;
        Ok(Some(Passage {
            span: ByteSpan::new(start, end),
            line,
            fingerprint,
            vector: Some(vector),
        }))
    }
}

fn parse_fingerprint(hex: &str) -> Result<Fingerprint, String> {
    let problem = || format!("expected a fingerprint of 32 hexadecimal digits, found {hex:?}");
    let mut bytes = [0; 16];
    if hex.len() != 32 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(problem());
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| problem())?;
    }
    Ok(Fingerprint(bytes))
}
