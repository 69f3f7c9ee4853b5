//! Superscripts: powers, ordinals, and the marks of footnotes. Without a sign between, 10 to the
//! 5th reads as 105.

use super::tag::Tag;
use super::tree::{Data, Id, Tree};

/// How a superscript joins the text before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A power: `^` between.
    Power,
    /// A footnote's mark: a space around it.
    Note,
    /// Letters of the same word: 1st, Mlle.
    Joined,
}

/// The last word of `out`, as far as it says what a superscript after it means.
pub fn tail(out: &str) -> &str {
    let start = out
        .char_indices()
        .rev()
        .take(5)
        .take_while(|(_, c)| !c.is_whitespace())
        .last();
    start.map_or("", |(at, _)| &out[at..])
}

/// Whether the superscript `id` is a footnote's mark whatever stands before it: it links, or has no
/// letter and no digit.
pub fn is_note(tree: &Tree, id: Id) -> bool {
    let mut is_sign = true;
    for (seen, below) in tree.subtree(id).enumerate() {
        match &tree.node(below).data {
            Data::Element(element)
                if element.tag == Tag::Link && element.attr("href").is_some() =>
            {
                return true;
            }
            Data::Text(text) => is_sign &= !text.contains(char::is_alphanumeric),
            _ => {}
        }
        if seen > 30 {
            return true;
        }
    }
    let text = tree.raw_text(id);
    let text = text.trim();
    (is_sign && !matches!(text, "" | "+" | "-" | "−" | "°" | "′" | "″" | "'" | "±"))
        || text.starts_with('[')
}

/// What the superscript `id` is after the text `before`.
pub fn of(tree: &Tree, id: Id, before: &str) -> Mark {
    let Some(last) = before.chars().next_back() else {
        return Mark::Joined;
    };
    if is_note(tree, id) {
        return Mark::Note;
    }
    let text = tree.raw_text(id);
    let text = text.trim();
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    let word_before = before
        .chars()
        .rev()
        .take_while(|c| c.is_alphanumeric())
        .count();
    if has_digit {
        let base = last.is_ascii_digit() || matches!(last, ')' | ']' | '}' | '|');
        return if base || (last.is_alphanumeric() && word_before <= 3) {
            Mark::Power
        } else {
            Mark::Note
        };
    }
    if !text.contains(char::is_alphabetic) {
        return Mark::Joined;
    }
    let letters = text.to_lowercase();
    let is_number = last.is_ascii_digit() || matches!(last, 'I' | 'V' | 'X' | 'L' | 'C');
    if (is_number && is_ordinal(&letters)) || is_abbreviated(before, &letters) {
        return Mark::Joined;
    }
    let is_sign = text.chars().count() > 1 && text.chars().all(char::is_uppercase);
    if is_sign && !last.is_ascii_digit() {
        Mark::Note
    } else {
        Mark::Power
    }
}

/// Endings of ordinal numbers in English and the Romance languages.
fn is_ordinal(letters: &str) -> bool {
    matches!(
        letters,
        "st" | "nd"
            | "rd"
            | "th"
            | "er"
            | "ers"
            | "re"
            | "ère"
            | "e"
            | "es"
            | "ème"
            | "ième"
            | "o"
            | "os"
            | "a"
            | "as"
    )
}

/// Whether a word is shortened to its beginning and these last letters: Mlle, no, Dr.
fn is_abbreviated(before: &str, letters: &str) -> bool {
    let word = before
        .rsplit(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    match letters {
        "o" | "os" => matches!(word, "n" | "N"),
        "r" | "rs" => matches!(word, "D" | "M" | "S" | "Sen"),
        "me" | "mes" | "lle" | "lles" | "gr" | "grs" | "e" | "es" | "ter" => {
            matches!(word, "M" | "P" | "S")
        }
        "te" | "ts" | "t" => matches!(word, "S" | "C" | "Cap"),
        letters => letters.chars().count() > 2 && letters.chars().all(char::is_lowercase),
    }
}
