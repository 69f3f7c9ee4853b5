//! Format detection by a file's first bytes and its name.

use crate::encoding::head;
pub use formats::Kind as DocumentKind;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The supported formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Plain text in the question-and-answer layout: a summary line, then alternating question and
    /// answer lines.
    Qa,
    /// Plain text.
    Text,
    /// Markdown, with YAML (`---`) or TOML (`+++`) front matter.
    Markdown,
    /// HTML: the main text, without menus and scripts.
    Html,
    /// PDF with a text layer.
    Pdf,
    /// JSON Lines: one article per line.
    Jsonl,
    /// CSV or TSV: a header line, then one article per record.
    Csv,
    /// The `corpus.jsonl` of a BEIR data set.
    Beir,
    /// Parquet: one article per row, with the fields of [`Format::Jsonl`].
    Parquet,
    /// An office, mail, notebook or markup format of the crate `formats`.
    Document(DocumentKind),
}

impl Format {
    /// The names of all formats, for messages.
    pub const ALL: &'static str = "text, Markdown, HTML, PDF, JSONL, CSV, Parquet, Word, PowerPoint, Excel, \
        OpenDocument, EPUB, RTF, mail, notebooks, subtitles, Org, reStructuredText, AsciiDoc, manual pages, LaTeX, and zip \
        archives of these";
}

/// What an unsupported file is, in words: "image", "source code".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedKind(std::borrow::Cow<'static, str>);

impl From<&str> for UnsupportedKind {
    fn from(name: &str) -> Self {
        Self(name.to_owned().into())
    }
}

impl std::fmt::Display for UnsupportedKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many bytes of a file [`detect`] needs.
pub const SNIFF_BYTES: usize = 1 << 16;
/// How many bytes are examined for the question-and-answer layout.
pub(crate) const LAYOUT_BYTES: usize = 4096;

/// The format of the file at `path` whose first bytes are `head`.
///
/// # Errors
/// [`UnsupportedKind`] if it is in none of the supported formats.
pub fn detect(path: &Path, head: &[u8]) -> Result<Format, UnsupportedKind> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let start = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    if start.starts_with(b"%PDF-") {
        return Ok(Format::Pdf);
    }
    if head.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    if let Some(kind) = formats::detect(&name, head) {
        return Ok(Format::Document(kind));
    }
    if let Some(kind) = formats::unsupported_kind(&name, head) {
        return Err(UnsupportedKind(kind.into()));
    }
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let text = || head::decode(head);
    match extension.as_str() {
        "pdf" => Ok(Format::Pdf),
        "html" | "htm" | "xhtml" => Ok(Format::Html),
        "md" | "markdown" | "mdx" => Ok(Format::Markdown),
        "jsonl" | "ndjson" => Ok(Format::Jsonl),
        "csv" | "tsv" => Ok(Format::Csv),
        "txt" | "text" => Ok(text().map_or(Format::Text, |text| layout(&text))),
        _ if looks_like_html(start) => Ok(Format::Html),
        _ => {
            let text = text();
            // Decoded, so that UTF-16 is not taken for binary data.
            let kind =
                formats::kind_name(&name, text.as_ref().map_or(head, |text| text.as_bytes()));
            match text {
                // Neither name nor signature identify it: read it if it looks like prose.
                Some(text) if kind == UNKNOWN_TEXT && formats::is_prose(&text) => Ok(layout(&text)),
                _ => Err(UnsupportedKind(kind.into())),
            }
        }
    }
}

/// What [`formats::kind_name`] returns for text that neither its name nor its signature identifies.
const UNKNOWN_TEXT: &str = "text in no known format";

fn looks_like_html(start: &[u8]) -> bool {
    [&b"<!doctype html"[..], b"<html"]
        .iter()
        .any(|tag| start.len() >= tag.len() && start[..tag.len()].eq_ignore_ascii_case(tag))
}

/// Detects the question-and-answer layout: a summary that is not a question, then at least one
/// question line followed by a line that is not one, alternating as far as [`LAYOUT_BYTES`].
fn layout(text: &str) -> Format {
    let beginning = &text[..text.floor_char_boundary(LAYOUT_BYTES)];
    let mut lines: Vec<&str> = beginning
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if beginning.len() < text.len() {
        lines.pop();
    }
    let alternate = lines
        .iter()
        .enumerate()
        .all(|(at, line)| line.ends_with('?') == (at % 2 == 1));
    if lines.len() >= 3 && alternate {
        Format::Qa
    } else {
        Format::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, head: &str) -> Option<Format> {
        detect(Path::new(name), head.as_bytes()).ok()
    }

    #[test]
    fn unsupported_files_have_a_kind() {
        for (name, head, kind) in [
            ("photo.png", &b"\x89PNG\r\n\x1a\n"[..], "image"),
            ("main.rs", b"fn main() {}\n", "source code"),
            ("settings.yaml", b"a: 1\n", "configuration"),
            (
                "old.doc",
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
                "a Word 97\u{2013}2003 document; save it as .docx",
            ),
        ] {
            assert_eq!(
                detect(Path::new(name), head).unwrap_err().to_string(),
                kind,
                "{name}"
            );
        }
    }

    #[test]
    fn text_with_an_unknown_name_is_read_if_it_is_prose() {
        let prose = "The keeper climbed the tower every evening and lit the lamp. In winter that was at four o'clock, and \
                     the ships that passed could see it from a distance of twenty miles.\n";
        assert_eq!(of("LIESMICH", prose), Some(Format::Text));
        assert_eq!(of("notes.xyz", prose), Some(Format::Text));
        assert_eq!(of("Makefile", "all:\n\tcc -o a a.c\n"), None);
        let utf16: Vec<u8> = prose.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(detect(Path::new("README"), &utf16), Ok(Format::Text));
    }

    #[test]
    fn format_is_detected_by_name_and_content() {
        assert_eq!(of("a.md", "# x"), Some(Format::Markdown));
        assert_eq!(of("a.txt", "just text\nmore"), Some(Format::Text));
        assert_eq!(
            of("a.txt", "Sum.\nWhy?\nSo.\nHow?\nThus.\n"),
            Some(Format::Qa)
        );
        assert_eq!(of("a.txt", "Sum.\n\nWhy?\n\nSo.\n"), Some(Format::Qa));
        assert_eq!(of("a.txt", "Is it?\nNo.\nWhy?\n"), Some(Format::Text));
        assert_eq!(of("page", "  <!DOCTYPE html><p>x"), Some(Format::Html));
        assert_eq!(of("a.txt", "%PDF-1.7"), Some(Format::Pdf));
        assert_eq!(of("photo.jpg", "\u{0}\u{1}"), None);
        assert_eq!(
            of("notes.org", "* heading"),
            Some(Format::Document(formats::Kind::Org))
        );
        assert_eq!(of("page.txt", "\u{feff}<p>"), Some(Format::Text));
    }
}
