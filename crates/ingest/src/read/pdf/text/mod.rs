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
use content::Reader;
use fonts::Fonts;
use hayro_font::kurbo::{Affine, Point};
use hayro_syntax::page::Page;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use notes::Code;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The parser recurses with the file's own nesting, so it gets a thread with a stack of its own.
const STACK: usize = 64 << 20;
/// Lines and areas that a page without text has at least, if it is not just empty but for a rule or a frame.
const DRAWN: usize = 50;

/// What a PDF says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Document {
    /// The text of each page; empty where it has none.
    pub pages: Vec<String>,
    /// Pages that show something but have no text layer, counted from 1.
    pub pages_without_text: Vec<usize>,
    /// Its title, if it is a real one.
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
pub enum Problem {
    /// It opens with a password only.
    Password,
    /// It is no PDF, or too broken.
    Broken(String),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Password => f.write_str("it is locked with a password"),
            Self::Broken(said) => write!(f, "not a readable PDF: {said}"),
        }
    }
}

impl std::error::Error for Problem {}

/// Reads the text of a PDF.
///
/// # Errors
/// When it is locked, or no PDF. A page that cannot be read costs itself alone, and is noted.
pub fn read(bytes: &[u8]) -> Result<Document, Problem> {
    let broken = |said: &str| Problem::Broken(said.to_owned());
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new().name("pdf".to_owned()).stack_size(STACK);
        let reading = reading.spawn_scoped(scope, || whole(bytes)).map_err(|e| Problem::Broken(e.to_string()))?;
        reading.join().unwrap_or_else(|_| Err(broken("its structure is broken")))
    })
}

fn whole(bytes: &[u8]) -> Result<Document, Problem> {
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Problem::Password,
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => {
            Problem::Broken("it is encrypted in a way that is not known".to_owned())
        }
        LoadPdfError::Decryption(_) => Problem::Broken("its encryption is broken".to_owned()),
        LoadPdfError::Invalid => Problem::Broken("its structure is broken".to_owned()),
    })?;
    if pdf.pages().is_empty() {
        return Err(Problem::Broken("it has no pages".to_owned()));
    }
    let mut document = Document::default();
    let mut pages: Vec<Vec<Line>> = Vec::new();
    let mut extras: Vec<Vec<String>> = Vec::new();
    let mut unread = Vec::new();
    let mut cut = Vec::new();
    let mut unknown = Vec::new();
    let mut outside = Vec::new();
    let mut seen = forms::Seen::new();
    let mut fonts = Fonts::default();
    for (index, page) in pdf.pages().iter().enumerate() {
        let read = catch_unwind(AssertUnwindSafe(|| one(page, &fonts)));
        let extra = catch_unwind(AssertUnwindSafe(|| forms::of_page(page, &fonts, &mut seen)));
        match read {
            Ok(one) => {
                if one.lines.is_empty() && one.shows {
                    document.pages_without_text.push(index + 1);
                }
                if one.unknown {
                    unknown.push(index + 1);
                }
                if one.outside {
                    outside.push(index + 1);
                }
                if one.cut {
                    cut.push(index + 1);
                }
                pages.push(one.lines);
            }
            Err(_) => {
                // What the page left half done must not be met again.
                fonts = Fonts::default();
                unread.push(index + 1);
                pages.push(Vec::new());
            }
        }
        extras.push(extra.unwrap_or_default());
    }
    if let Some(last) = extras.last_mut() {
        last.extend(catch_unwind(AssertUnwindSafe(|| forms::rest(&pdf, &mut seen))).unwrap_or_default());
    }
    let running = running::remove(&mut pages);
    hyphens::join(&mut pages);
    document.pages = pages.iter().zip(extras).map(|(lines, extra)| page_text(lines, &extra)).collect();
    let told = catch_unwind(AssertUnwindSafe(|| (info::of(&pdf), forms::is_xfa(&pdf))));
    if let Ok(((title, author, created), xfa)) = told {
        (document.title, document.author, document.created) = (title, author, created);
        if xfa {
            let said = "its XFA form is not read, only its plain fields";
            document.notes.push((Code::PartLeftOut, said.to_owned()));
        }
    }
    let of = pdf.pages().len();
    let about = |code, pages: &[usize], what| about_pages(pages, of, what).map(|said| (code, said));
    let running = (running > 0).then(|| format!("{running} running heads and page numbers left out"));
    document.notes.extend(
        [
            about(Code::PageUnreadable, &unread, "cannot be read"),
            about(Code::PageTruncated, &cut, "hold more than is read of one page"),
            about(Code::UnmappedText, &unknown, "hold letters that the file tells no text of"),
            about(Code::PartLeftOut, &outside, "have text outside the sheet, which is left out"),
            running.map(|said| (Code::PartLeftOut, said)),
            about(Code::NoText, &document.pages_without_text, "have no text layer"),
        ]
        .into_iter()
        .flatten(),
    );
    Ok(document)
}

/// Says which pages something is wrong with, if any.
fn about_pages(pages: &[usize], of: usize, what: &str) -> Option<String> {
    let named: Vec<String> = pages.iter().take(20).map(usize::to_string).collect();
    let more = if pages.len() > named.len() { ", …" } else { "" };
    (!pages.is_empty()).then(|| format!("{} of {of} pages {what}: {}{more}", pages.len(), named.join(", ")))
}

/// A page: its lines, and whether it shows anything at all.
struct One {
    lines: Vec<Line>,
    shows: bool,
    /// Whether there was more than is followed,
    cut: bool,
    /// and whether much of it are letters that the file tells no text of.
    unknown: bool,
    /// Whether something is written where nobody sees it.
    outside: bool,
}

fn one<'a>(page: &Page<'a>, fonts: &Fonts<'a>) -> One {
    let start = Affine::new(page.initial_transform(false).as_coeffs());
    let mut reader = Reader::new(fonts, start);
    if let Some(content) = page.page_stream() {
        reader.run(content, page.resources());
    }
    let mut drawn = reader.drawn;
    // What is outside the sheet is not shown. What is outside its crop box may be: it is kept, as other readers do.
    let media = page.media_box();
    let corners = [(media.x0, media.y0), (media.x1, media.y1)].map(|corner| start * Point::from(corner));
    let within = |at: f64, a: f64, b: f64, size: f64| at > a.min(b) - size && at < a.max(b) + size;
    let all = drawn.glyphs.len();
    drawn
        .glyphs
        .retain(|g| within(g.x, corners[0].x, corners[1].x, g.size) && within(g.y, corners[0].y, corners[1].y, g.size));
    let outside = all - drawn.glyphs.len();
    let shows = drawn.images > 0 || drawn.strokes >= DRAWN || drawn.unknown > 0;
    let mut lines = Vec::new();
    for (place, group) in lines::groups(&drawn.glyphs).into_iter().enumerate() {
        let from = lines.len();
        lines.extend(columns::lines(group.rows));
        if place > 0 {
            // Only what runs along with the page can be its running head.
            lines[from..].iter_mut().for_each(|l| l.aside = true);
        }
    }
    lines.retain(|l| !l.text.trim().is_empty());
    let unknown = !lines.is_empty() && drawn.unknown > drawn.glyphs.len() / 2;
    One { lines, shows, cut: drawn.cut, unknown, outside: outside > 0 }
}

/// Lines as text: a new line each, a blank line where a paragraph begins.
fn page_text(lines: &[Line], extra: &[String]) -> String {
    let mut out = String::new();
    let mut full = false;
    for line in lines {
        let text = line.text.trim();
        if let (Some(last), Some(first)) = (out.chars().next_back(), text.chars().next()) {
            // Scripts without spaces go on at the line's end as within the line.
            if line.begins {
                out.push_str("\n\n");
            } else if !(full && letters::is_spaceless(last) && letters::is_spaceless(first)) {
                out.push('\n');
            }
        }
        full = line.full;
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
