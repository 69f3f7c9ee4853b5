//! Articles and passages as rows.

use crate::columns::{Columns, json, longs, strings, vectors};
use crate::expression::metadata_terms;
use crate::proto::FieldData;
use crate::schema::{
    ARTICLE, END, FACTS, FINGERPRINT, KEY, LINE, MAX_STRING_BYTES, ORDINAL, PAGE, PAGES, PASSAGES,
    PATH, PLACEHOLDER_VECTOR, QUESTIONS, RECORD, START, STEMS, TAG, TEXT, TITLE, VECTOR, WRITTEN,
};
use ingest::pipeline::EmbeddedArticle;
use ingest::{Article, ByteSpan, Fingerprint, LexicalText, Metadata, QaPair};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use store::{AnalyzerVersion, Language, StoredArticle};

/// The key of a passage or page. It depends on the contents, so writing the same row twice leaves
/// one row. Two different rows collide with probability 2⁻⁶².
pub fn row_key(article: &str, fingerprint: &str, part: &str, number: usize) -> i64 {
    let number = number.to_le_bytes();
    let Fingerprint(bytes) = Fingerprint::of([
        article.as_bytes(),
        fingerprint.as_bytes(),
        part.as_bytes(),
        &number,
    ]);
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    // At least 1, because 0 is the manifest's key, and below 2⁶², because some servers mishandle
    // larger keys.
    (i64::from_le_bytes(first) & (i64::MAX >> 1)) + 1
}

/// A passage to be written.
pub struct PassageRow {
    pub key: i64,
    article: String,
    fingerprint: String,
    tag: String,
    title: String,
    path: String,
    text: String,
    stems: String,
    ordinal: i64,
    start: i64,
    end: i64,
    line: i64,
    terms: Map<String, Json>,
    vector: Vec<f32>,
}

/// The longest prefix that fits into a string field.
fn truncate(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_STRING_BYTES)].to_owned()
}

impl PassageRow {
    /// Whether the passage belongs to the article with this id.
    pub fn belongs_to(&self, id: &str) -> bool {
        self.article == id
    }

    /// Roughly how many bytes the row takes in a message.
    pub fn message_bytes(&self) -> usize {
        self.text.len() + self.stems.len() + 4 * self.vector.len() + 1000
    }

    /// The rows of an article's passages. Fails with [`store::Error::MissingVector`].
    pub fn from_article(
        embedded: EmbeddedArticle,
        analyzer: AnalyzerVersion,
        language: Language,
    ) -> Result<Vec<Self>, store::Error> {
        let EmbeddedArticle {
            article,
            fingerprint,
            passages,
        } = embedded;
        let (fingerprint, (terms, _)) = (fingerprint.to_string(), metadata_terms(&article));
        let lexical = LexicalText::of(&article);
        let rows = passages.into_iter().enumerate().map(|(ordinal, passage)| {
            let text = passage.span.of(&article.text);
            let missing = || store::Error::MissingVector {
                article: article.id.clone(),
                ordinal,
            };
            Ok(Self {
                key: row_key(&article.id, &fingerprint, "passage", ordinal),
                article: article.id.clone(),
                fingerprint: fingerprint.clone(),
                tag: passage.fingerprint.to_string(),
                title: truncate(&article.title),
                path: truncate(&article.path),
                // A text that does not fit is read from the article instead.
                text: if text.len() > MAX_STRING_BYTES {
                    String::new()
                } else {
                    text.to_owned()
                },
                stems: truncate(&analyzer.passage_terms(
                    language,
                    &article.title,
                    &lexical.passage(passage.span),
                )),
                ordinal: ordinal as i64,
                start: passage.span.start as i64,
                end: passage.span.end as i64,
                line: passage.line as i64,
                terms: terms.clone(),
                vector: passage.vector.ok_or_else(missing)?,
            })
        });
        rows.collect()
    }

    /// The columns of these rows, without the stems.
    pub fn columns(rows: &[Self], dimensions: usize) -> Vec<FieldData> {
        let texts = |of: fn(&Self) -> &String| rows.iter().map(|row| of(row).clone()).collect();
        let values = |of: fn(&Self) -> i64| rows.iter().map(of).collect();
        vec![
            longs(KEY, values(|row| row.key)),
            strings(ARTICLE, texts(|row| &row.article)),
            strings(FINGERPRINT, texts(|row| &row.fingerprint)),
            strings(TAG, texts(|row| &row.tag)),
            strings(TITLE, texts(|row| &row.title)),
            strings(PATH, texts(|row| &row.path)),
            strings(TEXT, texts(|row| &row.text)),
            longs(ORDINAL, values(|row| row.ordinal)),
            longs(START, values(|row| row.start)),
            longs(END, values(|row| row.end)),
            longs(LINE, values(|row| row.line)),
            json(
                FACTS,
                rows.iter().map(|row| Json::Object(row.terms.clone())),
            ),
            vectors(
                VECTOR,
                dimensions,
                rows.iter()
                    .flat_map(|row| row.vector.iter().copied())
                    .collect(),
            ),
        ]
    }

    /// The column of stems, for servers with full-text search.
    pub fn stems_column(rows: &[Self]) -> FieldData {
        strings(STEMS, rows.iter().map(|row| row.stems.clone()).collect())
    }
}

/// An article as JSON, to be split into pages.
#[derive(Serialize, Deserialize)]
struct Record {
    title: String,
    text: String,
    body: Vec<ByteSpan>,
    record_line: Option<u64>,
    metadata: Metadata,
    questions: Vec<QaPair>,
    passages: Vec<ByteSpan>,
}

/// A page of an article's JSON; also the manifest, and a metadata field.
pub struct PageRow {
    pub key: i64,
    pub article: String,
    pub fingerprint: String,
    pub path: String,
    pub record: String,
    pub page: i64,
    pub pages: i64,
    pub passages: i64,
    pub questions: i64,
    pub written: i64,
    pub terms: Map<String, Json>,
}

impl PageRow {
    /// A row that belongs to no article.
    pub fn without_article(key: i64, record: String) -> Self {
        Self {
            key,
            article: String::new(),
            fingerprint: String::new(),
            path: String::new(),
            record,
            page: 0,
            pages: 1,
            passages: 0,
            questions: 0,
            written: 0,
            terms: Map::new(),
        }
    }

    /// The pages of an article. The first one comes last, because an article exists once its first
    /// page does.
    pub fn from_article(embedded: &EmbeddedArticle, written: i64) -> Vec<Self> {
        let EmbeddedArticle {
            article,
            fingerprint,
            passages,
        } = embedded;
        let record = Record {
            title: article.title.clone(),
            text: article.text.clone(),
            body: article.body.clone(),
            record_line: article.record_line,
            metadata: article.metadata.clone(),
            questions: article.questions.clone(),
            passages: passages.iter().map(|passage| passage.span).collect(),
        };
        // Serializing strings, numbers and lists cannot fail.
        let record = serde_json::to_string(&record).unwrap_or_default();
        let (mut pages, mut rest) = (Vec::new(), record.as_str());
        while !rest.is_empty() {
            let (page, after) = rest.split_at(rest.floor_char_boundary(MAX_STRING_BYTES));
            pages.push(page);
            rest = after;
        }
        let (count, fingerprint, (terms, _)) = (
            pages.len() as i64,
            fingerprint.to_string(),
            metadata_terms(article),
        );
        let rows = pages.into_iter().enumerate().map(|(number, page)| Self {
            key: row_key(&article.id, &fingerprint, "page", number),
            article: article.id.clone(),
            fingerprint: fingerprint.clone(),
            path: truncate(&article.path),
            record: page.to_owned(),
            page: number as i64,
            pages: count,
            passages: passages.len() as i64,
            questions: article.questions.len() as i64,
            written,
            terms: if number == 0 {
                terms.clone()
            } else {
                Map::new()
            },
        });
        let mut rows: Vec<_> = rows.collect();
        rows.reverse();
        rows
    }

    /// The columns of these rows.
    pub fn columns(rows: &[Self]) -> Vec<FieldData> {
        let texts = |of: fn(&Self) -> &String| rows.iter().map(|row| of(row).clone()).collect();
        let values = |of: fn(&Self) -> i64| rows.iter().map(of).collect();
        vec![
            longs(KEY, values(|row| row.key)),
            strings(ARTICLE, texts(|row| &row.article)),
            strings(FINGERPRINT, texts(|row| &row.fingerprint)),
            strings(PATH, texts(|row| &row.path)),
            strings(RECORD, texts(|row| &row.record)),
            longs(PAGE, values(|row| row.page)),
            longs(PAGES, values(|row| row.pages)),
            longs(PASSAGES, values(|row| row.passages)),
            longs(QUESTIONS, values(|row| row.questions)),
            longs(WRITTEN, values(|row| row.written)),
            json(
                FACTS,
                rows.iter().map(|row| Json::Object(row.terms.clone())),
            ),
            vectors(
                VECTOR,
                PLACEHOLDER_VECTOR.len(),
                rows.iter().flat_map(|_| PLACEHOLDER_VECTOR).collect(),
            ),
        ]
    }
}

/// Rebuilds an article from its pages in any order, with its fingerprint. Of several versions it
/// takes the last written one that is complete; `None` if there is none.
pub fn article(id: &str, columns: &Columns) -> Option<(String, StoredArticle)> {
    let (fingerprints, paths, records) = (
        columns.strings(FINGERPRINT),
        columns.strings(PATH),
        columns.strings(RECORD),
    );
    let (pages, counts, written) = (
        columns.longs(PAGE),
        columns.longs(PAGES),
        columns.longs(WRITTEN),
    );
    let mut rows: Vec<usize> = (0..pages.len()).collect();
    // In the order of [`crate::reader::ArticleVersions`].
    rows.sort_unstable_by(|&a, &b| {
        let version = |row: usize| (written.get(row), &fingerprints[row]);
        version(b).cmp(&version(a)).then(pages[a].cmp(&pages[b]))
    });
    let versions = rows
        .chunk_by(|&a, &b| fingerprints[a] == fingerprints[b] && written.get(a) == written.get(b));
    for version in versions {
        if version.len() as i64 != counts[version[0]] {
            continue;
        }
        let record: String = version.iter().map(|&row| records[row].as_str()).collect();
        let Ok(record) = serde_json::from_str::<Record>(&record) else {
            continue;
        };
        let Record {
            title,
            text,
            body,
            record_line,
            metadata,
            questions,
            passages,
        } = record;
        let path = paths[version[0]].clone();
        let article = Article {
            id: id.to_owned(),
            title,
            path,
            text,
            body,
            record_line,
            metadata,
            questions,
        };
        return Some((
            fingerprints[version[0]].clone(),
            StoredArticle { article, passages },
        ));
    }
    None
}

/// Parses a fingerprint of 32 hexadecimal digits.
pub fn parse_fingerprint(hex: &str) -> Fingerprint {
    let mut bytes = [0; 16];
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    Fingerprint(bytes)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use ingest::pipeline::Passage;

    /// An article with id `a` and a single passage.
    pub fn embedded(text: &str) -> EmbeddedArticle {
        let article = Article {
            id: "a".into(),
            title: "T".into(),
            path: "a.txt".into(),
            text: text.into(),
            body: vec![ByteSpan::new(0, text.len())],
            record_line: None,
            metadata: Metadata::new(),
            questions: Vec::new(),
        };
        let fingerprint = article.fingerprint("whole");
        let span = ByteSpan::new(0, text.len());
        let passage = Passage {
            span,
            line: 1,
            fingerprint,
            vector: Some(vec![1.0, 0.0]),
        };
        EmbeddedArticle {
            article,
            fingerprint,
            passages: vec![passage],
        }
    }

    #[test]
    fn an_article_with_a_missing_page_is_read_in_its_older_version() {
        let (old, new) = (
            embedded("short"),
            embedded(&"ünï \"code\" \n".repeat(20_000)),
        );
        let mut rows = PageRow::from_article(&new, 2);
        assert!(rows.len() > 3 && rows.iter().all(|row| row.record.len() <= MAX_STRING_BYTES));
        assert_eq!(
            rows.last().unwrap().page,
            0,
            "the first page is written last"
        );
        rows.extend(PageRow::from_article(&old, 1));
        let (fingerprint, stored) = article("a", &Columns(PageRow::columns(&rows))).unwrap();
        assert_eq!(
            (fingerprint, &stored.article),
            (new.fingerprint.to_string(), &new.article)
        );
        // With a page missing, the older version counts.
        rows.remove(0);
        let (fingerprint, stored) = article("a", &Columns(PageRow::columns(&rows))).unwrap();
        assert_eq!(
            (fingerprint, &stored.article),
            (old.fingerprint.to_string(), &old.article)
        );
        assert!(article("a", &Columns(Vec::new())).is_none());
    }

    #[test]
    fn row_keys_are_deterministic_and_distinct() {
        assert_eq!(row_key("a", "f", "page", 1), row_key("a", "f", "page", 1));
        let keys = [
            ("a", "f", "page", 1),
            ("a", "f", "page", 2),
            ("a", "f", "passage", 1),
            ("a", "g", "page", 1),
            ("b", "f", "page", 1),
        ];
        let mut keys: Vec<i64> = keys
            .iter()
            .map(|(a, f, p, n)| row_key(a, f, p, *n))
            .collect();
        assert!(keys.iter().all(|key| *key > 0 && *key < i64::MAX));
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 5);
    }

    #[test]
    fn a_passage_too_long_for_a_string_is_stored_without_its_text() {
        let rows = PassageRow::from_article(
            embedded(&"word ".repeat(20_000)),
            AnalyzerVersion::V2,
            Language::English,
        )
        .unwrap();
        assert!(rows[0].text.is_empty() && rows[0].stems.len() <= MAX_STRING_BYTES);
        let hex = rows[0].tag.clone();
        assert_eq!(parse_fingerprint(&hex).to_string(), hex);
    }
}
