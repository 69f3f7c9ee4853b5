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
mod reader;
mod record;
pub mod sandbox;
mod text;
mod value;
mod whole_file;

pub(crate) use markdown::options as markdown_options;
pub use reader::{EMBEDDED_ARTICLES_KEY, Emit, Item, Limits, Reader};

use crate::article::Article;
use crate::format::Format;
use crate::source::Source;
use crate::{Error, Result};
use notes::Note;
use sandbox::Sandbox;
use std::panic::{AssertUnwindSafe, catch_unwind};
use whole_file::WholeFile;

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

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use std::ops::ControlFlow;
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
