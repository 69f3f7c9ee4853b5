//! Passages for the terminal: wrapped, with the query's words highlighted.

use crate::output::{style, styled};
use ingest::ByteSpan;
use std::collections::HashSet;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Stop words, which are not highlighted.
const STOP_WORDS: &[&str] = &[
    "a", "about", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did",
    "do", "does", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it",
    "its", "me", "my", "no", "not", "of", "on", "or", "our", "should", "so", "than", "that", "the",
    "their", "then", "there", "these", "they", "this", "those", "to", "us", "was", "we", "were",
    "what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would",
    "you", "your",
];

/// The stems of the words of `query` to highlight.
pub fn keywords(query: &str) -> HashSet<String> {
    let words = query.unicode_words().map(str::to_lowercase);
    words
        .filter(|word| !STOP_WORDS.contains(&word.as_str()))
        .map(|word| stem(&word).to_owned())
        .collect()
}

/// A crude stem: the word without its most frequent endings, so that "waves" highlights "wave".
fn stem(word: &str) -> &str {
    let endings = ["ing", "es", "ed", "e", "s"];
    let stem = endings
        .iter()
        .find_map(|end| word.strip_suffix(end))
        .unwrap_or(word);
    if stem.chars().count() >= 3 {
        stem
    } else {
        word
    }
}

/// Wraps `text` at `width` columns, each line indented by `indent`. Highlights `keywords` and
/// underlines the bytes of `best`. White space and control characters become single spaces.
pub fn wrap(
    text: &str,
    width: usize,
    indent: &str,
    keywords: &HashSet<String>,
    best: Option<ByteSpan>,
) -> String {
    let collapse = |part: &str| {
        let plain: String = part
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // Wrapping changes only white space, so the ends of `best` are counted in other characters.
    let count_visible = |part: &str| {
        collapse(part)
            .chars()
            .filter(|c| !c.is_whitespace())
            .count()
    };
    let best = best.map(|best| {
        let before = count_visible(text.get(..best.start).unwrap_or_default());
        before..before + count_visible(best.of(text))
    });
    let options = textwrap::Options::new(width)
        .initial_indent(indent)
        .subsequent_indent(indent);
    let mut seen = 0;
    let plain = collapse(text);
    let lines = textwrap::wrap(&plain, options);
    lines
        .iter()
        .map(|line| highlight(line, keywords, best.as_ref(), &mut seen))
        .collect::<Vec<_>>()
        .join("\n")
}

fn highlight(
    line: &str,
    keywords: &HashSet<String>,
    best: Option<&Range<usize>>,
    seen: &mut usize,
) -> String {
    let mut out = String::with_capacity(line.len());
    for part in line.split_word_bounds() {
        let keyword = keywords.contains(stem(&part.to_lowercase()));
        let inside = best.is_some_and(|best| best.contains(seen))
            && !(part.trim().is_empty() && out.trim().is_empty());
        *seen += part.chars().filter(|c| !c.is_whitespace()).count();
        match (keyword, inside) {
            (true, true) => out.push_str(&styled(style::MATCH.underline(), part)),
            (true, false) => out.push_str(&styled(style::MATCH, part)),
            (false, true) => out.push_str(&styled(style::BEST, part)),
            (false, false) => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_highlighted() {
        let keywords = keywords("What makes the waves so high?");
        assert_eq!(keywords, ["mak", "wav", "high"].map(str::to_owned).into());
        let shown = wrap("A wave is high.\n\u{1b}[31mRed", 40, "  ", &keywords, None);
        assert_eq!(
            anstream::adapter::strip_str(&shown).to_string(),
            "  A wave is high. [31mRed"
        );
        assert!(
            shown.contains(&styled(style::MATCH, "high"))
                && shown.contains(&styled(style::MATCH, "wave")),
            "{shown:?}"
        );
    }

    #[test]
    fn best_sentence_is_underlined_across_lines() {
        let text = "One thing.\n  Another thing that is long. A third.";
        let shown = wrap(text, 24, "  ", &HashSet::new(), Some(ByteSpan::new(13, 40)));
        let begins = style::BEST.to_string();
        let parts = shown
            .split(&begins)
            .skip(1)
            .map(|part| part.split('\u{1b}').next().unwrap());
        assert_eq!(
            parts.collect::<String>().replace(' ', ""),
            "Anotherthingthatislong."
        );
        assert!(
            shown.lines().count() > 1 && shown.starts_with("  One thing."),
            "{shown:?}"
        );
    }
}
