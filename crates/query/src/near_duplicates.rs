//! Near-duplicate detection by word shingles (Broder, 1997).

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The least cosine of two near-duplicates. It is checked first because it needs no texts.
pub const MIN_COSINE: f32 = 0.9;
/// The least share of the shorter text's shingles that must be in the longer text.
const MIN_CONTAINMENT: f32 = 0.8;
/// The least ratio of the two texts' shingle counts: a sentence quoted from an article is not a
/// duplicate of it.
const MIN_LENGTH_RATIO: f32 = 0.6;
/// How many consecutive words make a shingle.
const SHINGLE_WORDS: usize = 4;

/// The hashed word shingles of a text. Letter case and punctuation do not matter; a text with fewer
/// words than a shingle is one shingle.
pub fn shingles(text: &str) -> HashSet<u64> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let hash = |words: &[String]| {
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        hasher.finish()
    };
    if words.len() < SHINGLE_WORDS {
        HashSet::from([hash(&words)])
    } else {
        words.windows(SHINGLE_WORDS).map(hash).collect()
    }
}

/// Whether two texts, given by their shingles, differ only in small changes.
pub fn are_near_duplicates(a: &HashSet<u64>, b: &HashSet<u64>) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let shared = short
        .iter()
        .filter(|shingle| long.contains(shingle))
        .count() as f32;
    short.len() as f32 >= MIN_LENGTH_RATIO * long.len() as f32
        && shared >= MIN_CONTAINMENT * short.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_edits_make_near_duplicates_and_excerpts_do_not() {
        let text = "The minister said on Monday that the bridge across the river will be closed for repairs until \
                    the end of next summer, and that ferries will run every half an hour from either bank instead.";
        let duplicates = |other: &str| are_near_duplicates(&shingles(text), &shingles(other));
        assert!(
            duplicates(text)
                && duplicates(&text.to_uppercase())
                && duplicates(&format!("LONDON (Reuters) – {text}"))
        );
        assert!(duplicates(&text.replace("Monday", "Tuesday")));
        assert!(!duplicates(
            "The minister said on Monday that the bridge across the river will be closed."
        ));
        assert!(!duplicates(
            "Ferries will run, said the minister, while the bridge is closed for repairs."
        ));
        assert!(
            are_near_duplicates(&shingles("Yes."), &shingles("yes"))
                && !are_near_duplicates(&shingles("Yes."), &shingles("No."))
        );
        assert!(are_near_duplicates(&shingles(""), &shingles("…")));
    }
}
