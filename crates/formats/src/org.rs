//! Emacs Org files. Keywords at the top are metadata; property drawers and logbooks are omitted.

use crate::lines::{Lines, replace_between, unmark};
use crate::meta::Meta;
use crate::{Context, Emit, ReadError};

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let text = String::from_utf8_lossy(bytes);
    let (mut lines, mut meta) = (Lines::default(), Meta::default());
    let mut org = State::default();
    let mut open = String::new();
    for line in text.lines() {
        // The text of a link may continue on the next line.
        let is_open = |line: &str| {
            line.rfind("[[")
                .is_some_and(|at| !line.get(at..).unwrap_or_default().contains("]]"))
        };
        if !open.is_empty() {
            open.push(' ');
            open.push_str(line.trim());
            if is_open(&open) && !line.is_empty() && open.len() < 1000 {
                continue;
            }
            org.line(&std::mem::take(&mut open), &mut lines, &mut meta);
        } else if is_open(line) && org.verbatim.is_none() {
            open = line.to_owned();
        } else {
            org.line(line, &mut lines, &mut meta);
        }
    }
    org.line(&open, &mut lines, &mut meta);
    lines.emit(meta, context, emit);
    Ok(())
}

#[derive(Default)]
struct State {
    /// The line that ends the drawer or block being skipped: `:END:`, or `#+end_…`.
    until: Option<String>,
    /// The line that ends the verbatim block being read.
    verbatim: Option<String>,
    /// The level of the heading whose subtree is commented out.
    out: Option<usize>,
    has_heading: bool,
}

impl State {
    fn line(&mut self, line: &str, lines: &mut Lines, meta: &mut Meta) {
        let word = line.trim();
        let stars = line.bytes().take_while(|&b| b == b'*').count();
        let heading = line
            .get(stars..)
            .filter(|rest| stars > 0 && rest.starts_with(' ') && self.verbatim.is_none());
        if let Some(until) = &self.until {
            // A heading ends every drawer and block, closed or not.
            if word.eq_ignore_ascii_case(until) {
                self.until = None;
                return;
            }
            if heading.is_none() {
                if until == ":END:" && !self.has_heading {
                    property(word, meta);
                }
                return;
            }
            self.until = None;
        }
        if let Some(heading) = heading {
            self.has_heading = true;
            if self.out.is_some_and(|level| stars > level) {
                return;
            }
            let (text, commented) = heading_text(heading);
            self.out = commented.then_some(stars);
            if !commented {
                lines.heading(&inline(&text), stars);
            }
            return;
        }
        if self.out.is_some() {
            return;
        }
        if let Some(end) = &self.verbatim {
            if word.eq_ignore_ascii_case(end) {
                self.verbatim = None;
                lines.push("");
            } else {
                // Lines that look like headings or keywords are escaped with a comma.
                let quoted = word
                    .strip_prefix(',')
                    .filter(|rest| rest.starts_with(['*', ',']) || rest.starts_with("#+"));
                lines.push(quoted.unwrap_or(line));
            }
            return;
        }
        if let Some(keyword) = word.strip_prefix("#+") {
            return self.keyword(keyword, lines, meta);
        }
        if word == "#" || word.starts_with("# ") {
            return;
        }
        let is_drawer =
            word.len() > 2 && word.starts_with(':') && word.ends_with(':') && !word.contains(' ');
        match word.to_ascii_uppercase().as_str() {
            ":PROPERTIES:" | ":LOGBOOK:" => self.until = Some(":END:".to_owned()),
            // The content of custom drawers is text.
            _ if is_drawer => {}
            _ if word.starts_with('|') => {
                if let Some(row) = row(word) {
                    lines.push(&row);
                }
            }
            _ => lines.push(&inline(word)),
        }
    }

    fn keyword(&mut self, keyword: &str, lines: &mut Lines, meta: &mut Meta) {
        let lower = keyword.to_ascii_lowercase();
        if let Some(block) = lower.strip_prefix("begin_") {
            let block = block.split_whitespace().next().unwrap_or_default();
            let end = format!("#+end_{block}");
            match block {
                "comment" | "export" | "html" | "latex" => self.until = Some(end),
                "src" | "example" => self.verbatim = Some(end),
                // The content of quote, verse and other blocks is text.
                _ => {}
            }
            lines.push("");
            return;
        }
        let Some((name, value)) = keyword.split_once(':') else {
            return;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "title" => meta.title(&inline(value)),
            "author" => meta.add("author", value),
            "date" => meta.set("date", value.trim_matches(['<', '>', '[', ']'])),
            "description" => meta.set("description", value),
            "keywords" => meta.add("keywords", value),
            "filetags" => meta.add("keywords", &value.trim_matches(':').replace(':', ", ")),
            "language" => meta.set("language", value),
            "subtitle" | "caption" => lines.push(&inline(value)),
            _ => {}
        }
    }
}

/// Adds a file-level property to the metadata, if it is one that is useful to people.
fn property(line: &str, meta: &mut Meta) {
    if let Some((name, value)) = line.strip_prefix(':').and_then(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "title" => meta.title(value),
            "author" => meta.add("author", value),
            "created" | "date" => meta.set("date", value.trim().trim_matches(['<', '>', '[', ']'])),
            _ => {}
        }
    }
}

/// The text of a heading without TODO state, priority and tags, and whether it is commented out.
fn heading_text(heading: &str) -> (String, bool) {
    let mut text = heading.trim();
    if let Some((before, tags)) = text.rsplit_once(' ')
        && tags.len() > 2
        && tags.starts_with(':')
        && tags.ends_with(':')
    {
        text = before.trim_end();
    }
    for state in [
        "TODO",
        "DONE",
        "NEXT",
        "WAITING",
        "CANCELLED",
        "CANCELED",
        "STARTED",
        "HOLD",
    ] {
        if let Some(rest) = text
            .strip_prefix(state)
            .filter(|rest| rest.is_empty() || rest.starts_with(' '))
        {
            text = rest.trim_start();
            break;
        }
    }
    if text.starts_with("[#") && text.get(3..4) == Some("]") {
        text = text.get(4..).unwrap_or_default().trim_start();
    }
    match text
        .strip_prefix("COMMENT")
        .filter(|rest| rest.is_empty() || rest.starts_with(' '))
    {
        Some(rest) => (rest.trim_start().to_owned(), true),
        None => (text.to_owned(), false),
    }
}

/// A table row; `None` for a rule.
fn row(line: &str) -> Option<String> {
    let inside = line.trim_start_matches('|').trim_end_matches('|');
    let is_rule = !inside.is_empty()
        && inside
            .bytes()
            .all(|b| matches!(b, b'-' | b'+' | b'|' | b':'));
    let cells: Vec<String> = inside.split('|').map(|cell| inline(cell.trim())).collect();
    (!is_rule).then(|| cells.join(" | "))
}

/// Text without inline markup; links are replaced by their text.
fn inline(text: &str) -> String {
    let text = replace_between(text, "[[", "]]", |link| match link.split_once("][") {
        Some((_, shown)) => Some(shown.to_owned()),
        None => Some(link.trim_start_matches("file:").to_owned()),
    });
    let text = replace_between(&text, "[fn:", "]", |note| {
        Some(match note.split_once(':') {
            Some((_, text)) => format!(" ({})", text.trim()),
            None => String::new(),
        })
    });
    let text = replace_between(&text, "<<", ">>", |target| {
        (!target.contains(' ')).then(String::new)
    });
    unmark(&text, &["*", "/", "_", "=", "~", "+"])
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::testing::read_single;

    #[test]
    fn markup_becomes_text() {
        let org = "#+TITLE: On /bees/\n#+author: Anna\n#+FILETAGS: :insects:honey:\n# a comment\n:PROPERTIES:\n:ID: 1\n:END:\n\
            * TODO [#A] First *one* :tag:\n:LOGBOOK:\n- log\n:END:\nSee [[http://x][the page]] and =code=[fn:1].\n\
            #+BEGIN_SRC python\nx = *y*\n,* no heading\n#+END_SRC\n#+begin_comment\ngone\n#+end_comment\n\
            | a | b |\n|---+---|\n| 1 | 2 |\n** COMMENT out\ngone too\n*** gone as well\n** In\ntext\n\n[fn:1] The note.\n";
        let document = read_single(Kind::Org, org.as_bytes());
        assert_eq!(document.title.as_deref(), Some("On bees"));
        assert_eq!(
            document.text,
            "First one\n\nSee the page and code.\n\nx = *y*\n* no heading\n\na | b\n1 | 2\n\nIn\n\ntext\n\nThe note."
        );
        assert_eq!(
            document.metadata,
            [
                ("author".into(), "Anna".into()),
                ("keywords".into(), "insects, honey".into())
            ]
        );
    }
}
