//! Readers of office, mail, notebook and markup formats.
//!
//! Takes the bytes of a file and its [`Kind`]; gives plain text, titles and metadata as
//! [`Document`]s, and files within the file as [`EmbeddedFile`]s. Never touches the file system,
//! never opens embedded files of other formats, never panics on input.
//!
//! Each reader is a [`ReadFn`]. A damaged part is reported and the rest is read; content that is
//! skipped on purpose is reported as [`Extracted::Omitted`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod asciidoc;
mod blocks;
mod declared;
mod detect;
mod docx;
mod epub;
mod ipynb;
mod kinds;
mod latex;
mod lines;
mod mail;
mod man;
mod mbox;
mod meta;
mod odf;
mod ooxml;
mod org;
mod package;
mod pptx;
mod prose;
mod rst;
mod rtf;
mod subtitles;
mod text;
mod xlsx;
mod xml;
mod zipped;

pub use declared::declared_encoding;
pub use detect::{Kind, detect, unsupported_kind};
pub use kinds::kind_name;
pub use prose::is_prose;

use std::ops::ControlFlow;

/// One text to index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Its name in its file: a chapter's path, a sheet's name, the number of a message. `None` for
    /// the file itself.
    pub name: Option<String>,
    /// One line; `None` if the file has no title, or only a placeholder such as "Document1".
    pub title: Option<String>,
    /// Paragraphs separated by blank lines; tables have one row per line, with ` | ` between the
    /// cells.
    pub text: String,
    /// Names and values, in the order they were found.
    pub metadata: Vec<(String, String)>,
    /// The line of the file on which it begins, from 1, in formats where that is meaningful
    /// (mbox).
    pub line: Option<u64>,
}

/// A file within the file: a member of an archive, or an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// Its path in the archive, or the attachment's name. Never absolute, never contains `..`.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// The line of the outer file on which the containing message begins, from 1, if known.
    pub line: Option<u64>,
}

/// One thing that a reader extracts from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extracted {
    /// A text to index.
    Document(Document),
    /// A file within the file, to be read by the reader of its own format.
    EmbeddedFile(EmbeddedFile),
    /// Content skipped on purpose, for people: "2 embedded images".
    Omitted(String),
}

/// Why a file, or one part of it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// The line of the file, from 1, if known.
    pub line: Option<u64>,
    /// What was expected and what was found. Does not name the file.
    pub message: String,
}

impl ReadError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            line: None,
            message: message.into(),
        }
    }

    /// Prefixes the message with the name of the part it is about.
    fn in_part(self, part: &str) -> Self {
        Self {
            message: format!("{part}: {}", self.message),
            ..self
        }
    }
}

/// Limits and callbacks for a reader.
pub struct Context<'a> {
    /// Extracts the title and the text of an HTML page.
    pub extract_html: &'a dyn Fn(&str) -> (String, String),
    /// Size limit of one text, in bytes.
    pub max_text_bytes: u64,
    /// Limit on the total unpacked size of a compressed file, in bytes.
    pub max_unpacked_bytes: u64,
    /// How many archives the file is nested in; 0 for a file on disk.
    pub archive_depth: u32,
}

/// Receives each extracted item, or the error of one part; returns `Break` to stop reading.
pub type Emit<'a> = dyn FnMut(Result<Extracted, ReadError>) -> ControlFlow<()> + 'a;

/// The signature of every reader. Fails only if the file as a whole cannot be read.
pub type ReadFn = fn(&[u8], &Context<'_>, &mut Emit<'_>) -> Result<(), ReadError>;

/// Reads `bytes`, a file of the given kind, and passes its content to `emit`. The bytes of [text
/// formats](Kind::is_text) must be UTF-8.
///
/// # Errors
/// [`ReadError`] if the file as a whole cannot be read. Errors of single parts go to `emit`.
pub fn read(
    kind: Kind,
    bytes: &[u8],
    context: &Context<'_>,
    emit: &mut Emit<'_>,
) -> Result<(), ReadError> {
    let reader: ReadFn = match kind {
        Kind::Docx => docx::read,
        Kind::Pptx => pptx::read,
        Kind::Xlsx => xlsx::read,
        Kind::Odf => odf::read,
        Kind::FlatOdf => odf::read_flat,
        Kind::Epub => epub::read,
        Kind::Rtf => rtf::read,
        Kind::Eml => mail::read,
        Kind::Mbox => mbox::read,
        Kind::Ipynb => ipynb::read,
        Kind::Srt => subtitles::read_srt,
        Kind::Vtt => subtitles::read_vtt,
        Kind::Org => org::read,
        Kind::Rst => rst::read,
        Kind::AsciiDoc => asciidoc::read,
        Kind::Man => man::read,
        Kind::Latex => latex::read,
        Kind::Zip => zipped::read,
    };
    reader(bytes, context, emit)
}

/// Emits a document, or an error if it is over the size limit.
fn emit_document(
    document: Document,
    context: &Context<'_>,
    emit: &mut Emit<'_>,
) -> ControlFlow<()> {
    let bytes = document.text.len() as u64;
    if bytes <= context.max_text_bytes {
        return emit(Ok(Extracted::Document(document)));
    }
    let message = format!(
        "{bytes} bytes in one article, over the limit of {}",
        context.max_text_bytes
    );
    let error = ReadError {
        line: document.line,
        message,
    };
    emit(Err(match &document.name {
        Some(name) => error.in_part(name),
        None => error,
    }))
}

/// Reports omitted content, if there is any: "1 embedded image", "2 embedded images".
fn emit_omitted(
    count: usize,
    singular: &str,
    plural: &str,
    emit: &mut Emit<'_>,
) -> ControlFlow<()> {
    match count {
        0 => ControlFlow::Continue(()),
        1 => emit(Ok(Extracted::Omitted(format!("1 {singular}")))),
        _ => emit(Ok(Extracted::Omitted(format!("{count} {plural}")))),
    }
}

#[cfg(test)]
mod testing;
