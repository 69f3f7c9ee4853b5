//! Scripts without spaces between words are indexed as bigrams of characters.
//!
//! A bigram finds every word of two or more characters wherever it is, needs no dictionary, and
//! does not change with one. Single characters go to [`TextField::Words`](super::TextField::Words),
//! so that words of one character are found.

use ingest::fold::chars::Class;
use std::ops::Range;

/// Splits a folded run into its smallest units: characters with their combining marks or, in
/// Southeast Asian scripts, consonants with their vowels and signs.
pub fn split(run: &str, class: Class, clusters: &mut Vec<Range<usize>>) {
    clusters.clear();
    // Whether the next character joins this cluster whatever it is.
    let mut bound = false;
    for (at, c) in run.char_indices() {
        let end = at + c.len_utf8();
        let joins = match class {
            Class::SoutheastAsian => bound || joins_previous(c),
            _ => unicode_normalization::char::is_combining_mark(c),
        };
        match clusters.last_mut() {
            Some(last) if joins => last.end = end,
            _ => clusters.push(at..end),
        }
        bound = class == Class::SoutheastAsian && binds_next(c);
    }
}

/// Whether a character belongs to the one before it: a combining mark, or a vowel written after its
/// consonant.
fn joins_previous(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
        || matches!(c, '\u{e2f}'..='\u{e3a}' | '\u{e45}'..='\u{e4e}' | '\u{eaf}'..='\u{ebd}' | '\u{ec6}'..='\u{ece}')
}

/// Whether a character binds the next one: a vowel written before its consonant, or a sign that
/// stacks consonants.
fn binds_next(c: char) -> bool {
    matches!(c, '\u{e40}'..='\u{e44}' | '\u{ec0}'..='\u{ec4}' | '\u{17d2}' | '\u{1039}' | '\u{1a60}')
}
