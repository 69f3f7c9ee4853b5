//! Numbers and excerpts formatted for people.

/// `text` on one line, with control characters removed, cut to `max_chars` characters.
pub fn truncate(text: &str, max_chars: usize) -> String {
    let plain = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.chars().count() <= max_chars {
        return plain;
    }
    let kept: String = plain.chars().take(max_chars.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `count` and the English plural of `noun`: "1 passage", "2,500 passages", "3 queries".
pub fn pluralize(count: usize, noun: &str) -> String {
    let number = group_thousands(count);
    match noun.strip_suffix("ry") {
        _ if count == 1 => format!("{number} {noun}"),
        Some(stem) => format!("{number} {stem}ries"),
        None => format!("{number} {noun}s"),
    }
}

/// A number with commas between thousands.
pub fn group_thousands(number: usize) -> String {
    eval::report::with_thousands_separators(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncate_counts_characters_not_bytes() {
        assert_eq!(truncate("ééé ééé", 5), "ééé…");
    }

    #[test]
    fn pluralize_groups_thousands_and_knows_queries() {
        assert_eq!(
            pluralize(1, "passage") + &pluralize(2500, " word"),
            "1 passage2,500  words"
        );
        assert_eq!(
            pluralize(1, "query") + &pluralize(3, "query"),
            "1 query3 queries"
        );
    }
}
