//! One normalization for what is indexed, asked and compared.
//!
//! [`fold`] gives one form for each character, nothing invisible, one kind of blank, and no letter case; [`fold_marks`] takes
//! out the marks that writers leave out, too, and [`fold_value`] is what a filter compares. Each gives the same for its own
//! result.

pub mod chars;
#[cfg(test)]
mod tests;

use chars::{is_ignorable, is_optional_mark, plain_letter, plain_sign};
use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfd_quick};

/// Text without regard to letter case: compatibility forms and composition by NFKC, invisible characters out, every blank
/// a space (line breaks stay), signs that look alike made alike, and full case folding (`STRASSE` and `straße` are one).
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if !text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Borrowed(text);
        }
        return Cow::Owned(text.to_ascii_lowercase());
    }
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    if folded == text { Cow::Borrowed(text) } else { Cow::Owned(folded) }
}

/// The same into a buffer, which is not emptied first.
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
    // The dot above `İ` is what makes it an `i`: writing it twice makes no other letter.
    let again = move |c: &char| {
        let again = *c == '\u{307}' && last == 'i';
        last = if again { last } else { *c };
        !again
    };
    folded.extend(visible(text).flat_map(fold_case).filter(again).nfc());
}

/// Folded text without the marks that writers leave out (`résumé`, niqqud, tashkil): for finding, never for showing.
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
    if plain == folded { Cow::Borrowed(folded) } else { Cow::Owned(plain) }
}

/// A value as a filter compares it: [`fold`], with runs of blanks made one and none at the ends.
pub fn fold_value(text: &str) -> Cow<'_, str> {
    let folded = fold(text);
    let blank = |c: char| c.is_whitespace();
    let plain = folded.trim_matches(blank).len() == folded.len()
        && !folded.as_bytes().windows(2).any(|two| two.iter().all(u8::is_ascii_whitespace))
        && !folded.bytes().any(|b| b.is_ascii_whitespace() && b != b' ');
    if plain {
        return folded;
    }
    Cow::Owned(folded.split(blank).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
}

/// The characters of a text as they are read. Ignorable ones go before they are composed, for they would keep letters
/// and marks apart, and after, for some compatibility forms hold them.
fn visible(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| !is_ignorable(*c)).nfkc().filter(|c| !is_ignorable(*c)).map(|c| match plain_sign(c) {
        '\n' | '\r' => c,
        plain if plain.is_whitespace() => ' ',
        plain => plain,
    })
}

/// Full case folding of one character. Upper case brings together what lower case keeps apart (`ß` and `SS`, `ς` and
/// `σ`), but has an `ẞ` of its own; the dotless `ı` alone would become another letter on that way.
fn fold_case(c: char) -> impl Iterator<Item = char> {
    let (plain, wide) = match c {
        '\0'..='\u{7f}' => (Some(c.to_ascii_lowercase()), None),
        'ı' => (Some(c), None),
        'İ' => (Some('i'), None),
        _ => (None, Some(c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase))),
    };
    plain.into_iter().chain(wide.into_iter().flatten())
}
