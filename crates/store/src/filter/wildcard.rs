//! `*` and `?` in a condition: nothing else stands for anything but itself.

use ingest::fold::fold;

/// A pattern of characters, compared without regard to letter case and to how letters are composed. `*` stands for any number of characters and `?` for
/// one. In a path neither stands for a `/`; there `**` does, and `**/` also stands for no folder at all.
#[derive(Debug)]
pub struct Wildcard {
    parts: Vec<Part>,
    in_path: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Char(char),
    One,
    /// `*`
    Many,
    /// `**`
    All,
    /// `**/`: goes on at once, or inside.
    Folders,
    /// Within `**/`: goes on after a slash.
    Inside,
}

impl Wildcard {
    /// `in_path` says that the values are paths.
    pub fn new(pattern: &str, in_path: bool) -> Self {
        let mut parts = Vec::new();
        let pattern = fold(pattern);
        let mut rest = pattern.as_ref();
        while let Some(c) = rest.chars().next() {
            let begins_folder = matches!(parts.last(), None | Some(Part::Char('/')));
            if in_path && begins_folder && rest.starts_with("**/") {
                parts.extend([Part::Folders, Part::Inside]);
                rest = &rest[3..];
            } else if in_path && rest.starts_with("**") {
                parts.push(Part::All);
                rest = rest.trim_start_matches('*');
            } else {
                parts.push(match c {
                    '*' => Part::Many,
                    '?' => Part::One,
                    c => Part::Char(c),
                });
                rest = &rest[c.len_utf8()..];
            }
        }
        Self { parts, in_path }
    }

    /// Whether all of `text` has this form. Takes a step for each character and each place of the pattern at most.
    pub fn matches(&self, text: &str) -> bool {
        let (mut places, mut next) = (Vec::new(), Vec::new());
        self.reach(0, &mut places);
        for c in fold(text).chars() {
            next.clear();
            for &place in &places {
                match self.parts.get(place) {
                    Some(Part::Char(expected)) if *expected == c => self.reach(place + 1, &mut next),
                    Some(Part::One) if !self.ends_at(c) => self.reach(place + 1, &mut next),
                    Some(Part::Many) if !self.ends_at(c) => self.reach(place, &mut next),
                    Some(Part::All) => self.reach(place, &mut next),
                    Some(Part::Inside) => {
                        self.reach(place, &mut next);
                        if c == '/' {
                            self.reach(place + 1, &mut next);
                        }
                    }
                    _ => {}
                }
            }
            std::mem::swap(&mut places, &mut next);
        }
        places.contains(&self.parts.len())
    }

    fn ends_at(&self, c: char) -> bool {
        self.in_path && c == '/'
    }

    /// Adds a place, and those that follow it without a character.
    fn reach(&self, place: usize, places: &mut Vec<usize>) {
        if places.contains(&place) {
            return;
        }
        places.push(place);
        match self.parts.get(place) {
            Some(Part::Many | Part::All) => self.reach(place + 1, places),
            Some(Part::Folders) => {
                self.reach(place + 1, places);
                self.reach(place + 2, places);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_star_and_question_mark_stand_for_others() {
        for (pattern, text, expected) in [
            ("caf?", "café", true),
            ("É*", "école", true),
            ("*ß", "STRASSE", false),
            ("[draft]*", "[Draft] one", true),
            ("[draft]*", "d", false),
            ("{a,b}", "a", false),
            ("{a,b}*", "{A,B}!", true),
            ("a\\*", "a\\b", true),
            ("", "", true),
            ("?", "", false),
            ("a*b*c", "abbbc", true),
            ("a*b*c", "abcd", false),
            ("**", "a/b", true),
        ] {
            assert_eq!(Wildcard::new(pattern, false).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn in_a_path_one_star_keeps_to_its_folder() {
        for (pattern, text, expected) in [
            ("docs/*.md", "docs/a.md", true),
            ("docs/*.md", "docs/b/a.md", false),
            ("docs/?.md", "docs//.md", false),
            ("docs/**/*.md", "docs/a.md", true),
            ("docs/**/*.md", "docs/b/c/a.md", true),
            ("docs/**/*.md", "docsa.md", false),
            ("**/*.MD", "docs/b/a.md", true),
            ("**/*.md", "a.md", true),
            ("docs/**", "docs/b/a.md", true),
            ("**a.md", "docs/b/a.md", true),
        ] {
            assert_eq!(Wildcard::new(pattern, true).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_their_number() {
        let pattern = "a*".repeat(500) + "b";
        assert!(!Wildcard::new(&pattern, false).matches(&"a".repeat(5000)));
    }
}
