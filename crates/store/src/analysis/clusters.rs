//! Scripts that put no spaces between words: pairs of what is written together stand for words.
//!
//! A pair finds every word of two characters or more wherever it stands, needs no dictionary, and does not change with
//! one. Characters alone go to the field of exact forms, so that a word of one character is found too.

use ingest::fold::chars::Class;
use std::ops::Range;

/// Cuts a folded run into the least that can stand for itself: a character, or in the scripts of Southeast Asia a
/// consonant with all that hangs on it.
pub fn clusters(run: &str, class: Class, clusters: &mut Vec<Range<usize>>) {
    clusters.clear();
    // Whether the next character belongs to the cluster before it whatever it is.
    let mut bound = false;
    for (at, c) in run.char_indices() {
        let end = at + c.len_utf8();
        let hangs = match class {
            Class::SoutheastAsian => bound || follows(c),
            _ => unicode_normalization::char::is_combining_mark(c),
        };
        match clusters.last_mut() {
            Some(last) if hangs => last.end = end,
            _ => clusters.push(at..end),
        }
        bound = class == Class::SoutheastAsian && binds(c);
    }
}

/// Whether a character hangs on the one before it: a mark, or a vowel that is written after its consonant.
fn follows(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
        || matches!(c, '\u{e2f}'..='\u{e3a}' | '\u{e45}'..='\u{e4e}' | '\u{eaf}'..='\u{ebd}' | '\u{ec6}'..='\u{ece}')
}

/// Whether the character after it belongs to it: a vowel written before its consonant, or a sign that stacks the next.
fn binds(c: char) -> bool {
    matches!(c, '\u{e40}'..='\u{e44}' | '\u{ec0}'..='\u{ec4}' | '\u{17d2}' | '\u{1039}' | '\u{1a60}')
}
