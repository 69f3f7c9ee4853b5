//! AsciiDoc. Attributes at the top are metadata; comments and block delimiters are omitted.

use crate::lines::{Lines, replace_between, unmark};
use crate::meta::Meta;
use crate::{Context, Emit, ReadError, emit_omitted};
use std::collections::HashMap;

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let mut reader = AsciiDoc::default();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += reader.line(line, lines.get(at + 1).copied().unwrap_or_default());
    }
    reader.end_row();
    let (included, images) = (reader.included, reader.images);
    reader.out.emit(reader.meta, context, emit);
    let _ = emit_omitted(included, "included file", "included files", emit);
    let _ = emit_omitted(images, "image", "images", emit);
    Ok(())
}

#[derive(Default)]
struct AsciiDoc {
    out: Lines,
    meta: Meta,
    attributes: HashMap<String, String>,
    /// The delimiter that ends the comment block being skipped.
    comment: Option<String>,
    /// The delimiter that ends the verbatim block being read.
    verbatim: Option<String>,
    in_table: bool,
    /// The cells so far of a table row with one cell per line.
    cells: Vec<String>,
    /// In the document header, the number of lines since the title: author and revision lines
    /// follow directly.
    header: Option<usize>,
    /// The previous line is blank: only then can the next two be an underlined title.
    after_blank: bool,
    included: usize,
    images: usize,
}

/// Longer attribute values are not substituted, in bytes, so that a short text cannot expand
/// without bound.
const MAX_ATTRIBUTE_BYTES: usize = 200;

impl AsciiDoc {
    /// Reads a line, and the next one if it only underlines it. Returns how many lines were read.
    fn line(&mut self, line: &str, next: &str) -> usize {
        let word = line.trim_end();
        let after_blank = std::mem::replace(&mut self.after_blank, word.is_empty());
        if let Some(end) = &self.comment {
            if word == end {
                self.comment = None;
            }
            return 1;
        }
        if let Some(end) = &self.verbatim {
            if word == end {
                self.verbatim = None;
                self.out.push("");
            } else {
                self.out.push(line);
            }
            return 1;
        }
        if let Some(lines) = &mut self.header {
            *lines += 1;
            let lines = *lines;
            if word.is_empty() {
                self.header = None;
            } else if !word.starts_with([':', '/']) {
                // The author line, then the revision line.
                match lines {
                    1 => self.authors(word),
                    _ => self.meta.set("version", word.trim_start_matches('v')),
                }
                return 1;
            }
        }
        if let Some((name, value)) = attribute(word) {
            self.attribute(name, value);
            return 1;
        }
        if self.in_table && !is_table(word) {
            self.table_line(word);
            return 1;
        }
        if let Some(read) = self.block_line(word) {
            return read;
        }
        let level = word.bytes().take_while(|&b| b == b'=').count();
        let markdown = word.bytes().take_while(|&b| b == b'#').count();
        let level = level.max(markdown);
        if let Some(title) = word
            .get(level..)
            .filter(|rest| (1..=6).contains(&level) && rest.starts_with(' '))
        {
            self.title(title, level);
            return 1;
        }
        if let Some(level) = underlined(word, next).filter(|_| after_blank) {
            self.title(word, level);
            return 2;
        }
        self.text(word);
        1
    }

    fn title(&mut self, title: &str, level: usize) {
        let title = self.inline(title.trim());
        if level == 1 && self.meta.title.is_none() {
            self.header = Some(0);
            self.meta.title(&title);
        }
        self.out.heading(&title, level);
    }

    fn authors(&mut self, line: &str) {
        for author in line.split(';') {
            self.meta
                .add("author", author.split('<').next().unwrap_or_default());
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        match name {
            "author" => self.meta.add("author", value),
            "keywords" => self.meta.add("keywords", value),
            "description" => self.meta.set("description", value),
            "lang" => self.meta.set("language", value),
            "revdate" | "date" => self.meta.set("date", value),
            _ => {}
        }
        if value.len() <= MAX_ATTRIBUTE_BYTES {
            self.attributes
                .insert(name.to_lowercase(), value.to_owned());
        }
    }

    /// Reads a line that is not text. Returns how many lines were read; `None` if it is text.
    fn block_line(&mut self, word: &str) -> Option<usize> {
        let sign = word.chars().next()?;
        let is_one_sign = word.chars().all(|c| c == sign);
        let is_fence = is_one_sign && word.len() >= 4;
        match sign {
            '/' if is_fence => self.comment = Some(word.to_owned()),
            '/' if word.starts_with("//") && !word.starts_with("///") => {}
            '-' | '.' if is_fence => self.verbatim = Some(word.to_owned()),
            '`' if word.starts_with("```") => self.verbatim = Some("```".to_owned()),
            // Delimiters of blocks with ordinary text; a list item would have text on the line.
            '=' | '*' | '_' | '+' | '~' if is_fence => {}
            '-' if word == "--" => {}
            '-' | '\'' | '<' if is_one_sign && word.len() == 3 => {}
            '+' if word == "+" => {}
            '[' if word.ends_with(']') && !word.contains("](") => {}
            '|' | '!' | ',' | ':' if is_table(word) => {
                self.in_table = !self.in_table;
                self.end_row();
            }
            '.' if word.len() > 1 && !word.starts_with(['.', ' ']) || is_block_title(word) => {
                let title = self.inline(word.trim_start_matches('.'));
                self.out.push("");
                self.out.push(&title);
            }
            _ => return self.macro_line(word),
        }
        if is_fence || word == "--" {
            self.out.push("");
        }
        Some(1)
    }

    /// Reads a block macro: `include::file[]`.
    fn macro_line(&mut self, word: &str) -> Option<usize> {
        let (name, rest) = word.split_once("::")?;
        let is_command = rest.ends_with(']') && name.bytes().all(|b| b.is_ascii_alphanumeric());
        match name {
            "include" if is_command => self.included += 1,
            "image" if is_command => {
                self.images += 1;
                let alt = rest
                    .split_once('[')
                    .map_or("", |(_, alt)| alt.trim_end_matches(']'));
                let alt = alt.split(',').next().unwrap_or_default().trim_matches('"');
                if !alt.contains('=') {
                    self.out.push(alt);
                }
            }
            "ifdef" | "ifndef" | "ifeval" | "endif" | "toc" | "video" | "audio" if is_command => {}
            _ => return None,
        }
        Some(1)
    }

    fn text(&mut self, word: &str) {
        let word = word.strip_suffix(" +").unwrap_or(word).trim();
        let signs = word
            .bytes()
            .take_while(|&b| matches!(b, b'*' | b'.' | b'-'))
            .count();
        if let Some(item) = word
            .get(signs..)
            .filter(|rest| (1..=6).contains(&signs) && rest.starts_with(' '))
        {
            let item = format!("- {}", self.inline(item.trim()));
            return self.out.push(&item);
        }
        let text = match word.split_once("::") {
            Some((term, definition))
                if !term.is_empty()
                    && (definition.is_empty() || definition.starts_with([' ', ':'])) =>
            {
                format!(
                    "{}: {}",
                    self.inline(term),
                    self.inline(definition.trim_start_matches([':', ' ']))
                )
            }
            _ => self.inline(word),
        };
        self.out.push(&text);
    }

    /// Reads a line of a table: a row, or some of its cells.
    fn table_line(&mut self, word: &str) {
        if word.trim().is_empty() {
            return self.end_row();
        }
        let Some(at) = word.find('|') else {
            // The line continues the last cell.
            let text = self.inline(word.trim());
            match self.cells.last_mut() {
                Some(cell) => {
                    cell.push(' ');
                    cell.push_str(&text);
                }
                None => self.out.push(&text),
            }
            return;
        };
        let cells: Vec<&str> = word.get(at + 1..).unwrap_or_default().split('|').collect();
        let is_row = cells.len() > 1;
        if is_row {
            self.end_row();
        }
        // The text before the first `|` is a cell specifier and is dropped.
        let cells = cells
            .iter()
            .map(|cell| self.inline(cell.trim().trim_end_matches('+')));
        let cells: Vec<String> = cells.collect();
        self.cells.extend(cells);
        if is_row {
            self.end_row();
        }
    }

    fn end_row(&mut self) {
        if let Some(line) = crate::blocks::row_line(&std::mem::take(&mut self.cells)) {
            self.out.push(&line);
        }
    }

    /// Text without inline markup; links are replaced by their text and attributes by their values.
    fn inline(&self, text: &str) -> String {
        let text = replace_between(text, "{", "}", |name| {
            let name = Some(name).filter(|name| name.len() < 60)?;
            self.attributes.get(&name.to_lowercase()).cloned()
        });
        let text = replace_between(&text, "<<", ">>", |link| {
            Some(
                link.split_once(',')
                    .map_or(link, |(_, text)| text)
                    .trim()
                    .to_owned(),
            )
        });
        let text = replace_between(&text, "(((", ")))", |_| Some(String::new()));
        let text = replace_between(&text, "((", "))", |term| Some(term.to_owned()));
        let text = replace_between(&text, "[[", "]]", |anchor| {
            (!anchor.contains(' ')).then(String::new)
        });
        let text = replace_between(&text, "footnote:[", "]", |note| Some(format!(" ({note})")));
        let text = links(&text);
        unmark(&text, &["**", "__", "``", "##", "*", "_", "`", "+", "#"])
    }
}

/// Replaces `link:target[text]`, `https://…[text]`, `kbd:[text]` and similar macros by their text.
fn links(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, from)) = rest.split_once('[') {
        let Some((inside, after)) = from.split_once(']') else {
            break;
        };
        let target = before
            .rsplit([' ', '(', '"', '\''])
            .next()
            .unwrap_or_default();
        let is_link = [
            "link:", "xref:", "http://", "https://", "mailto:", "image:", "kbd:", "btn:", "menu:",
            "pass:", "stem:", "icon:", "ftp://",
        ]
        .iter()
        .any(|name| target.starts_with(name));
        // References to manual pages: `linkgit:git-log[1]`.
        let is_page = target
            .strip_prefix("linkgit:")
            .or_else(|| target.strip_prefix("man:"));
        let kept = before.len() - target.len();
        match (is_link, is_page) {
            (true, _) => {
                plain.push_str(before.get(..kept).unwrap_or_default());
                let shown = inside
                    .split(",role=")
                    .next()
                    .unwrap_or_default()
                    .trim_matches('"')
                    .trim_end_matches('^');
                let bare = target
                    .split_once(':')
                    .filter(|(name, _)| !name.starts_with("http"))
                    .map_or(target, |(_, bare)| bare);
                plain.push_str(if shown.is_empty() && !target.starts_with("image:") {
                    bare
                } else {
                    shown
                });
            }
            (_, Some(page)) => {
                plain.push_str(before.get(..kept).unwrap_or_default());
                plain.push_str(&format!("{page}({inside})"));
            }
            _ => {
                plain.push_str(before);
                plain.push('[');
                plain.push_str(inside);
                plain.push(']');
            }
        }
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// Parses an attribute entry, `:name: value`.
fn attribute(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix(':')?.split_once(':')?;
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '!'));
    (is_name && (value.is_empty() || value.starts_with(' ')))
        .then(|| (name, value.trim().trim_end_matches('\\').trim_end()))
}

fn is_table(word: &str) -> bool {
    word.get(1..)
        .is_some_and(|rest| rest.len() >= 3 && rest.bytes().all(|b| b == b'='))
        && word.starts_with(['|', '!', ',', ':'])
}

/// Whether a line is a block title, `.Title`.
fn is_block_title(word: &str) -> bool {
    word.strip_prefix('.')
        .and_then(|rest| rest.chars().next())
        .is_some_and(|c| !matches!(c, '.' | ' ' | '/'))
}

/// The level of a two-line title: a line of text over a line of signs of about the same length.
fn underlined(title: &str, line: &str) -> Option<usize> {
    let line = line.trim_end();
    let sign = line.chars().next()?;
    let level = ['=', '-', '~', '^', '+']
        .iter()
        .position(|&known| known == sign)?
        + 1;
    let (length, wanted) = (line.chars().count(), title.chars().count());
    let fits = length >= 2 && length.abs_diff(wanted) <= 2 && line.chars().all(|c| c == sign);
    (fits && title.starts_with(char::is_alphanumeric)).then_some(level)
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::testing::read_single;

    #[test]
    fn markup_becomes_text() {
        let text = "\
= On bees
Anna Berg <a@b.c>
v1.0, 2024-03-05
:keywords: insects, honey
:product: Hive

// a comment
////
gone
////

== Keeping *honey*

The {product} and {unknown}; see <<page,the page>>, https://x.y[a link], `code`, linkgit:git-log[1].footnote:[A note.]

[source,python]
----
x = *y*
----

.A table
|===
|a |b

|c
|d
|===

Old style
---------
* item _one_
term:: definition
include::other.adoc[]
NOTE: Mind. +
";
        let document = read_single(Kind::AsciiDoc, text.as_bytes());
        assert_eq!(document.title.as_deref(), Some("On bees"));
        assert_eq!(
            document.text,
            "On bees\n\nKeeping honey\n\nThe Hive and {unknown}; see the page, a link, code, git-log(1). (A note.)\n\nx = *y*\n\n\
             A table\na | b\nc | d\n\nOld style\n\n- item one\nterm: definition\nNOTE: Mind."
        );
        assert_eq!(document.metadata[0], ("author".into(), "Anna Berg".into()));
    }
}
