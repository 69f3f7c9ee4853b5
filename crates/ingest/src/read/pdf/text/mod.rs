//! Extracts the text of PDF pages in reading order, with form values and annotations.
//!
//! The `hayro` crates read the file structure, encryption and fonts, and give positioned glyphs.
//! Words, lines and columns are reconstructed here: [`content`] collects the glyphs, [`lines`]
//! groups them into words and rows, [`columns`] puts the rows in reading order, [`running`] removes
//! running heads, and [`hyphens`] rejoins divided words.

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

/// The stack size of the parser thread in bytes. The parser recurses with the nesting of the file.
const PARSER_STACK_BYTES: usize = 64 << 20;
/// A page without text but with at least this many painted paths counts as having content. Fewer
/// are a rule or a frame on an empty page.
const MIN_DRAWN_STROKES: usize = 50;

/// The text and metadata of a PDF.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Document {
    /// The text of each page; empty if it has none.
    pub pages: Vec<String>,
    /// Pages, from 1, that show something but have no text layer.
    pub pages_without_text: Vec<usize>,
    /// The title, unless it is a placeholder.
    pub title: Option<String>,
    /// The author, unless it is a placeholder.
    pub author: Option<String>,
    /// The creation date, as `2024-05-31`.
    pub created: Option<String>,
    /// What was omitted or could not be read, as notes.
    pub notes: Vec<(Code, String)>,
}

/// Why a PDF cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PdfError {
    /// It is encrypted with a password.
    PasswordProtected,
    /// It is not a PDF, or too damaged; says how.
    Damaged(String),
}

impl std::fmt::Display for PdfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PasswordProtected => f.write_str("it is protected by a password"),
            Self::Damaged(reason) => write!(f, "not a readable PDF: {reason}"),
        }
    }
}

impl std::error::Error for PdfError {}

/// Extracts the text of a PDF.
///
/// # Errors
/// [`PdfError`] if the file is encrypted with a password, is not a PDF, or is too damaged. Pages
/// that cannot be read are noted and skipped.
pub fn read(bytes: &[u8]) -> Result<Document, PdfError> {
    let damaged = |reason: &str| PdfError::Damaged(reason.to_owned());
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new()
            .name("pdf".to_owned())
            .stack_size(PARSER_STACK_BYTES);
        let reading = reading
            .spawn_scoped(scope, || read_document(bytes))
            .map_err(|e| PdfError::Damaged(e.to_string()))?;
        reading
            .join()
            .unwrap_or_else(|_| Err(damaged("its structure is broken")))
    })
}

fn read_document(bytes: &[u8]) -> Result<Document, PdfError> {
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => PdfError::PasswordProtected,
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => {
            PdfError::Damaged("its encryption is not supported".to_owned())
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
        let extra = catch_unwind(AssertUnwindSafe(|| {
            forms::annotation_texts(page, &fonts, &mut seen)
        }));
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
                // The font cache may be inconsistent after a panic.
                fonts = Fonts::default();
                unreadable_pages.push(index + 1);
                pages.push(Vec::new());
            }
        }
        extras.push(extra.unwrap_or_default());
    }
    if let Some(last) = extras.last_mut() {
        last.extend(
            catch_unwind(AssertUnwindSafe(|| {
                forms::unseen_field_values(&pdf, &mut seen)
            }))
            .unwrap_or_default(),
        );
    }
    let running = running::remove_running_lines(&mut pages);
    hyphens::join_divided_words(&mut pages);
    document.pages = pages
        .iter()
        .zip(extras)
        .map(|(lines, extra)| page_text(lines, &extra))
        .collect();
    let info = catch_unwind(AssertUnwindSafe(|| {
        (info::document_info(&pdf), forms::is_xfa(&pdf))
    }));
    if let Ok(((title, author, created), xfa)) = info {
        (document.title, document.author, document.created) = (title, author, created);
        if xfa {
            let message = "XFA form data is not read, only plain form fields";
            document.notes.push((Code::PartLeftOut, message.to_owned()));
        }
    }
    let of = pdf.pages().len();
    let about = |code, pages: &[usize], what| {
        describe_pages(pages, of, what).map(|message| (code, message))
    };
    let running =
        (running > 0).then(|| format!("{running} running heads and page numbers left out"));
    document.notes.extend(
        [
            about(Code::PageUnreadable, &unreadable_pages, "cannot be read"),
            about(
                Code::PageTruncated,
                &truncated_pages,
                "exceed the limits and are read only in part",
            ),
            about(
                Code::UnmappedText,
                &unmapped_pages,
                "contain characters without a known text",
            ),
            about(
                Code::PartLeftOut,
                &outside_pages,
                "have text outside the page area, which is left out",
            ),
            running.map(|message| (Code::PartLeftOut, message)),
            about(
                Code::NoText,
                &document.pages_without_text,
                "have no text layer",
            ),
        ]
        .into_iter()
        .flatten(),
    );
    Ok(document)
}

/// A message about the given pages; `None` if there are none. Lists at most 20 of them.
fn describe_pages(pages: &[usize], of: usize, what: &str) -> Option<String> {
    let named: Vec<String> = pages.iter().take(20).map(usize::to_string).collect();
    let more = if pages.len() > named.len() {
        ", …"
    } else {
        ""
    };
    (!pages.is_empty()).then(|| {
        format!(
            "{} of {of} pages {what}: {}{more}",
            pages.len(),
            named.join(", ")
        )
    })
}

/// The content of a page.
struct PageContent {
    lines: Vec<Line>,
    /// Whether there are images, enough painted paths, or glyphs without known text.
    has_graphics: bool,
    /// Whether the page exceeds the limits and was read only in part.
    truncated: bool,
    /// Whether the glyphs without known text are more than half as many as the others.
    mostly_unmapped: bool,
    /// Whether there is text outside the media box.
    has_text_outside: bool,
}

fn read_page<'a>(page: &Page<'a>, fonts: &Fonts<'a>) -> PageContent {
    let start = Affine::new(page.initial_transform(false).as_coeffs());
    let mut interpreter = Interpreter::new(fonts, start);
    if let Some(content) = page.page_stream() {
        interpreter.run(content, page.resources());
    }
    let mut drawn = interpreter.drawn;
    // Text outside the media box is invisible. Text outside the crop box is kept, as other readers
    // do.
    let media = page.media_box();
    let corners =
        [(media.x0, media.y0), (media.x1, media.y1)].map(|corner| start * Point::from(corner));
    let within = |at: f64, a: f64, b: f64, size: f64| at > a.min(b) - size && at < a.max(b) + size;
    let all = drawn.glyphs.len();
    drawn.glyphs.retain(|g| {
        within(g.x, corners[0].x, corners[1].x, g.size)
            && within(g.y, corners[0].y, corners[1].y, g.size)
    });
    let outside = all - drawn.glyphs.len();
    let has_graphics =
        drawn.images > 0 || drawn.strokes >= MIN_DRAWN_STROKES || drawn.unmapped_glyphs > 0;
    let mut lines = Vec::new();
    for (place, group) in lines::group_by_direction(&drawn.glyphs)
        .into_iter()
        .enumerate()
    {
        let from = lines.len();
        lines.extend(columns::lines(group.rows));
        if place > 0 {
            // Only lines in the main text direction can be running heads.
            lines[from..].iter_mut().for_each(|l| l.is_off_axis = true);
        }
    }
    lines.retain(|l| !l.text.trim().is_empty());
    let mostly_unmapped = !lines.is_empty() && drawn.unmapped_glyphs > drawn.glyphs.len() / 2;
    PageContent {
        lines,
        has_graphics,
        truncated: drawn.truncated,
        mostly_unmapped,
        has_text_outside: outside > 0,
    }
}

/// Joins lines to text, with a blank line before each new block.
fn page_text(lines: &[Line], extra: &[String]) -> String {
    let mut out = String::new();
    let mut full = false;
    for line in lines {
        let text = line.text.trim();
        if let (Some(last), Some(first)) = (out.chars().next_back(), text.chars().next()) {
            // In scripts without spaces, full lines are joined without a line break.
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
