//! Which reader a file wants: by its name, then by its first bytes.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// The formats read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A summary line, then question and answer lines in turn.
    Qa,
    /// Plain text.
    Text,
    /// Markdown, with YAML (`---`) or TOML (`+++`) front matter.
    Markdown,
    /// HTML: the main text, without menus and scripts.
    Html,
    /// PDF, if it holds text (a scan does not).
    Pdf,
    /// One JSON object a line.
    Jsonl,
    /// A header line, then one article a record.
    Csv,
    /// A BEIR folder's `corpus.jsonl`.
    Beir,
    /// One row an article, as [`Format::Jsonl`] has lines.
    Parquet,
}

impl Format {
    /// All of them, as people call them.
    pub const ALL: &'static str = "text, Markdown, HTML, PDF, JSONL, CSV, Parquet";
}

/// How many bytes of a file are enough for [`detect`].
pub const HEAD: usize = 4096;

/// The format of the file at `path` that begins with `head`, or `None` if it is none of them.
pub fn detect(path: &Path, head: &[u8]) -> Option<Format> {
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if start.starts_with(b"%PDF-") {
        return Some(Format::Pdf);
    }
    if head.starts_with(b"PAR1") {
        return Some(Format::Parquet);
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "pdf" => Some(Format::Pdf),
        "html" | "htm" | "xhtml" => Some(Format::Html),
        "md" | "markdown" | "mdx" => Some(Format::Markdown),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "csv" | "tsv" => Some(Format::Csv),
        "txt" | "text" => Some(if looks_like_qa(start) { Format::Qa } else { Format::Text }),
        "json" | "xml" | "svg" | "toml" | "yaml" | "yml" | "lock" => None,
        _ if looks_like_html(start) => Some(Format::Html),
        _ if head.contains(&0) || std::str::from_utf8(head).is_err_and(|e| e.error_len().is_some()) => None,
        _ => Some(if looks_like_qa(start) { Format::Qa } else { Format::Text }),
    }
}

fn looks_like_html(start: &[u8]) -> bool {
    [&b"<!doctype html"[..], b"<html"]
        .iter()
        .any(|tag| start.len() >= tag.len() && start[..tag.len()].eq_ignore_ascii_case(tag))
}

/// A summary that is no question, then at least one question line followed by a line that is
/// none, and so on as far as the head goes.
fn looks_like_qa(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let whole = head.len() < HEAD - 8;
    let mut lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if !whole {
        lines.pop();
    }
    lines.len() >= 3 && lines.iter().enumerate().all(|(i, line)| line.ends_with('?') == (i % 2 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, head: &str) -> Option<Format> {
        detect(Path::new(name), head.as_bytes())
    }

    #[test]
    fn names_and_content_decide() {
        assert_eq!(of("a.md", "# x"), Some(Format::Markdown));
        assert_eq!(of("a.txt", "just text\nmore"), Some(Format::Text));
        assert_eq!(of("a.txt", "Sum.\nWhy?\nSo.\nHow?\nThus.\n"), Some(Format::Qa));
        assert_eq!(of("a.txt", "Sum.\n\nWhy?\n\nSo.\n"), Some(Format::Qa));
        assert_eq!(of("a.txt", "Is it?\nNo.\nWhy?\n"), Some(Format::Text));
        assert_eq!(of("page", "  <!DOCTYPE html><p>x"), Some(Format::Html));
        assert_eq!(of("a.txt", "%PDF-1.7"), Some(Format::Pdf));
        assert_eq!(of("photo.jpg", "\u{0}\u{1}"), None);
        assert_eq!(of("notes.org", "* heading"), Some(Format::Text));
    }
}
