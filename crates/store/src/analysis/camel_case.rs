//! Words within words: `camelCase` is also `camel` and `case`.

/// Gives each part of a word that capitals cut into parts of three letters or more; none if there is but one.
pub fn split(word: &str, give: impl FnMut(&str)) {
    let bytes = word.as_bytes();
    // A capital after a small letter: most words have none.
    let cut = |at: usize| bytes[at].is_ascii_uppercase() && bytes[at - 1].is_ascii_lowercase();
    if !word.is_ascii() || bytes.len() < 6 || !(1..bytes.len()).any(cut) {
        return;
    }
    let cuts: Vec<usize> = (1..bytes.len()).filter(|at| cut(*at)).collect();
    let ends = cuts.iter().copied().chain([bytes.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let parts: Vec<&str> = starts.zip(ends).map(|(from, to)| &word[from..to]).collect();
    if parts.iter().all(|part| part.len() >= 3) {
        parts.into_iter().for_each(give);
    }
}
