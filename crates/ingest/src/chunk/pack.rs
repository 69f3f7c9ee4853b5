//! Packs whole sentences into passages, up to a token budget.

use super::sentence;
use crate::article::ByteSpan;
use unicode_segmentation::UnicodeSegmentation;

/// The word limit of WordPiece, in characters: a longer word becomes a single unknown token, so it
/// is split before.
const MAX_WORD_CHARS: usize = 100;

/// The passages of `section`: runs of sentences of at most `budget` tokens, each beginning with up
/// to `overlap` sentences of the previous one.
pub fn pack(
    text: &str,
    section: ByteSpan,
    budget: usize,
    overlap: usize,
    count: &dyn Fn(&str) -> usize,
) -> Vec<ByteSpan> {
    let units = units(text, section, budget, count);
    let (mut spans, mut first) = (Vec::new(), 0);
    while first < units.len() {
        let mut used = units[first].1;
        let mut end = first + 1;
        while end < units.len() && used + units[end].1 <= budget {
            used += units[end].1;
            end += 1;
        }
        let span = ByteSpan::new(units[first].0.start, units[end - 1].0.end).trimmed(text);
        if !span.is_empty() {
            spans.push(span);
        }
        if end == units.len() {
            break;
        }
        // Repeat sentences only while the next new one still fits after them: each passage must add
        // something.
        let mut next = end;
        let mut remaining = budget.saturating_sub(units[end].1);
        while next > first + 1 && end - next < overlap && units[next - 1].1 <= remaining {
            next -= 1;
            remaining -= units[next].1;
        }
        first = next;
    }
    spans
}

/// The sentences of `section` with their token counts. A sentence over the budget is split into
/// several units.
fn units(
    text: &str,
    section: ByteSpan,
    budget: usize,
    count: &dyn Fn(&str) -> usize,
) -> Vec<(ByteSpan, usize)> {
    let mut units = Vec::new();
    for sentence in sentence::split(section.of(text)) {
        let span = ByteSpan::new(section.start + sentence.start, section.start + sentence.end);
        let tokens = count(span.of(text));
        let long_word = || {
            span.of(text)
                .split_whitespace()
                .any(|word| word.len() > MAX_WORD_CHARS && word.chars().count() > MAX_WORD_CHARS)
        };
        if span.of(text).trim().is_empty() {
            continue;
        }
        if tokens <= budget && !long_word() {
            units.push((span, tokens));
        } else {
            split_long(text, span, budget, count, &mut units);
        }
    }
    units
}

/// Splits a sentence at word boundaries, and overlong words between characters.
fn split_long(
    text: &str,
    span: ByteSpan,
    budget: usize,
    count: &dyn Fn(&str) -> usize,
    units: &mut Vec<(ByteSpan, usize)>,
) {
    let (mut start, mut end, mut used) = (span.start, span.start, 0);
    let mut run = 0;
    let mut push = |start: &mut usize, end: usize, used: &mut usize| {
        let part = ByteSpan::new(*start, end);
        if !part.of(text).trim().is_empty() {
            units.push((part, *used));
        }
        *start = end;
        *used = 0;
    };
    for word in span.of(text).split_word_bounds() {
        run = if word.trim().is_empty() {
            0
        } else {
            run + word.chars().count()
        };
        for part in parts(word) {
            let tokens = count(part);
            // The tokenizer takes a run of characters without white space for one word, even if
            // Unicode sees several.
            if end > start && (used + tokens > budget || run > MAX_WORD_CHARS) {
                push(&mut start, end, &mut used);
                run = part.chars().count();
            }
            used += tokens;
            end += part.len();
        }
    }
    push(&mut start, end, &mut used);
}

/// Splits `word` into parts of at most [`MAX_WORD_CHARS`] characters, without splitting grapheme
/// clusters that fit.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let (part, after) = rest.split_at(first_part(rest));
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// The byte length of the first part. Examines only one character beyond it, because a grapheme
/// cluster can be as long as the text.
fn first_part(word: &str) -> usize {
    let mut ends = word
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .skip(MAX_WORD_CHARS - 1);
    let (Some(max_end), Some(beyond)) = (ends.next(), ends.next()) else {
        return word.len();
    };
    let clusters = word[..beyond].grapheme_indices(true).map(|(at, _)| at);
    clusters
        .rev()
        .find(|at| (1..=max_end).contains(at))
        .unwrap_or(max_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlong_words_are_split() {
        let text = "x".repeat(1000);
        let spans = pack(&text, ByteSpan::new(0, text.len()), 30, 1, &|t| {
            t.len().div_ceil(4)
        });
        assert!(spans.len() >= 10, "{}", spans.len());
        assert!(spans.iter().all(|s| s.len() <= MAX_WORD_CHARS));
        assert_eq!(spans.last().unwrap().end, 1000);
    }

    #[test]
    fn grapheme_clusters_are_kept_whole_unless_they_are_too_long() {
        let cut = |word: &str| {
            parts(word)
                .map(|part| part.chars().count())
                .collect::<Vec<_>>()
        };
        assert_eq!(cut(""), [0; 0]);
        assert_eq!(cut(&"é".repeat(250)), [100, 100, 50]);
        // The hundredth character has an accent, which is a character of its own.
        assert_eq!(
            cut(&format!("{}e\u{301}{}", "x".repeat(99), "y".repeat(20))),
            [99, 22]
        );
        assert_eq!(cut(&format!("a{}", "\u{301}".repeat(249))), [100, 100, 50]);
        // In linear time: a quadratic version took minutes.
        assert_eq!(
            cut(&format!("a{}", "\u{301}".repeat(999_999))).len(),
            10_000
        );
    }
}
