//! reStructuredText. Fields at the top are metadata; comments, targets and layout directives are
//! omitted; the content of all other directives is text.

mod inline;
mod table;
#[cfg(test)]
mod tests;

use crate::lines::{Lines, indent};
use crate::meta::Meta;
use crate::{Context, Emit, ReadError};
use std::collections::HashMap;
use table::is_rule;

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let text = String::from_utf8_lossy(bytes);
    let mut rst = Rst {
        lines: text.lines().collect(),
        ..Rst::default()
    };
    rst.substitutions();
    rst.run();
    rst.out.emit(rst.meta, context, emit);
    Ok(())
}

/// Directives that are skipped with their content.
const SKIPPED_DIRECTIVES: &[&str] = &[
    "raw",
    "include",
    "literalinclude",
    "toctree",
    "contents",
    "sectnum",
    "highlight",
    "meta",
    "default-role",
    "role",
    "target-notes",
    "header",
    "footer",
    "currentmodule",
    "module",
    "py:module",
    "py:currentmodule",
    "autosummary",
    "automodule",
    "autoclass",
    "autofunction",
    "tabularcolumns",
    "image",
    "graphviz",
    "plot",
    "testsetup",
    "testcleanup",
    "index",
    "codeauthor",
    "sectionauthor",
    "moduleauthor",
    "unicode",
    "date",
];

/// Directives whose content is not markup.
const VERBATIM_DIRECTIVES: &[&str] = &[
    "code",
    "code-block",
    "sourcecode",
    "parsed-literal",
    "highlight",
    "ipython",
    "doctest",
    "testcode",
    "testoutput",
    "math",
    "prompt",
    "productionlist",
];

/// Directives whose argument is not text.
const WITHOUT_ARGUMENT: &[&str] = &[
    "figure",
    "only",
    "list-table",
    "ifconfig",
    "tab-set",
    "grid",
    "tabs",
    "hlist",
    "container",
    "rst-class",
];

#[derive(Default)]
struct Rst<'a> {
    lines: Vec<&'a str>,
    at: usize,
    out: Lines,
    meta: Meta,
    /// The heading styles in order of level: the adornment character, and whether there is an
    /// overline.
    styles: Vec<(char, bool)>,
    substitutions: HashMap<&'a str, &'a str>,
    /// Whether there was anything but headings and fields so far.
    has_text: bool,
}

impl<'a> Rst<'a> {
    /// Collects the substitution definitions (`.. |name| replace:: text`).
    fn substitutions(&mut self) {
        for line in &self.lines {
            let named = line
                .trim_start()
                .strip_prefix(".. |")
                .and_then(|rest| rest.split_once("| replace::"));
            self.substitutions
                .extend(named.map(|(name, text)| (name, text.trim())));
        }
    }

    fn line(&self, at: usize) -> &'a str {
        self.lines.get(at).copied().unwrap_or_default()
    }

    fn run(&mut self) {
        while self.at < self.lines.len() {
            let line = self.line(self.at);
            let word = line.trim();
            if self.heading() || self.table() {
                continue;
            }
            self.at += 1;
            if let Some(rest) = word
                .strip_prefix("..")
                .filter(|rest| rest.is_empty() || rest.starts_with(' '))
            {
                self.explicit_markup(rest.trim(), indent(line));
            } else if is_rule(word) {
                self.out.push("");
            } else if let Some((name, value)) = field(word) {
                self.field(name, value);
            } else if word.starts_with("__ ") {
                // The target of an anonymous hyperlink.
            } else {
                self.has_text |= !word.is_empty();
                let word = word.strip_prefix("| ").unwrap_or(word);
                let paragraph = self.paragraph(word, indent(line));
                match paragraph.strip_suffix("::") {
                    Some(before) => {
                        let before = before.trim_end();
                        if !before.is_empty() {
                            let text = format!("{}:", self.inline(before));
                            text.lines().for_each(|line| self.out.push(line));
                        }
                        self.verbatim(indent(line));
                    }
                    None => {
                        let text = self.inline(&paragraph);
                        match text.is_empty() {
                            true => self.out.push(""),
                            false => text.lines().for_each(|line| self.out.push(line)),
                        }
                    }
                }
            }
        }
    }

    /// The paragraph that begins with the line `first`: inline markup may span lines.
    fn paragraph(&mut self, first: &str, depth: usize) -> String {
        let mut paragraph = first.to_owned();
        while !first.is_empty() && !paragraph.ends_with("::") {
            let line = self.line(self.at);
            let word = line.trim();
            let is_other = word.is_empty()
                || word.starts_with("..")
                || word.starts_with("| ")
                || word.starts_with("__ ");
            if is_other
                || indent(line) != depth
                || field(word).is_some()
                || is_repeated_sign(word)
                || self.is_table()
            {
                break;
            }
            paragraph.push('\n');
            paragraph.push_str(word);
            self.at += 1;
        }
        paragraph
    }

    /// Reads a section title with an underline and an optional overline.
    fn heading(&mut self) -> bool {
        let (first, second, third) = (
            self.line(self.at),
            self.line(self.at + 1),
            self.line(self.at + 2),
        );
        let (title, sign, over, length) = if is_rule(first.trim_end())
            && is_rule(third.trim_end())
            && first.trim_end() == third.trim_end()
        {
            (second, first, true, 3)
        } else {
            (first, second, false, 2)
        };
        let rule = sign.trim_end();
        let fits =
            rule.chars().count() >= 4 || rule.chars().count() >= title.trim_end().chars().count();
        let is_title =
            !title.trim().is_empty() && !is_rule(title.trim()) && (over || indent(title) == 0);
        if !is_title || !fits || !is_repeated_sign(rule) {
            return false;
        }
        let style = (rule.chars().next().unwrap_or_default(), over);
        let level = self
            .styles
            .iter()
            .position(|&known| known == style)
            .unwrap_or_else(|| {
                self.styles.push(style);
                self.styles.len() - 1
            });
        let title = self.inline(title.trim());
        self.out.heading(&title, level + 1);
        self.at += length;
        true
    }

    fn field(&mut self, name: &str, value: &'a str) {
        if self.has_text {
            let text = format!("{name}: {}", self.inline(value));
            return self.out.push(text.trim_end_matches([':', ' ']));
        }
        let mut value = value.to_owned();
        while self.line(self.at).starts_with([' ', '\t']) && !self.line(self.at).trim().is_empty() {
            value.push(' ');
            value.push_str(self.line(self.at).trim());
            self.at += 1;
        }
        let value = self.inline(&value);
        match name.to_lowercase().as_str() {
            "title" => self.meta.title(&value),
            "author" | "authors" => self.meta.add("author", &value),
            "date" => self.meta.set(
                "date",
                value.trim_matches('$').trim_start_matches("Date:").trim(),
            ),
            "tags" | "keywords" => self.meta.add("keywords", &value),
            "lang" | "language" => self.meta.set("language", &value),
            // Directions for Sphinx.
            "orphan" | "tocdepth" | "nocomments" => {}
            name => self.meta.set(name, &value),
        }
    }

    /// Explicit markup: what begins with two dots.
    fn explicit_markup(&mut self, rest: &'a str, depth: usize) {
        if let Some(note) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let text = self.inline(note.1.trim());
            return self.out.push(&text);
        }
        let directive = rest.split_once("::").filter(|(name, _)| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.' | '+'))
        });
        let Some((name, argument)) = directive else {
            // A comment, a target or a substitution. An empty comment does not include what follows
            // a blank line.
            if !rest.is_empty() || !self.line(self.at).trim().is_empty() {
                self.skip_indented(depth);
            }
            return;
        };
        self.has_text = true;
        let (name, argument) = (name.to_lowercase(), argument.trim());
        if SKIPPED_DIRECTIVES.contains(&name.as_str()) {
            return self.skip_indented(depth);
        }
        let is_verbatim = VERBATIM_DIRECTIVES.contains(&name.as_str());
        if !argument.is_empty()
            && (!is_verbatim || name == "math")
            && !WITHOUT_ARGUMENT.contains(&name.as_str())
        {
            let text = self.inline(argument);
            self.out.push(&text);
        }
        while let Some((option, value)) =
            field(self.line(self.at).trim()).filter(|_| indent(self.line(self.at)) > depth)
        {
            if matches!(option, "caption" | "alt" | "title") {
                let text = self.inline(value);
                self.out.push(&text);
            }
            self.at += 1;
        }
        if is_verbatim {
            self.verbatim(depth);
        }
    }

    /// Skips the lines that are indented more than `depth`.
    fn skip_indented(&mut self, depth: usize) {
        while self.at < self.lines.len() {
            let line = self.line(self.at);
            if !line.trim().is_empty() && indent(line) <= depth {
                break;
            }
            self.at += 1;
        }
    }

    /// Adds the lines that are indented more than `depth` unchanged.
    fn verbatim(&mut self, depth: usize) {
        let start = self.at;
        self.skip_indented(depth);
        let lines = self.lines.get(start..self.at).unwrap_or_default();
        let margin = lines
            .iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| indent(line))
            .min()
            .unwrap_or(0);
        self.out.push("");
        for line in lines {
            let cut = line
                .char_indices()
                .take_while(|(at, c)| *at < margin && c.is_whitespace())
                .count();
            self.out.push(line.get(cut..).unwrap_or(line));
        }
        self.out.push("");
    }
}

/// Parses a field, `:name: value`.
fn field(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix(':')?;
    let (name, value) = rest.split_once(':')?;
    let is_name =
        !name.is_empty() && !name.starts_with(' ') && !name.contains('`') && name.len() < 60;
    (is_name && (value.is_empty() || value.starts_with([' ', '\t']))).then(|| (name, value.trim()))
}

/// Whether a line is one punctuation character, repeated.
fn is_repeated_sign(line: &str) -> bool {
    let mut chars = line.chars();
    let first = chars.next();
    first.is_some_and(|c| c.is_ascii_punctuation()) && chars.all(|c| Some(c) == first)
}
