//! Camel-case words are also indexed by their parts: `camelCase` as `camel` and `case`.

/// Calls `emit` with each part of a camel-case ASCII word. Does nothing if there is only one part,
/// or if one has fewer than three letters.
pub fn split(word: &str, emit: impl FnMut(&str)) {
    let bytes = word.as_bytes();
    // A capital after a lowercase letter.
    let is_boundary =
        |at: usize| bytes[at].is_ascii_uppercase() && bytes[at - 1].is_ascii_lowercase();
    if !word.is_ascii() || bytes.len() < 6 || !(1..bytes.len()).any(is_boundary) {
        return;
    }
    let boundaries: Vec<usize> = (1..bytes.len()).filter(|at| is_boundary(*at)).collect();
    let ends = boundaries.iter().copied().chain([bytes.len()]);
    let starts = [0].into_iter().chain(boundaries.iter().copied());
    let parts: Vec<&str> = starts.zip(ends).map(|(from, to)| &word[from..to]).collect();
    if parts.iter().all(|part| part.len() >= 3) {
        parts.into_iter().for_each(emit);
    }
}
