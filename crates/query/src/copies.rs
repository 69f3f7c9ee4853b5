//! Passages that say the same in the same words.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Vectors of copies are at least so near; looked at first, because it costs nothing.
pub const NEAR: f32 = 0.9;
/// How much of the shorter text must stand in the longer one.
const SHARED: f32 = 0.8;
/// How much shorter it may be: a sentence of an article is no copy of it.
const SHORTER: f32 = 0.6;
/// Texts are compared by every so many words in a row.
const ROW: usize = 4;

/// The rows of words of a text, hashed, regardless of letter case and punctuation.
pub fn rows(text: &str) -> HashSet<u64> {
    let words: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let row = |words: &[String]| {
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        hasher.finish()
    };
    if words.len() < ROW { HashSet::from([row(&words)]) } else { words.windows(ROW).map(row).collect() }
}

/// Whether two texts, by their rows of words, are copies of one another but for small changes.
pub fn alike(a: &HashSet<u64>, b: &HashSet<u64>) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let shared = short.iter().filter(|row| long.contains(row)).count() as f32;
    short.len() as f32 >= SHORTER * long.len() as f32 && shared >= SHARED * short.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_word_makes_a_copy_and_another_text_none() {
        let text = "The minister said on Monday that the bridge across the river will be closed for repairs until \
                    the end of next summer, and that ferries will run every half an hour from either bank instead.";
        let alike = |other: &str| super::alike(&rows(text), &rows(other));
        assert!(alike(text) && alike(&text.to_uppercase()) && alike(&format!("LONDON (Reuters) – {text}")));
        assert!(alike(&text.replace("Monday", "Tuesday")));
        assert!(!alike("The minister said on Monday that the bridge across the river will be closed."));
        assert!(!alike("Ferries will run, said the minister, while the bridge is closed for repairs."));
        assert!(super::alike(&rows("Yes."), &rows("yes")) && !super::alike(&rows("Yes."), &rows("No.")));
        assert!(super::alike(&rows(""), &rows("…")));
    }
}
