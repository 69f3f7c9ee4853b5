//! Whole titles as terms, so that a query that is a title finds it even if it has stop words only
//! (`The The`, `IT`).

use ingest::fold::fold;

/// Normalizes a title or a query: folds case, removes punctuation around words, and collapses white
/// space.
pub fn term(text: &str) -> String {
    let folded = fold(text);
    let words = folded
        .split(|c: char| c.is_whitespace())
        .map(|word| word.trim_matches(is_punctuation));
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Punctuation at the end of a word or around it that is not part of the word.
fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '?'
            | '!'
            | '"'
            | '\''
            | '('
            | ')'
            | '['
            | ']'
            | '«'
            | '»'
            | '„'
            | '。'
            | '、'
            | '？'
            | '！'
            | '「'
            | '」'
            | '¿'
            | '¡'
    )
}
