//! Word segmentation by Unicode's rules. Names that contain signs are units together with their
//! parts, and so are runs of scripts without spaces between words.

use super::quantity::{self, Measure};
use ingest::fold::chars::{Class, class, plain_sign};
use std::ops::Range;

/// The kind of a unit of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// One word.
    Word,
    /// Words joined by apostrophes (`don't`, `l'eau`).
    Apostrophes,
    /// Words and signs that form one name (`C++`, `node.js`, `§ 12(3)`).
    Compound,
    /// A number with a unit of measure (`100mg`, `-5 °C`), which begins at this byte.
    Quantity(usize),
    /// A run of a script without spaces between words.
    Run(Class),
}

/// Splits a text into units.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The end of the previous unit, which signs before the next one may not reach across.
    previous_end: usize,
    /// The words of the last unit.
    parts: Vec<Range<usize>>,
}

impl<'a> Scanner<'a> {
    /// A scanner at the beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            previous_end: 0,
            parts: Vec::new(),
        }
    }

    /// The byte ranges of the words of the last unit.
    pub fn parts(&self) -> &[Range<usize>] {
        &self.parts
    }

    /// The next unit and its byte range; `None` at the end.
    pub fn next_unit(&mut self) -> Option<(Unit, Range<usize>)> {
        loop {
            let c = self.char_at(self.at)?;
            match class(c) {
                Class::Word => return Some(self.word()),
                Class::Extend | Class::Space | Class::Other => self.at += c.len_utf8(),
                spaceless => return Some(self.run(spaceless)),
            }
        }
    }

    fn char_at(&self, at: usize) -> Option<char> {
        match self.text.as_bytes().get(at) {
            None => None,
            Some(&byte) if byte < 128 => Some(char::from(byte)),
            Some(_) => self.text.get(at..)?.chars().next(),
        }
    }

    fn char_before(&self, at: usize) -> Option<char> {
        self.text.get(..at)?.chars().next_back()
    }

    fn slice(&self, span: &Range<usize>) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    fn run(&mut self, script: Class) -> (Unit, Range<usize>) {
        let start = self.at;
        while let Some(c) = self.char_at(self.at) {
            let class = class(c);
            if class != script && class != Class::Extend {
                break;
            }
            self.at += c.len_utf8();
        }
        self.previous_end = self.at;
        self.parts.clear();
        (Unit::Run(script), start..self.at)
    }

    /// The end of the letters and digits that begin at `at`.
    fn word_end(&self, mut at: usize) -> usize {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(at) {
                Some(byte) if byte.is_ascii_alphanumeric() => at += 1,
                Some(byte) if *byte >= 128 => match self.char_at(at) {
                    Some(c) if matches!(class(c), Class::Word | Class::Extend) => {
                        at += c.len_utf8()
                    }
                    _ => return at,
                },
                _ => return at,
            }
        }
    }

    fn word(&mut self) -> (Unit, Range<usize>) {
        let first = self.at;
        let mut end = self.word_end(first);
        self.parts.clear();
        self.parts.push(first..end);
        let (mut start, mut unit) = (first, Unit::Word);
        // A fast path: most words have white space on both sides.
        let bytes = self.text.as_bytes();
        let plain_before = first == 0
            || bytes
                .get(first - 1)
                .is_some_and(|b| *b == b' ' || *b == b'\n');
        let plain_after = bytes.get(end).is_none_or(|b| *b == b' ' || *b == b'\n');
        let is_number = bytes.get(first).is_some_and(u8::is_ascii_digit);
        if !plain_before {
            start = self.leading_signs_start(first);
        }
        if !plain_after {
            (end, unit) = self.join_words(end);
        }
        if start < first {
            unit = Unit::Compound;
        }
        if is_number && let Some(quantity) = self.quantity(first, end) {
            (end, unit) = quantity;
        }
        self.at = end;
        self.previous_end = end;
        (unit, start..end)
    }

    /// Extends a word that ends at `end` by what signs join to it. Returns the new end and the kind
    /// of the unit.
    fn join_words(&mut self, mut end: usize) -> (usize, Unit) {
        let mut unit = Unit::Word;
        while let Some((from, apostrophe)) = self.connector(end) {
            end = self.word_end(from);
            self.parts.push(from..end);
            unit = match unit {
                Unit::Word | Unit::Apostrophes if apostrophe => Unit::Apostrophes,
                _ => Unit::Compound,
            };
        }
        let with_signs = self.trailing_signs_end(end);
        if with_signs > end {
            (with_signs, Unit::Compound)
        } else {
            (end, unit)
        }
    }

    /// If a sign at `end` joins another word, the start of that word and whether the sign is an
    /// apostrophe.
    fn connector(&self, end: usize) -> Option<(usize, bool)> {
        let sign = self.char_at(end)?;
        let plain = plain_sign(sign);
        let (before, mut next) = (self.char_before(end)?, end + sign.len_utf8());
        let after = |at: usize| self.char_at(at).filter(|c| class(*c) == Class::Word);
        let digits = before.is_numeric() && after(next).is_some_and(char::is_numeric);
        let joins = match plain {
            '.' | '-' | '_' | '/' | '&' | '@' | '+' | '#' | '\\' | '~' | '\u{b7}' => true,
            ',' => digits,
            ':' if self
                .text
                .get(next..)
                .is_some_and(|rest| rest.starts_with(':')) =>
            {
                next += 1;
                true
            }
            ':' if self
                .text
                .get(next..)
                .is_some_and(|rest| rest.starts_with("//")) =>
            {
                next += 2;
                true
            }
            ':' => digits,
            '\'' => before.is_alphabetic() && after(next).is_some_and(char::is_alphabetic),
            '"' | '\u{5f4}' => is_hebrew(before) && after(next).is_some_and(is_hebrew),
            _ => false,
        };
        (joins && after(next).is_some()).then_some((next, matches!(plain, '\'' | '"' | '\u{5f4}')))
    }

    /// The end of trailing signs that belong to the word: `++`, `#`, `€`, `(3)`.
    fn trailing_signs_end(&mut self, mut end: usize) -> usize {
        let Some(last) = self.parts.last().map(|part| self.slice(part)) else {
            return end;
        };
        let numbered = last.ends_with(|c: char| c.is_ascii_digit());
        let rest = self.text.get(end..).unwrap_or_default();
        let pluses = rest.len() - rest.trim_start_matches('+').len();
        let ends = |at: usize| self.char_at(at).is_none_or(|c| class(c) != Class::Word);
        if (1..=2).contains(&pluses) && ends(end + pluses) {
            return end + pluses;
        }
        if rest.starts_with('#') && last.len() <= 3 && !numbered && ends(end + 1) {
            return end + 1;
        }
        if numbered && let Some(sign) = rest.chars().next().filter(|c| "€£¥$".contains(*c)) {
            return end + sign.len_utf8();
        }
        while numbered && let Some(inner) = self.parenthesized(end) {
            end = inner.end + 1;
            self.parts.push(inner);
        }
        end
    }

    /// A few letters or digits in parentheses at `at`, as in section numbers.
    fn parenthesized(&self, at: usize) -> Option<Range<usize>> {
        if self.char_at(at)? != '(' {
            return None;
        }
        let end = self.word_end(at + 1);
        ((at + 2..at + 6).contains(&end) && self.char_at(end) == Some(')')).then_some(at + 1..end)
    }

    /// The start of leading signs that belong to the word at `first`: `.NET`, `-5`, `§ 12`, `#1`,
    /// `@user`, `$PATH`.
    fn leading_signs_start(&self, first: usize) -> usize {
        let before = |at: usize| self.char_before(at).filter(|_| at > self.previous_end);
        let Some(sign) = before(first) else {
            return first;
        };
        let start = first - sign.len_utf8();
        let number = self.char_at(first).is_some_and(char::is_numeric);
        let opens = |at: usize| {
            before(at).is_none_or(|c| c.is_whitespace() || "([{<\"'“‘«„,;:|=—–`>".contains(c))
        };
        match plain_sign(sign) {
            '.' | '#' | '@' | '-' if opens(start) => start,
            '-' if before(start) == Some('-') && opens(start - 1) && !number => start - 1,
            '$' | '€' | '£' | '¥' => start,
            '§' => start,
            ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' if number && before(start) == Some('§') => {
                start - '§'.len_utf8()
            }
            _ => first,
        }
    }

    /// The end of the unit if it is a number with a unit of measure, attached or after a space.
    fn quantity(&mut self, first: usize, end: usize) -> Option<(usize, Unit)> {
        let Measure { from, end, letters } = quantity::measure(self.text, first, end)?;
        if let Some(part) = self.parts.last_mut().filter(|part| part.end > from) {
            part.end = from;
        }
        self.parts.extend(letters);
        Some((end, Unit::Quantity(from)))
    }
}

fn is_hebrew(c: char) -> bool {
    ('\u{5d0}'..='\u{5ea}').contains(&c)
}
