//! Formats in which a file is a single article.

use super::reader::{Emit, Item, Reader, emit_all};
use crate::article::{Article, ByteSpan};
use crate::source::Source;
use crate::{Error, Result, encoding};
use disk::PathError;
use notes::Note;

/// A reader for formats in which a file is a single article. The function parses the decoded text
/// and adds its notes to the vector.
pub struct WholeFile(pub fn(&Source, String, &mut Vec<Note>) -> Result<Article>);

impl Reader for WholeFile {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let decoded = encoding::decode(source, bytes_of(source, limit)?)?;
        let mut notes: Vec<Note> = decoded.note.into_iter().collect();
        let article = (self.0)(source, decoded.text, &mut notes)?;
        hand_over(source, notes, article, emit);
        Ok(())
    }
}

pub fn bytes_of(source: &Source, limit: u64) -> Result<Vec<u8>> {
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
pub fn hand_over(
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

/// Returns the article, or [`Error::Empty`] if its body is blank.
pub fn reject_empty(source: &Source, article: Article) -> Result<Article> {
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
pub fn one_file(source: &Source, title: String, text: String) -> Article {
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
pub fn title_of(source: &Source, text: &str) -> String {
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
pub fn title_from_name(source: &Source) -> String {
    let stem = source
        .path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    stem.replace(['-', '_'], " ")
}
