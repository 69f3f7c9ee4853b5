//! Reads files into articles, with one [`Reader`] per format.

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
pub mod sandbox;
mod text;
mod value;

pub(crate) use markdown::options as markdown_options;

use crate::article::{Article, ByteSpan};
use crate::format::Format;
use crate::walk::Source;
use crate::{Error, Result, encoding};
use disk::PathError;
use notes::{Code, Note};
use sandbox::Sandbox;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An item that a reader emits.
#[derive(Debug)]
pub enum Item {
    /// An article.
    Article(Box<Article>),
    /// The error of one record; reading goes on after it.
    Failed(Error),
    /// What was guessed, changed or omitted in reading.
    Note(Note),
}

impl From<Result<Article>> for Item {
    fn from(read: Result<Article>) -> Self {
        read.map_or_else(Self::Failed, |article| Self::Article(Box::new(article)))
    }
}

/// Makes a note about a file, or a line of it.
pub(crate) fn note(
    source: &Source,
    line: Option<u64>,
    code: Code,
    message: impl Into<String>,
) -> Note {
    Note::new(code, message).at(&source.name, line)
}

/// Receives each item; returns `Break` to stop reading.
pub type Emit<'a> = dyn FnMut(Item) -> ControlFlow<()> + 'a;

/// A reader of one format.
pub trait Reader {
    /// Passes every article of `source` to `emit`, in file order. Articles over `limit` bytes are
    /// reported as errors.
    ///
    /// # Errors
    /// If the file as a whole cannot be read: usually [`Error::Io`], [`Error::Malformed`],
    /// [`Error::Binary`], [`Error::TooLarge`] or [`Error::Empty`]. Errors of single records go to
    /// `emit`, and reading goes on.
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()>;
}

/// Files of embedded articles have their header under this key: in the metadata of a Parquet file,
/// in the first line of a JSON Lines file.
pub const EMBEDDED_ARTICLES_KEY: &str = "nigh";

/// Increased whenever a reader may give a different result for the same file, so that unchanged
/// files are read again.
pub const READER_VERSION: u32 = 3;

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

/// Reads the question-and-answer layout. A file that was only guessed to have it and does not is
/// read as plain text.
fn qa_or_text(source: &Source, text: String, notes: &mut Vec<Note>) -> Result<Article> {
    match qa::parse(source, &text) {
        Err(Error::Malformed { .. }) if source.is_format_guessed => {
            text::parse(source, text, notes)
        }
        parsed => parsed,
    }
}

/// Limits on reading one article. The `Debug` text is part of a stored key by which unchanged files
/// are recognized: renaming a field causes all files to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The maximum size of an article in bytes.
    pub bytes: u64,
    /// The time limit in seconds; applies in a [`Sandbox`] only.
    pub seconds: u64,
    /// The memory limit in bytes; applies in a [`Sandbox`] only.
    pub memory: u64,
}

impl Limits {
    /// The default limits: 16 MiB, 60 s, 2 GiB.
    pub const DEFAULT: Self = Self {
        bytes: 16 << 20,
        seconds: 60,
        memory: 2 << 30,
    };
}

/// Passes every article of `source` to `emit`, like [`Reader::read`], in `sandbox` if the format
/// needs one. A panic in a parser becomes an error.
///
/// # Errors
/// If the file as a whole cannot be read.
pub fn read(
    source: &Source,
    limits: Limits,
    sandbox: Option<&Sandbox>,
    emit: &mut Emit<'_>,
) -> Result<()> {
    match sandbox.filter(|_| sandbox::is_needed(source.format)) {
        Some(sandbox) => sandbox.read(source, limits, emit),
        None => read_in_process(source, limits.bytes, emit),
    }
}

/// Reads `source` in this process, whatever its format.
fn read_in_process(source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
    let read = catch_unwind(AssertUnwindSafe(|| {
        reader(source.format).read(source, limit, emit)
    }));
    read.unwrap_or_else(|_| Err(Error::malformed(&source.path, None, "its reader panicked")))
}

/// A reader for formats in which a file is a single article. The function parses the decoded text
/// and adds its notes to the vector.
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
    let bytes = std::fs::metadata(path).map_err(PathError::at(path))?.len();
    if bytes > limit {
        return Err(Error::TooLarge {
            path: path.clone(),
            line: None,
            bytes,
            limit,
        });
    }
    Ok(std::fs::read(path).map_err(PathError::at(path))?)
}

/// Emits the notes and the article of a single-article file.
fn hand_over(
    source: &Source,
    notes: impl IntoIterator<Item = Note>,
    article: Article,
    emit: &mut Emit<'_>,
) {
    let items = notes
        .into_iter()
        .map(Item::Note)
        .chain([reject_empty(source, article).into()]);
    // The file ends here, so it does not matter whether the receiver wants more.
    let _ = emit_all(items, emit);
}

/// Emits items until the receiver breaks.
fn emit_all(items: impl IntoIterator<Item = Item>, emit: &mut Emit<'_>) -> ControlFlow<()> {
    items.into_iter().try_for_each(emit)
}

/// Returns the article, or [`Error::Empty`] if its body is blank.
fn reject_empty(source: &Source, article: Article) -> Result<Article> {
    if article
        .body
        .iter()
        .all(|span| span.of(&article.text).trim().is_empty())
    {
        return Err(Error::Empty {
            path: source.path.clone(),
        });
    }
    Ok(article)
}

/// Makes an article of a whole file. The body is all of its text, except for a leading byte-order
/// mark.
fn one_file(source: &Source, title: String, text: String) -> Article {
    let start = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
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

/// A longer line is not taken for a title, in characters.
const MAX_TITLE_CHARS: usize = 120;

/// The title of a text: its first line if that is short enough, else the [file
/// name](title_from_name).
fn title_of(source: &Source, text: &str) -> String {
    let first = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty());
    match first {
        Some(line) if line.chars().count() <= MAX_TITLE_CHARS => line.to_owned(),
        _ => title_from_name(source),
    }
}

/// The file's name without its extension, with spaces for dashes and underscores.
fn title_from_name(source: &Source) -> String {
    let stem = source
        .path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    stem.replace(['-', '_'], " ")
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use std::path::Path;

    /// Reads `bytes` as a file called `name`. Returns the articles, and the errors and notes as
    /// text.
    pub fn read_bytes(name: &str, format: Format, bytes: &[u8]) -> (Vec<Article>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_path(&path, format, 1 << 20)
    }

    pub fn read_path(path: &Path, format: Format, limit: u64) -> (Vec<Article>, Vec<String>) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = Source {
            path: path.to_owned(),
            name,
            format,
            is_format_guessed: false,
            stat: Some(Default::default()),
        };
        let (mut articles, mut errors) = (Vec::new(), Vec::new());
        let folder = format!("{}/", path.parent().unwrap().display());
        let mut push = |message: String| errors.push(message.replace(&folder, ""));
        let result = reader(format).read(&source, limit, &mut |item| {
            match item {
                Item::Article(article) => articles.push(*article),
                Item::Failed(error) => push(error.to_string()),
                Item::Note(note) => push(format!("note: {note}")),
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = result {
            push(error.to_string());
        }
        for article in &articles {
            for pair in article.body.windows(2) {
                assert!(pair[0].end <= pair[1].start, "body spans in order");
            }
            assert!(
                article
                    .body
                    .iter()
                    .all(|s| article.text.get(s.start..s.end).is_some()),
                "body spans fit"
            );
        }
        (articles, errors)
    }
}
