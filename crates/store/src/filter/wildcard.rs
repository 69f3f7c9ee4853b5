//! Wildcard patterns with `*` and `?`. All other characters stand for themselves.

use ingest::fold::fold;

/// A compiled pattern. Letter case and Unicode composition are ignored. `*` matches any number of
/// characters and `?` one. In a path neither matches `/`, but `**` does, and `**/` also matches no
/// folder at all.
#[derive(Debug)]
pub struct Wildcard {
    states: Vec<State>,
    in_path: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Char(char),
    One,
    /// `*`
    Many,
    /// `**`
    All,
    /// `**/`: matches nothing, or enters [`State::Inside`].
    Folders,
    /// Within `**/`: ends after any slash.
    Inside,
}

impl Wildcard {
    /// A pattern for any text.
    pub fn new(pattern: &str) -> Self {
        Self::compile(pattern, false)
    }

    /// A pattern for paths, whose separator is `/`.
    pub fn for_path(pattern: &str) -> Self {
        Self::compile(pattern, true)
    }

    fn compile(pattern: &str, in_path: bool) -> Self {
        let mut states = Vec::new();
        let pattern = fold(pattern);
        let mut rest = pattern.as_ref();
        while let Some(c) = rest.chars().next() {
            let begins_folder = matches!(states.last(), None | Some(State::Char('/')));
            if in_path && begins_folder && rest.starts_with("**/") {
                states.extend([State::Folders, State::Inside]);
                rest = &rest[3..];
            } else if in_path && rest.starts_with("**") {
                states.push(State::All);
                rest = rest.trim_start_matches('*');
            } else {
                states.push(match c {
                    '*' => State::Many,
                    '?' => State::One,
                    c => State::Char(c),
                });
                rest = &rest[c.len_utf8()..];
            }
        }
        Self { states, in_path }
    }

    /// Whether the pattern matches all of `text`. Simulates the nondeterministic automaton, whose
    /// active states are bounded by the length of the pattern, so there is no exponential
    /// backtracking.
    pub fn matches(&self, text: &str) -> bool {
        let (mut active, mut next) = (Vec::new(), Vec::new());
        self.activate(0, &mut active);
        for c in fold(text).chars() {
            next.clear();
            for &state in &active {
                match self.states.get(state) {
                    Some(State::Char(expected)) if *expected == c => {
                        self.activate(state + 1, &mut next)
                    }
                    Some(State::One) if !self.is_separator(c) => {
                        self.activate(state + 1, &mut next)
                    }
                    Some(State::Many) if !self.is_separator(c) => self.activate(state, &mut next),
                    Some(State::All) => self.activate(state, &mut next),
                    Some(State::Inside) => {
                        self.activate(state, &mut next);
                        if c == '/' {
                            self.activate(state + 1, &mut next);
                        }
                    }
                    _ => {}
                }
            }
            std::mem::swap(&mut active, &mut next);
        }
        active.contains(&self.states.len())
    }

    fn is_separator(&self, c: char) -> bool {
        self.in_path && c == '/'
    }

    /// Adds a state, and those that follow it without a character.
    fn activate(&self, state: usize, active: &mut Vec<usize>) {
        if active.contains(&state) {
            return;
        }
        active.push(state);
        match self.states.get(state) {
            Some(State::Many | State::All) => self.activate(state + 1, active),
            Some(State::Folders) => {
                self.activate(state + 1, active);
                self.activate(state + 2, active);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_star_and_question_mark_are_wildcards() {
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
            assert_eq!(
                Wildcard::new(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn single_star_does_not_cross_folders_in_a_path() {
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
            assert_eq!(
                Wildcard::for_path(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn many_stars_take_polynomial_time() {
        let pattern = "a*".repeat(500) + "b";
        assert!(!Wildcard::new(&pattern).matches(&"a".repeat(5000)));
    }
}
