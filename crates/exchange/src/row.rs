//! The header and rows of a file. Field names are those of the file format.

use crate::{Error, Result, RowError, lenient};
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

/// Rows with their numbers, from 1.
pub type NumberedRows = Box<dyn Iterator<Item = Result<(u64, Row)>> + Send>;

/// A passage, or an article without passages, whose passage fields are `None`.
///
/// It is read as other programs may have written it: without the fields that have no value, with
/// whole numbers as `1.0`, with ids that look like numbers as numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The passage as `article_id#ordinal`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub passage_id: Option<String>,
    /// The id of its article.
    #[serde(deserialize_with = "lenient::id")]
    pub article_id: String,
    /// Its position in the article, from 0.
    #[serde(default, deserialize_with = "lenient::number")]
    pub ordinal: Option<u64>,
    /// The article's title.
    #[serde(default, deserialize_with = "lenient::text_or_empty")]
    pub title: String,
    /// The path or URL that the article was read from.
    #[serde(default, deserialize_with = "lenient::text_or_empty")]
    pub path: String,
    /// The article's metadata.
    #[serde(default, deserialize_with = "lenient::metadata")]
    pub metadata: Metadata,
    /// Its start in the article's text, in bytes.
    #[serde(default, deserialize_with = "lenient::number")]
    pub start: Option<u64>,
    /// Its end in the article's text, in bytes.
    #[serde(default, deserialize_with = "lenient::number")]
    pub end: Option<u64>,
    /// The line of the source on which it begins, from 1.
    #[serde(default, deserialize_with = "lenient::number")]
    pub line: Option<u64>,
    /// Its text.
    #[serde(default, deserialize_with = "lenient::text")]
    pub text: Option<String>,
    /// The hash of the model and of the embedded text, context included, as 32 hexadecimal digits.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// Its unit vector.
    #[serde(default)]
    pub vector: Option<Vec<f32>>,
    /// The rest of the article, in one of its rows, as written here the first; `None` in the others.
    #[serde(default)]
    pub article: Option<Record>,
}

/// An article without what its rows have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The header of the file that it was written to. It remains if another program writes the rows
    /// anew and leaves out the header of the file; files of earlier versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// The number of its passages.
    pub passages: usize,
    /// The hash of its content and of how it was split, as 32 hexadecimal digits.
    pub fingerprint: String,
    /// The whole text.
    pub text: String,
    /// The parts of the text that passages may cover.
    pub body: Vec<ByteSpan>,
    /// The line of the source that all its passages are on, in formats with one record per line.
    #[serde(default, deserialize_with = "lenient::number")]
    pub record_line: Option<u64>,
    /// The questions that it brings along, with their answers.
    pub questions: Vec<QaPair>,
}

/// Makes the rows of an article for a file with this header.
pub fn rows(embedded: &EmbeddedArticle, header: &Header) -> Result<Vec<Row>> {
    let EmbeddedArticle {
        article,
        fingerprint,
        passages,
    } = embedded;
    let mut record = Some(Record {
        header: Some(header.clone()),
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
    /// If this row has its article, takes it out, without passages but with the number it must
    /// have. `Err` says what is wrong with it.
    pub(crate) fn take_article(
        &mut self,
        model: &ModelInfo,
    ) -> Option<Result<(EmbeddedArticle, usize), RowError>> {
        let record = self.article.take()?;
        if let Some(other) = record.header.as_ref().map(|header| &header.model)
            && !other.is_compatible_with(model)
        {
            return Some(Err(RowError::OtherModel {
                article: self.article_id.clone(),
                found: Box::new(other.clone()),
                expected: Box::new(model.clone()),
            }));
        }
        let fits = |span: &ByteSpan| record.text.get(span.start..span.end).is_some();
        if !record
            .body
            .iter()
            .chain(record.questions.iter().map(|pair| &pair.answer))
            .all(fits)
        {
            return Some(Err(RowError::SpanOutsideText {
                article: self.article_id.clone(),
            }));
        }
        let fingerprint = match parse_fingerprint(&record.fingerprint) {
            Ok(fingerprint) => fingerprint,
            Err(error) => return Some(Err(error)),
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

    /// Checks and returns the passage of this row and its number, which has to be below `passages`.
    /// `None` if the row has no passage. `Err` says what is wrong with it.
    pub(crate) fn into_passage(
        self,
        article: &Article,
        passages: usize,
        dimensions: usize,
    ) -> Result<Option<(u64, Passage)>, RowError> {
        let ordinal = match self.ordinal {
            None if self.vector.is_none() => return Ok(None),
            Some(ordinal) if ordinal < passages as u64 => ordinal,
            found => {
                return Err(RowError::Ordinal {
                    article: article.id.clone(),
                    passages,
                    found,
                });
            }
        };
        let (Some(start), Some(end), Some(line)) = (self.start, self.end, self.line) else {
            return Err(RowError::NoSpan);
        };
        let (start, end) = (start as usize, end as usize);
        let text = self.text.unwrap_or_default();
        if article.text.get(start..end) != Some(text.as_str()) {
            return Err(RowError::OtherText { start, end });
        }
        let vector = self.vector.unwrap_or_default();
        if vector.len() != dimensions {
            return Err(RowError::Dimensions {
                expected: dimensions,
                found: vector.len(),
            });
        }
        let fingerprint = parse_fingerprint(&self.fingerprint.unwrap_or_default())?;
        let passage = Passage {
            span: ByteSpan::new(start, end),
            line,
            fingerprint,
            vector: Some(vector),
        };
        Ok(Some((ordinal, passage)))
    }

    /// About how many bytes of memory the row needs.
    pub(crate) fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, String::len)
            + self.article.as_ref().map_or(0, |record| record.text.len())
            + self.vector.as_ref().map_or(0, |vector| 4 * vector.len())
            + size_of::<Self>()
    }
}

fn parse_fingerprint(hex: &str) -> Result<Fingerprint, RowError> {
    let malformed = || RowError::Fingerprint {
        found: hex.to_owned(),
    };
    let mut bytes = [0; 16];
    // An engine may have taken it for a UUID.
    let hex = &hex.replace('-', "");
    if hex.len() != 32 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(malformed());
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| malformed())?;
    }
    Ok(Fingerprint(bytes))
}
