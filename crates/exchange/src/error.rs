//! Errors of reading and writing exchange files.

use disk::PathError;
use ingest::ModelInfo;
use std::path::PathBuf;

/// This crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of an exchange file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An I/O error.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The file is not an exchange file, or of a newer format.
    #[error("{path}: {reason}; expected what nigh export or nigh embed wrote")]
    NotExchangeFile {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: HeaderError,
    },
    /// The file has rows but no header, and no row has one.
    #[error(
        "{path}: nothing in it says which model made its vectors, because another program wrote it anew; name the collection or the file that its rows come from with --header"
    )]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// One article is malformed; the others can still be read.
    #[error("{path}, {unit} {number}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What `number` counts.
        unit: RecordUnit,
        /// The number of the line or row, from 1.
        number: u64,
        /// What was expected, and what was found.
        reason: RowError,
    },
    /// An article to be written has a passage without a vector.
    #[error("article {article:?}: passage {ordinal} has no vector")]
    MissingVector {
        /// The article's id.
        article: String,
        /// The passage's position in the article, from 0.
        ordinal: usize,
    },
    /// This build does not include Parquet.
    #[error("{path}: this build does not support Parquet; build with `--features parquet`")]
    NotBuiltIn {
        /// The file.
        path: PathBuf,
    },
    /// An error of the Parquet library.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The library's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a file is not an exchange file that this program reads.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// There is not even a first line.
    #[error("no header in its first line: it is empty")]
    Empty,
    /// The first line is neither a header nor a row.
    #[error("no header in its first line: {0}")]
    FirstLine(serde_json::Error),
    /// The metadata of a Parquet file has something else under the header's key.
    #[error("no header in its metadata: {0}")]
    Metadata(serde_json::Error),
    /// A Parquet file has neither a header nor the columns of rows.
    #[error("no header in its metadata, and {0}")]
    NoHeaderNorColumns(ColumnError),
    /// A Parquet file has a header, but not the columns of rows.
    #[error(transparent)]
    Columns(ColumnError),
    /// The file is of a newer format.
    #[error("its format is {found}, and this program reads format {known}")]
    NewerFormat {
        /// The file's format.
        found: u64,
        /// The newest format that is read.
        known: u64,
    },
    /// The Parquet library panicked.
    #[error("its reader panicked")]
    Panicked,
}

/// A column that a Parquet file must have.
#[derive(Debug, thiserror::Error)]
pub enum ColumnError {
    /// It is not there.
    #[error("it has no column {name:?}")]
    Missing {
        /// The column.
        name: &'static str,
    },
    /// It has another type.
    #[error("expected {expected} in its column {name:?}, found {found}")]
    WrongType {
        /// The column.
        name: &'static str,
        /// The type as it is written here.
        expected: String,
        /// The column's type.
        found: String,
    },
}

/// What is wrong with a row, or with the article that it belongs to.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// It is not the JSON of a row.
    #[error("{0}")]
    Json(serde_json::Error),
    /// A line is too long.
    #[error("{bytes} bytes, over the limit of {limit}")]
    TooLong {
        /// Its length.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A column of text has other bytes.
    #[error("{column}: expected text, found {bytes} bytes that are not UTF-8")]
    NotText {
        /// The column.
        column: &'static str,
        /// The number of bytes.
        bytes: usize,
    },
    /// A column of numbers has one that is negative or not whole.
    #[error("{column}: expected a number from 0, found {found}")]
    NotANumber {
        /// The column.
        column: &'static str,
        /// The number.
        found: String,
    },
    /// A column of JSON has something else.
    #[error("{column}: {error}")]
    JsonColumn {
        /// The column.
        column: &'static str,
        /// Why it does not parse.
        error: serde_json::Error,
    },
    /// A row names no article.
    #[error("expected an article_id, found none")]
    NoArticleId,
    /// An article's vectors are of another model than the file's.
    #[error(
        "article {article:?} was embedded with the model {:?} ({}), and the file's others with {:?} ({})",
        found.name, found.hash, expected.name, expected.hash
    )]
    OtherModel {
        /// The article's id.
        article: String,
        /// Its model.
        found: Box<ModelInfo>,
        /// The file's.
        expected: Box<ModelInfo>,
    },
    /// A span lies outside of its article's text.
    #[error("article {article:?}: a span does not fit its text")]
    SpanOutsideText {
        /// The article's id.
        article: String,
    },
    /// A fingerprint is malformed.
    #[error("expected a fingerprint of 32 hexadecimal digits, found {found:?}")]
    Fingerprint {
        /// What is in its place.
        found: String,
    },
    /// A passage has no position in its article, or one beyond its end.
    #[error(
        "expected a passage of {article:?} with an ordinal below {passages}, found {}",
        found.map_or_else(|| "none".to_owned(), |found| found.to_string())
    )]
    Ordinal {
        /// The article's id.
        article: String,
        /// The number of passages that it has.
        passages: usize,
        /// The passage's position.
        found: Option<u64>,
    },
    /// A passage has no span or line.
    #[error("expected start, end and line of a passage, found none")]
    NoSpan,
    /// A passage's text is another one than its article has there.
    #[error("the text of a passage is not its article's at {start}..{end}")]
    OtherText {
        /// The start of its span, in bytes.
        start: usize,
        /// The end.
        end: usize,
    },
    /// A vector is not of the model's length.
    #[error("expected a vector of {expected} numbers, found {found}")]
    Dimensions {
        /// The model's dimensions.
        expected: usize,
        /// The vector's length.
        found: usize,
    },
    /// A passage is there twice.
    #[error("passage {ordinal} of {article:?} occurs twice")]
    PassageTwice {
        /// The article's id.
        article: String,
        /// The passage's position in it.
        ordinal: u64,
    },
    /// Rows of an article are missing.
    #[error("article {article:?}: expected {expected} passages, found {found}{}", far(*is_far))]
    PassagesMissing {
        /// The article's id.
        article: String,
        /// The number of passages that it has.
        expected: usize,
        /// How many of them were found.
        found: usize,
        /// Whether they may still follow, too far from the first to be kept in memory.
        is_far: bool,
    },
    /// The row of an article that has the article itself is missing.
    #[error("article {article:?}: expected one row with the article itself, found none{}", far(*is_far))]
    ArticleMissing {
        /// The article's id.
        article: String,
        /// Whether it may still follow, too far from the first row to be kept in memory.
        is_far: bool,
    },
}

fn far(is_far: bool) -> &'static str {
    if is_far {
        " within a part of the file that fits into memory: sort it by article_id"
    } else {
        ""
    }
}

/// What the records of a file are, as errors call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordUnit {
    /// Lines of JSON.
    Line,
    /// Rows of Parquet.
    Row,
}

impl std::fmt::Display for RecordUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Line => "line",
            Self::Row => "row",
        })
    }
}

impl Error {
    /// Whether the error concerns one article only, so that the rest of the file can still be read.
    pub fn is_recoverable(&self) -> bool {
        matches!(self, Self::Malformed { .. })
    }
}
