//! Counts, names and excerpts, as people read them.

/// The first `most` characters of `text` on one line.
pub fn clipped(text: &str, most: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.chars().count() <= most {
        return plain;
    }
    let kept: String = plain.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `count` of something, in English: "1 passage", "2,500 passages", "3 queries".
pub fn counted(count: usize, one: &str) -> String {
    let count_shown = grouped(count);
    match one.strip_suffix("ry") {
        _ if count == 1 => format!("{count_shown} {one}"),
        Some(stem) => format!("{count_shown} {stem}ries"),
        None => format!("{count_shown} {one}s"),
    }
}

/// A number with commas between thousands.
pub fn grouped(number: usize) -> String {
    eval::report::grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_counts_characters() {
        assert_eq!(clipped("ééé ééé", 5), "ééé…");
        assert_eq!(counted(1, "passage") + &counted(2500, " word"), "1 passage2,500  words");
        assert_eq!(counted(1, "query") + &counted(3, "query"), "1 query3 queries");
    }
}
