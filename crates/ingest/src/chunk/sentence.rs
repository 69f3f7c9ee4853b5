//! Sentence segmentation by Unicode's rules (UAX #29), corrected where they break at abbreviations,
//! initials, or line ends of hard-wrapped text.

use crate::article::ByteSpan;
use unicode_segmentation::UnicodeSegmentation;

/// Abbreviations whose period does not end a sentence.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "rev", "hon", "st", "sr", "jr", "gen", "col", "lt", "sgt",
    "capt", "gov", "sen", "rep", "vs", "etc", "e.g", "i.e", "cf", "al", "fig", "eq", "sec", "ch",
    "vol", "no", "nos", "pp", "ed", "eds", "approx", "dept", "est", "inc", "ltd", "co", "corp",
    "univ",
];

/// The sentences of `text`, in order. Together they cover all of it; white space between two
/// belongs to the first.
pub fn split(text: &str) -> Vec<ByteSpan> {
    let mut sentences: Vec<ByteSpan> = Vec::new();
    for (start, segment) in text.split_sentence_bound_indices() {
        let end = start + segment.len();
        match sentences.last_mut() {
            Some(last) if continues(last.of(text), segment) => last.end = end,
            _ => sentences.push(ByteSpan::new(start, end)),
        }
    }
    sentences
}

/// Whether `after` continues the sentence `before`, so that Unicode's boundary between them is
/// ignored.
fn continues(before: &str, after: &str) -> bool {
    if after.trim().is_empty() {
        return true;
    }
    let sentence = before.trim_end();
    let gap = &before[sentence.len()..];
    let newlines = gap.matches('\n').count();
    if newlines > 1
        || after
            .trim_start_matches([' ', '\t', '\r'])
            .starts_with('\n')
    {
        return false;
    }
    if newlines == 1
        && !sentence.ends_with([
            '.', '!', '?', ':', ';', '。', '！', '？', '…', '"', '”', '|',
        ])
    {
        // A hard-wrapped line: the sentence continues unless the next line begins a heading, list
        // item or other block.
        return !after.starts_with(['#', '-', '*', '+', '|', '>', '`', '\t', ' ', '•'])
            && !after.starts_with(|c: char| c.is_ascii_digit())
            && !sentence.starts_with('#')
            && !sentence.is_empty();
    }
    let Some(word) = sentence
        .strip_suffix('.')
        .and_then(|s| s.rsplit(char::is_whitespace).next())
    else {
        return false;
    };
    let word = word.trim_start_matches(['(', '[', '"', '“', '\'']);
    let initials = !word.is_empty()
        && word
            .split('.')
            .all(|part| part.chars().count() == 1 && part.chars().all(char::is_uppercase));
    initials || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        split(text)
            .into_iter()
            .map(|span| span.of(text).trim())
            .collect()
    }

    #[test]
    fn initials_and_abbreviations_do_not_end_a_sentence() {
        assert_eq!(
            sentences(
                "Vice President J.D. Vance spoke. Dr. Smith left, e.g. Monday. U.S. officials stayed."
            ),
            [
                "Vice President J.D. Vance spoke.",
                "Dr. Smith left, e.g. Monday.",
                "U.S. officials stayed."
            ]
        );
    }

    #[test]
    fn sentences_continue_across_hard_wrapped_lines() {
        assert_eq!(
            sentences("A line that\ngoes on here. Next\none.\n\nNew para"),
            ["A line that\ngoes on here.", "Next\none.", "New para"]
        );
        assert_eq!(
            sentences("# Heading\nText here\n- item one\n- item two"),
            ["# Heading", "Text here", "- item one", "- item two"]
        );
    }

    #[test]
    fn cjk_full_stops_end_sentences() {
        assert_eq!(
            sentences("今日は晴れ。明日は雨。"),
            ["今日は晴れ。", "明日は雨。"]
        );
    }

    #[test]
    fn sentences_cover_the_text() {
        let text = " One.  Two!\r\n\r\nThree? é\n";
        let spans = split(text);
        assert_eq!(spans.iter().map(|s| s.of(text)).collect::<String>(), text);
    }
}
