//! Readers of document formats: bytes in; plain text, titles and metadata out.
//!
//! Each reader is a function of the form [`ReadFn`]. A broken part of a file costs itself alone; what is left out on
//! purpose is said in a [`Extracted::Omitted`].

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

/// A heading within the text of a [`Document`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Where its text begins, in bytes.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// 1 for the highest.
    pub level: u8,
}

/// A text to be indexed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// What it is called within its file: a chapter's path, a sheet's name, a mail's number. `None` for the file itself.
    pub name: Option<String>,
    /// One line; `None` where the format has none, or only one that the program made up.
    pub title: Option<String>,
    /// Paragraphs with a blank line between them; a table's rows one a line, with ` | ` between the cells.
    pub text: String,
    /// What the format says about it, in the order in which it was found.
    pub metadata: Vec<(String, String)>,
    /// The line of the file on which it begins, where that means something.
    pub line: Option<u64>,
    /// The headings in `text`, in order.
    pub headings: Vec<Heading>,
}

/// A file within the file, for the reader of its own format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// Its path in the archive, or the attachment's name. Never absolute, never with `..` in it.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The line of the file on which what holds it begins, where that means something.
    pub line: Option<u64>,
}

/// What a reader finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extracted {
    /// A text.
    Document(Document),
    /// A file within the file.
    EmbeddedFile(EmbeddedFile),
    /// What was left out on purpose: "2 embedded images".
    Omitted(String),
}

/// What is wrong with a file, or with one part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// The line of the file.
    pub line: Option<u64>,
    /// What was expected, and what was found.
    pub message: String,
}

impl ReadError {
    fn new(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    /// The same error, said of a part.
    fn in_part(self, part: &str) -> Self {
        Self { message: format!("{part}: {}", self.message), ..self }
    }
}

/// What a reader may need and use.
pub struct Context<'a> {
    /// The title and the text of an HTML page.
    pub extract_html: &'a dyn Fn(&str) -> (String, String),
    /// The most bytes of one text.
    pub max_text_bytes: u64,
    /// The most bytes that everything in a compressed file may come to.
    pub max_unpacked_bytes: u64,
    /// In how many archives the file itself stands.
    pub archive_depth: u32,
}

/// Takes what was found, or what is wrong with one part; breaks to stop the reading.
pub type Emit<'a> = dyn FnMut(Result<Extracted, ReadError>) -> ControlFlow<()> + 'a;

/// A reader. It fails when the file as a whole cannot be read.
pub type ReadFn = fn(&[u8], &Context<'_>, &mut Emit<'_>) -> Result<(), ReadError>;

/// Hands everything in `bytes`, a file of the given kind, to `emit`. A [text](Kind::is_text) is in UTF-8.
///
/// # Errors
/// When the file as a whole cannot be read.
pub fn read(kind: Kind, bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
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

/// Hands over a document, unless it is longer than the limit; says whether to go on.
fn emit_document(document: Document, context: &Context<'_>, emit: &mut Emit<'_>) -> ControlFlow<()> {
    let bytes = document.text.len() as u64;
    if bytes <= context.max_text_bytes {
        return emit(Ok(Extracted::Document(document)));
    }
    let message = format!("{bytes} bytes in one article, over the limit of {}", context.max_text_bytes);
    let error = ReadError { line: document.line, message };
    emit(Err(match &document.name {
        Some(name) => error.in_part(name),
        None => error,
    }))
}

/// Says what was left out, if there was any of it: "1 embedded image", "2 embedded images".
fn emit_omitted(count: usize, singular: &str, plural: &str, emit: &mut Emit<'_>) -> ControlFlow<()> {
    match count {
        0 => ControlFlow::Continue(()),
        1 => emit(Ok(Extracted::Omitted(format!("1 {singular}")))),
        _ => emit(Ok(Extracted::Omitted(format!("{count} {plural}")))),
    }
}

#[cfg(test)]
mod testing;
