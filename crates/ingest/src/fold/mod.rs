//! Unicode normalization and case folding, the same for indexed text, queries and filters.
//!
//! [`fold`] normalizes characters, white space and case; [`fold_marks`] also removes optional
//! diacritics; [`fold_value`] is the form in which filters compare values. All three are
//! idempotent.

pub mod chars;
#[cfg(test)]
mod tests;

use chars::{is_ignorable, is_optional_mark, plain_letter, plain_sign};
use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfd_quick};

/// Normalizes text: NFKC, full case folding (`STRASSE` and `straße` are equal), invisible
/// characters removed, look-alike punctuation unified, all white space but line breaks replaced by
/// a space.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if !text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Borrowed(text);
        }
        return Cow::Owned(text.to_ascii_lowercase());
    }
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    if folded == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(folded)
    }
}

/// Like [`fold`], but appends to `folded`.
pub fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        let from = folded.len();
        folded.push_str(text);
        if let Some(new) = folded.get_mut(from..) {
            new.make_ascii_lowercase();
        }
        return;
    }
    let mut last = '\0';
    // `İ` and its decomposition both fold to a plain `i`, so drop dots above an `i`.
    let is_kept = move |c: &char| {
        let is_dot_of_i = *c == '\u{307}' && last == 'i';
        last = if is_dot_of_i { last } else { *c };
        !is_dot_of_i
    };
    folded.extend(visible(text).flat_map(fold_case).filter(is_kept).nfc());
}

/// Removes marks that writers often omit (accents, niqqud, tashkil) from folded text. For matching,
/// never for display.
pub fn fold_marks(folded: &str) -> Cow<'_, str> {
    if folded.is_ascii() {
        return Cow::Borrowed(folded);
    }
    let marked = |c: char| is_optional_mark(c) || plain_letter(c).is_some();
    if is_nfd_quick(folded.chars()) == IsNormalized::Yes && !folded.chars().any(marked) {
        return Cow::Borrowed(folded);
    }
    let mut plain = String::with_capacity(folded.len());
    for c in folded.nfd().filter(|c| !is_optional_mark(*c)).nfc() {
        match plain_letter(c) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(c),
        }
    }
    if plain == folded {
        Cow::Borrowed(folded)
    } else {
        Cow::Owned(plain)
    }
}

/// The form in which filters compare values: [`fold`], with white space collapsed and trimmed.
pub fn fold_value(text: &str) -> Cow<'_, str> {
    let folded = fold(text);
    let blank = |c: char| c.is_whitespace();
    let plain = folded.trim_matches(blank).len() == folded.len()
        && !folded
            .as_bytes()
            .windows(2)
            .any(|two| two.iter().all(u8::is_ascii_whitespace))
        && !folded.bytes().any(|b| b.is_ascii_whitespace() && b != b' ');
    if plain {
        return folded;
    }
    Cow::Owned(
        folded
            .split(blank)
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// The visible characters of a text in NFKC. Ignorable characters are removed before composition,
/// because they would keep letters and marks apart, and again after it, because some compatibility
/// decompositions contain them.
fn visible(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .filter(|c| !is_ignorable(*c))
        .nfkc()
        .filter(|c| !is_ignorable(*c))
        .map(|c| match plain_sign(c) {
            '\n' | '\r' => c,
            plain if plain.is_whitespace() => ' ',
            plain => plain,
        })
}

/// Full case folding of one character, by way of lower, upper and lower case: upper case unifies
/// `ß` with `SS` and `ς` with `σ`, and the first step takes care of `ẞ`. The dotless `ı` would
/// become an `i` on the way and is excepted.
fn fold_case(c: char) -> impl Iterator<Item = char> {
    let (plain, wide) = match c {
        '\0'..='\u{7f}' => (Some(c.to_ascii_lowercase()), None),
        'ı' => (Some(c), None),
        'İ' => (Some('i'), None),
        _ => (
            None,
            Some(
                c.to_lowercase()
                    .flat_map(char::to_uppercase)
                    .flat_map(char::to_lowercase),
            ),
        ),
    };
    plain.into_iter().chain(wide.into_iter().flatten())
}
