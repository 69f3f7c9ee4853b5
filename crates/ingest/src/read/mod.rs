//! A source to articles: one reader a format, all behind [`Reader`].

pub mod sandbox;
mod csv;
mod documents;
mod front_matter;
mod html;
mod json;
mod jsonl;
pub mod lines;
mod markdown;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "no_parquet.rs"]
mod parquet;
mod pdf;
mod qa;
mod record;
mod text;
mod value;

pub(crate) use markdown::options as markdown_options;

use crate::article::{Article, ByteSpan};
use crate::format::Format;
use crate::walk::Source;
use crate::{Error, Result, encoding};
use notes::{Code, Note};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a reader gives.
#[derive(Debug)]
pub enum Item {
    /// An article.
    Article(Box<Article>),
    /// What is wrong with one record.
    Failed(Error),
    /// What was guessed, changed or left out in what comes before or after it.
    Note(Note),
}

impl From<Result<Article>> for Item {
    fn from(read: Result<Article>) -> Self {
        read.map_or_else(Self::Failed, |article| Self::Article(Box::new(article)))
    }
}

/// A note about a file, or a line of it.
pub(crate) fn note(source: &Source, line: Option<u64>, code: Code, message: impl Into<String>) -> Note {
    Note::new(code, message).at(&source.name, line)
}

/// Takes each item; breaks to stop the reading.
pub type Emit<'a> = dyn FnMut(Item) -> ControlFlow<()> + 'a;

/// Reads one format.
pub trait Reader {
    /// Hands every article of `source` to `emit`, in the order of the file. No article over
    /// `limit` bytes is held in memory.
    ///
    /// # Errors
    /// When the file as a whole cannot be read. What is wrong with one record alone goes to
    /// `emit`, and reading goes on after it.
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()>;
}

/// The key in the metadata of a Parquet file, and in the first line of a JSON lines file, under which embedded articles
/// have their header.
pub const EMBEDDED_ARTICLES_KEY: &str = "nigh";

/// Grows whenever a file may be read otherwise than before.
pub const READER_VERSION: u32 = 2;

/// The reader of a format.
pub fn reader(format: Format) -> &'static dyn Reader {
    match format {
        Format::Qa => &WholeFile(qa_or_text),
        Format::Text => &WholeFile(text::parse),
        Format::Markdown => &WholeFile(markdown::parse),
        Format::Html => &html::Html,
        Format::Pdf => &pdf::Pdf,
        Format::Jsonl | Format::Beir => &jsonl::Jsonl,
        Format::Csv => &csv::Csv,
        Format::Parquet => &parquet::Parquet,
        Format::Document(_) => &documents::Documents,
    }
}

/// Where the layout was only a guess from the beginning of a file, one that does not keep to it is text like any other.
fn qa_or_text(source: &Source, text: String, notes: &mut Vec<Note>) -> Result<Article> {
    match qa::parse(source, &text) {
        Err(Error::Malformed { .. }) if source.is_format_guessed => text::parse(source, text, notes),
        parsed => parsed,
    }
}

/// What reading an article may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The most bytes of it.
    pub bytes: u64,
    /// How long reading it may take, where it is read [`sandbox`].
    pub seconds: u64,
    /// How many bytes of memory that may need.
    pub memory: u64,
}

impl Limits {
    /// Sixteen megabytes, a minute, two gigabytes.
    pub const DEFAULT: Self = Self { bytes: 16 << 20, seconds: 60, memory: 2 << 30 };
}

/// What is wrong with a file or record, without the file's name.
#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    line: Option<u64>,
    problem: String,
}

impl Failure {
    fn new(error: &Error) -> Self {
        Self { line: error.line(), problem: error.problem() }
    }

    fn of(self, path: &std::path::Path) -> Error {
        Error::malformed(path, self.line, self.problem)
    }
}

/// Hands every article of `source` to `emit`, as [`Reader::read`] does. The parsers of other people's formats are
/// other people's code: a panic in one becomes an error.
///
/// # Errors
/// When the file as a whole cannot be read.
pub fn read(source: &Source, limits: Limits, emit: &mut Emit<'_>) -> Result<()> {
    if sandbox::is_sandboxed(source.format) {
        return sandbox::read(source, limits, emit);
    }
    read_in_process(source, limits.bytes, emit)
}

fn read_in_process(source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
    let read = catch_unwind(AssertUnwindSafe(|| reader(source.format).read(source, limit, emit)));
    read.unwrap_or_else(|_| Err(Error::malformed(&source.path, None, "its reader panicked")))
}

/// A reader of formats in which a file is one article, from the decoded text of that file. What there is to note is
/// added to the notes.
struct WholeFile(fn(&Source, String, &mut Vec<Note>) -> Result<Article>);

impl Reader for WholeFile {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let decoded = encoding::decode(source, bytes_of(source, limit)?)?;
        let mut notes: Vec<Note> = decoded.note.into_iter().collect();
        let article = (self.0)(source, decoded.text, &mut notes)?;
        hand_over(source, notes, article, emit);
        Ok(())
    }
}

fn bytes_of(source: &Source, limit: u64) -> Result<Vec<u8>> {
    let path = &source.path;
    let bytes = std::fs::metadata(path).map_err(Error::io(path))?.len();
    if bytes > limit {
        return Err(Error::TooLarge { path: path.clone(), line: None, bytes, limit });
    }
    std::fs::read(path).map_err(Error::io(path))
}

/// Hands over the article of a file, and what there is to note of it.
fn hand_over(source: &Source, notes: impl IntoIterator<Item = Note>, article: Article, emit: &mut Emit<'_>) {
    let items = notes.into_iter().map(Item::Note).chain([reject_empty(source, article).into()]);
    // Nothing more is read either way.
    let _ = emit_all(items, emit);
}

/// Hands items over until one is not taken.
fn emit_all(items: impl IntoIterator<Item = Item>, emit: &mut Emit<'_>) -> ControlFlow<()> {
    items.into_iter().try_for_each(emit)
}

/// An article with something in it, or an error.
fn reject_empty(source: &Source, article: Article) -> Result<Article> {
    if article.body.iter().all(|span| span.of(&article.text).trim().is_empty()) {
        return Err(Error::Empty { path: source.path.clone() });
    }
    Ok(article)
}

/// An article that is one file, with all of its text as body (a leading byte-order mark aside).
fn one_file(source: &Source, title: String, text: String) -> Article {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let body = vec![ByteSpan::new(start, text.len())];
    Article {
        id: source.name.clone(),
        title,
        path: source.name.clone(),
        text,
        body,
        record_line: None,
        metadata: Default::default(),
        questions: Vec::new(),
    }
}

/// The longest line that passes for a title, in characters.
const TITLE_CHARS: usize = 120;

/// The first line of `text` if it is short enough for a title, else the file's name without its
/// extension, with spaces for dashes and underscores.
fn title_of(source: &Source, text: &str) -> String {
    let first = text.trim_start_matches('\u{feff}').lines().map(str::trim).find(|line| !line.is_empty());
    match first {
        Some(line) if line.chars().count() <= TITLE_CHARS => line.to_owned(),
        _ => title_from_name(source),
    }
}

fn title_from_name(source: &Source) -> String {
    let stem = source.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.replace(['-', '_'], " ")
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use std::path::Path;

    /// What a reader makes of `bytes` in a file called `name`: articles, then errors and notes as text.
    pub fn read_bytes(name: &str, format: Format, bytes: &[u8]) -> (Vec<Article>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_path(&path, format, 1 << 20)
    }

    pub fn read_path(path: &Path, format: Format, limit: u64) -> (Vec<Article>, Vec<String>) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = Source { path: path.to_owned(), name, format, is_format_guessed: false, stat: Some(Default::default()) };
        let (mut articles, mut errors) = (Vec::new(), Vec::new());
        let folder = format!("{}/", path.parent().unwrap().display());
        let mut note = |said: String| errors.push(said.replace(&folder, ""));
        let result = reader(format).read(&source, limit, &mut |item| {
            match item {
                Item::Article(article) => articles.push(*article),
                Item::Failed(error) => note(error.to_string()),
                Item::Note(said) => note(format!("note: {said}")),
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = result {
            note(error.to_string());
        }
        for article in &articles {
            for pair in article.body.windows(2) {
                assert!(pair[0].end <= pair[1].start, "body spans in order");
            }
            assert!(article.body.iter().all(|s| article.text.get(s.start..s.end).is_some()), "body spans fit");
        }
        (articles, errors)
    }
}
