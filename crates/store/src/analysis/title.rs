//! A title as one term, so that a question that is a title finds it whatever its words are (`The The`, `IT`).

use ingest::fold::fold;

/// A title, or a question, without regard to letter case, signs at its ends and blanks.
pub fn term(text: &str) -> String {
    let folded = fold(text);
    let words = folded.split(|c: char| c.is_whitespace()).map(|word| word.trim_matches(is_closing));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Signs that stand at the end of a word, or around it, and are no part of it.
fn is_closing(c: char) -> bool {
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
