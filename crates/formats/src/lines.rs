//! Shared by the readers of hand-written markup languages: collecting lines, removing inline marks.

use crate::meta::Meta;
use crate::{Context, Document, Emit, emit_document, text};

/// A text under construction, line by line.
#[derive(Default)]
pub struct Lines {
    text: String,
    /// The first heading of the highest level, and that level.
    top_heading: Option<(usize, String)>,
}

impl Lines {
    /// Appends a line. Consecutive blank lines are collapsed into one.
    pub fn push(&mut self, line: &str) {
        let line = line.trim_end();
        if !line.is_empty() {
            self.text.push_str(line);
            self.text.push('\n');
        } else if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Appends a heading as a paragraph of its own.
    pub fn heading(&mut self, line: &str, level: usize) {
        let line = text::one_line(line);
        if line.is_empty() {
            return;
        }
        self.push("");
        self.push(&line);
        self.push("");
        let level = level.max(1);
        if self
            .top_heading
            .as_ref()
            .is_none_or(|(top, _)| level < *top)
        {
            self.top_heading = Some((level, line));
        }
    }

    /// Emits the text as the file's only document. Without a title in `meta`, the first heading of
    /// the highest level is the title.
    pub fn emit(mut self, mut meta: Meta, context: &Context<'_>, emit: &mut Emit<'_>) {
        self.text.truncate(self.text.trim_end().len());
        if let Some((_, heading)) = &self.top_heading {
            meta.title(heading);
        }
        let document = Document {
            title: meta.title,
            text: self.text,
            metadata: meta.fields,
            ..Document::default()
        };
        let _ = emit_document(document, context, emit);
    }
}

/// How far after an opening mark the closing one is searched for, in bytes.
const MAX_MARK_SPAN_BYTES: usize = 200;

/// Removes pairs of `marks` around words. Marks within words (`snake_case`) and single marks (`2 *
/// 3`) stay.
pub fn unmark(line: &str, marks: &[&str]) -> String {
    let mut plain = String::with_capacity(line.len());
    // Position and length of the closing marks still to be removed, nearest last.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(&(end, length)) = ends.last()
            && end <= at
        {
            ends.pop();
            at += if end == at { length } else { 0 };
            continue;
        }
        let before = plain.chars().next_back();
        let within_word = line
            .get(..at)
            .and_then(|l| l.chars().next_back())
            .is_some_and(char::is_alphanumeric);
        let mark = marks
            .iter()
            .find(|mark| rest.starts_with(**mark))
            .filter(|_| !within_word && before != Some('\\'));
        if let Some(mark) = mark
            && let Some(end) = closing(rest, mark)
            && ends.last().is_none_or(|&(outer, _)| at + end < outer)
        {
            ends.push((at + end, mark.len()));
            at += mark.len();
            continue;
        }
        let Some(char) = rest.chars().next() else {
            break;
        };
        plain.push(char);
        at += char.len_utf8();
    }
    plain
}

/// The offset of the closing mark in `rest`, which begins with the opening one.
fn closing(rest: &str, mark: &str) -> Option<usize> {
    let inside = rest.get(mark.len()..)?;
    let inside = inside
        .get(..inside.floor_char_boundary(MAX_MARK_SPAN_BYTES))
        .unwrap_or(inside);
    if inside.starts_with(char::is_whitespace) || inside.starts_with(mark) {
        return None;
    }
    let mut from = inside.chars().next()?.len_utf8();
    loop {
        let end = from + inside.get(from..)?.find(mark)?;
        let before = inside.get(..end)?.chars().next_back()?;
        let after = inside.get(end + mark.len()..)?.chars().next();
        if !before.is_whitespace()
            && after.is_none_or(|c| !c.is_alphanumeric() && !mark.starts_with(c))
        {
            return Some(mark.len() + end);
        }
        from = end + mark.len();
    }
}

/// How far after an opening delimiter the closing one is searched for, in bytes.
const MAX_LINK_BYTES: usize = 1000;

/// Replaces each span from `open` to the next `close` by `with(content)`, and keeps it where that
/// is `None`. Runs in linear time.
pub fn replace_between(
    line: &str,
    open: &str,
    close: &str,
    with: impl Fn(&str) -> Option<String>,
) -> String {
    let mut plain = String::with_capacity(line.len());
    // `clear`: no closing delimiter begins before this offset. `next`: the next known one. Together
    // they make sure that no byte is searched twice.
    let (mut at, mut clear, mut next) = (0, 0, None::<usize>);
    while let Some(found) = line.get(at..).and_then(|rest| rest.find(open)) {
        let inside = at + found + open.len();
        plain.push_str(line.get(at..at + found).unwrap_or_default());
        at = inside;
        let end = line.floor_char_boundary(inside + MAX_LINK_BYTES);
        if next.is_none_or(|next| next < inside) {
            let from = line.ceil_char_boundary(clear.max(inside));
            next = line
                .get(from..end)
                .and_then(|near| near.find(close))
                .map(|found| from + found);
            // A closing delimiter may straddle the end of the searched range.
            clear = end.saturating_sub(close.len());
        }
        let replaced = next
            .filter(|&next| next <= end)
            .and_then(|next| Some((with(line.get(inside..next)?)?, next)));
        match replaced {
            Some((text, next)) => {
                plain.push_str(&text);
                at = next + close.len();
            }
            None => plain.push_str(open),
        }
    }
    plain.push_str(line.get(at..).unwrap_or_default());
    plain
}

/// The indentation of a line in columns; a tab counts eight.
pub fn indent(line: &str) -> usize {
    line.chars()
        .take_while(|c| c.is_whitespace())
        .map(|c| if c == '\t' { 8 } else { 1 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paired_marks_around_words_are_removed() {
        let unmark = |line| unmark(line, &["**", "*", "_", "/", "="]);
        assert_eq!(unmark("a *b c* d, **e** _f_."), "a b c d, e f.");
        assert_eq!(
            unmark("2 * 3 * 4, snake_case_name, a/b/c, *open"),
            "2 * 3 * 4, snake_case_name, a/b/c, *open"
        );
        assert_eq!(unmark("*a _b_ c* (=x=y=)"), "a b c (x=y)");
        assert_eq!(unmark("***"), "***");
    }

    #[test]
    fn delimited_spans_are_replaced() {
        let link = |inside: &str| inside.split_once('|').map(|(_, text)| text.to_owned());
        assert_eq!(
            replace_between("a [[u|b]] [[x]] [[c", "[[", "]]", link),
            "a b [[x]] [[c"
        );
    }
}
