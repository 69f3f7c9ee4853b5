//! Ids in the columns of TREC files, which white space separates.

use std::collections::HashMap;

/// Escapes an id: each byte of white space becomes `%` and two hexadecimal digits, as in a URL, and
/// so does `%` itself, so that different ids stay different.
pub fn escape(id: &str) -> String {
    let mut escaped = String::with_capacity(id.len());
    for c in id.chars() {
        if is_escaped(c) {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes)
                .bytes()
                .for_each(|byte| escaped.push_str(&format!("%{byte:02X}")));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Whether [`escape`] changes a character.
fn is_escaped(c: char) -> bool {
    c.is_whitespace() || c == '%'
}

/// Finds the ids that [`escape`] changed among known ones. Files of other programs have ids that
/// only look escaped, so nothing is unescaped by its form alone.
#[derive(Debug, Default)]
pub struct EscapedIds(HashMap<String, String>);

impl EscapedIds {
    /// Of those of `ids` that have something to escape.
    pub fn of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let changed = ids.into_iter().filter(|id| id.contains(is_escaped));
        Self(changed.map(|id| (escape(id), id.to_owned())).collect())
    }

    /// The id with this escaped form, if there is one.
    pub fn original(&self, escaped: &str) -> Option<&str> {
        self.0.get(escaped).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_ids_have_no_white_space_and_are_found_again() {
        let ids = [
            "a b",
            "a%20b",
            "a%2520b",
            "%",
            " ",
            "a\tb",
            "a\u{3000}b",
            "a\u{85}b",
            "a\r\nb",
        ];
        let escaped = EscapedIds::of(ids.into_iter().chain(["plain", "a#1"]));
        for id in ids {
            assert!(!escape(id).contains(char::is_whitespace), "{id:?}");
            assert_eq!(escaped.original(&escape(id)), Some(id));
        }
        assert_eq!(
            (escaped.original("plain"), escaped.original("x%20y")),
            (None, None)
        );
    }
}
