//! PDF: the text of its pages, in the order it is read, with what was typed into forms and noted on pages.
//!
//! The file's structure, its encryption and its fonts are read by the `hayro` crates. What they give are letters and
//! their places; that these are words, lines and columns is found here: [`content`] gathers the letters, [`lines`] makes
//! words and rows of them, [`columns`] puts these in order, [`running`] takes out what only repeats, and [`hyphens`]
//! makes divided words whole.

mod columns;
mod content;
mod fonts;
mod forms;
mod hyphens;
mod info;
mod letters;
mod lines;
mod running;
#[cfg(test)]
mod tests;
mod tokens;

use columns::Line;
use content::Interpreter;
use fonts::Fonts;
use hayro_font::kurbo::{Affine, Point};
use hayro_syntax::page::Page;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use notes::Code;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The parser recurses with the file's own nesting, so it gets a thread with a stack of its own.
const PARSER_STACK_BYTES: usize = 64 << 20;
/// Lines and areas that a page without text has at least, if it is not just empty but for a rule or a frame.
const MIN_DRAWN_STROKES: usize = 50;

/// What a PDF says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Document {
    /// The text of each page; empty where it has none.
    pub pages: Vec<String>,
    /// Pages that show something but have no text layer, counted from 1.
    pub pages_without_text: Vec<usize>,
    /// Its title, if it is a real content.
    pub title: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// The day that it was made, as `2024-05-31`.
    pub created: Option<String>,
    /// What was left out, in plain words.
    pub notes: Vec<(Code, String)>,
}

/// Why a PDF cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PdfError {
    /// It opens with a password only.
    PasswordProtected,
    /// It is no PDF, or too broken.
    Damaged(String),
}

impl std::fmt::Display for PdfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PasswordProtected => f.write_str("it is locked with a password"),
            Self::Damaged(said) => write!(f, "not a readable PDF: {said}"),
        }
    }
}

impl std::error::Error for PdfError {}

/// Reads the text of a PDF.
///
/// # Errors
/// When it is locked, or no PDF. A page that cannot be read costs itself alone, and is noted.
pub fn read(bytes: &[u8]) -> Result<Document, PdfError> {
    let broken = |said: &str| PdfError::Damaged(said.to_owned());
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new().name("pdf".to_owned()).stack_size(PARSER_STACK_BYTES);
        let reading = reading.spawn_scoped(scope, || read_document(bytes)).map_err(|e| PdfError::Damaged(e.to_string()))?;
        reading.join().unwrap_or_else(|_| Err(broken("its structure is broken")))
    })
}

fn read_document(bytes: &[u8]) -> Result<Document, PdfError> {
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => PdfError::PasswordProtected,
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => {
            PdfError::Damaged("it is encrypted in a way that is not known".to_owned())
        }
        LoadPdfError::Decryption(_) => PdfError::Damaged("its encryption is broken".to_owned()),
        LoadPdfError::Invalid => PdfError::Damaged("its structure is broken".to_owned()),
    })?;
    if pdf.pages().is_empty() {
        return Err(PdfError::Damaged("it has no pages".to_owned()));
    }
    let mut document = Document::default();
    let mut pages: Vec<Vec<Line>> = Vec::new();
    let mut extras: Vec<Vec<String>> = Vec::new();
    let mut unreadable_pages = Vec::new();
    let mut truncated_pages = Vec::new();
    let mut unmapped_pages = Vec::new();
    let mut outside_pages = Vec::new();
    let mut seen = forms::Seen::new();
    let mut fonts = Fonts::default();
    for (index, page) in pdf.pages().iter().enumerate() {
        let read = catch_unwind(AssertUnwindSafe(|| read_page(page, &fonts)));
        let extra = catch_unwind(AssertUnwindSafe(|| forms::annotation_texts(page, &fonts, &mut seen)));
        match read {
            Ok(content) => {
                if content.lines.is_empty() && content.has_graphics {
                    document.pages_without_text.push(index + 1);
                }
                if content.mostly_unmapped {
                    unmapped_pages.push(index + 1);
                }
                if content.has_text_outside {
                    outside_pages.push(index + 1);
                }
                if content.truncated {
                    truncated_pages.push(index + 1);
                }
                pages.push(content.lines);
            }
            Err(_) => {
                // What the page left half done must not be met again.
                fonts = Fonts::default();
                unreadable_pages.push(index + 1);
                pages.push(Vec::new());
            }
        }
        extras.push(extra.unwrap_or_default());
    }
    if let Some(last) = extras.last_mut() {
        last.extend(catch_unwind(AssertUnwindSafe(|| forms::unseen_field_values(&pdf, &mut seen))).unwrap_or_default());
    }
    let running = running::remove_running_lines(&mut pages);
    hyphens::join_divided_words(&mut pages);
    document.pages = pages.iter().zip(extras).map(|(lines, extra)| page_text(lines, &extra)).collect();
    let info = catch_unwind(AssertUnwindSafe(|| (info::document_info(&pdf), forms::is_xfa(&pdf))));
    if let Ok(((title, author, created), xfa)) = info {
        (document.title, document.author, document.created) = (title, author, created);
        if xfa {
            let said = "its XFA form is not read, only its plain fields";
            document.notes.push((Code::PartLeftOut, said.to_owned()));
        }
    }
    let of = pdf.pages().len();
    let about = |code, pages: &[usize], what| describe_pages(pages, of, what).map(|said| (code, said));
    let running = (running > 0).then(|| format!("{running} running heads and page numbers left out"));
    document.notes.extend(
        [
            about(Code::PageUnreadable, &unreadable_pages, "cannot be read"),
            about(Code::PageTruncated, &truncated_pages, "hold more than is read of one page"),
            about(Code::UnmappedText, &unmapped_pages, "hold letters that the file tells no text of"),
            about(Code::PartLeftOut, &outside_pages, "have text outside the sheet, which is left out"),
            running.map(|said| (Code::PartLeftOut, said)),
            about(Code::NoText, &document.pages_without_text, "have no text layer"),
        ]
        .into_iter()
        .flatten(),
    );
    Ok(document)
}

/// Says which pages something is wrong with, if any.
fn describe_pages(pages: &[usize], of: usize, what: &str) -> Option<String> {
    let named: Vec<String> = pages.iter().take(20).map(usize::to_string).collect();
    let more = if pages.len() > named.len() { ", …" } else { "" };
    (!pages.is_empty()).then(|| format!("{} of {of} pages {what}: {}{more}", pages.len(), named.join(", ")))
}

/// A page: its lines, and whether it has_graphics anything at all.
struct PageContent {
    lines: Vec<Line>,
    has_graphics: bool,
    /// Whether there was more than is followed,
    truncated: bool,
    /// and whether much of it are letters that the file tells no text of.
    mostly_unmapped: bool,
    /// Whether something is written where nobody sees it.
    has_text_outside: bool,
}

fn read_page<'a>(page: &Page<'a>, fonts: &Fonts<'a>) -> PageContent {
    let start = Affine::new(page.initial_transform(false).as_coeffs());
    let mut interpreter = Interpreter::new(fonts, start);
    if let Some(content) = page.page_stream() {
        interpreter.run(content, page.resources());
    }
    let mut drawn = interpreter.drawn;
    // What is outside the sheet is not shown. What is outside its crop box may be: it is kept, as other readers do.
    let media = page.media_box();
    let corners = [(media.x0, media.y0), (media.x1, media.y1)].map(|corner| start * Point::from(corner));
    let within = |at: f64, a: f64, b: f64, size: f64| at > a.min(b) - size && at < a.max(b) + size;
    let all = drawn.glyphs.len();
    drawn
        .glyphs
        .retain(|g| within(g.x, corners[0].x, corners[1].x, g.size) && within(g.y, corners[0].y, corners[1].y, g.size));
    let outside = all - drawn.glyphs.len();
    let has_graphics = drawn.images > 0 || drawn.strokes >= MIN_DRAWN_STROKES || drawn.unmapped_glyphs > 0;
    let mut lines = Vec::new();
    for (place, group) in lines::group_by_direction(&drawn.glyphs).into_iter().enumerate() {
        let from = lines.len();
        lines.extend(columns::lines(group.rows));
        if place > 0 {
            // Only what runs along with the page can be its running head.
            lines[from..].iter_mut().for_each(|l| l.is_off_axis = true);
        }
    }
    lines.retain(|l| !l.text.trim().is_empty());
    let mostly_unmapped = !lines.is_empty() && drawn.unmapped_glyphs > drawn.glyphs.len() / 2;
    PageContent { lines, has_graphics, truncated: drawn.truncated, mostly_unmapped, has_text_outside: outside > 0 }
}

/// Lines as text: a new line each, a blank line where a paragraph begins.
fn page_text(lines: &[Line], extra: &[String]) -> String {
    let mut out = String::new();
    let mut full = false;
    for line in lines {
        let text = line.text.trim();
        if let (Some(last), Some(first)) = (out.chars().next_back(), text.chars().next()) {
            // Scripts without spaces go on at the line's end as within the line.
            if line.starts_block {
                out.push_str("\n\n");
            } else if !(full && letters::is_spaceless(last) && letters::is_spaceless(first)) {
                out.push('\n');
            }
        }
        full = line.reaches_edge;
        out.push_str(text);
    }
    for text in extra.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        out.push_str(text);
    }
    out
}
