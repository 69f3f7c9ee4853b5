//! The parser of filters: recursive descent over the text.

use super::{Clause, Filter, FilterError, Predicate};
use std::ops::Bound;

/// The nesting limit, which keeps recursion off the end of the stack.
const MAX_DEPTH: usize = 64;

pub fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    let filter = parser.or()?;
    match parser.peek() {
        None => Ok(filter),
        Some(')') => Err(parser.error("this parenthesis was never opened")),
        Some(_) => Err(parser.error(format!(
            "expected AND, OR or the end, found {}",
            parser.found()
        ))),
    }
}

/// `text`, quoted if it would not be parsed as itself otherwise.
pub fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .chars()
            .all(|c| !ends_word(c) && !"*?:<>[]{}\\".contains(c));
    if plain && !is_keyword(text) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_keyword(word: &str) -> bool {
    ["AND", "OR", "NOT", "TO"].contains(&word)
}

/// Whether `c` ends an unquoted word.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || "()\"".contains(c)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// A word, and whether it was quoted.
struct Word {
    text: String,
    quoted: bool,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.and()?];
        while self.keyword("OR") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::Or(parts)
        })
    }

    fn and(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.part()?];
        while self.keyword("AND") {
            parts.push(self.part()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::And(parts)
        })
    }

    fn part(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("nested more than {MAX_DEPTH} deep")));
        }
        let part = if self.keyword("NOT") {
            Filter::Not(Box::new(self.part()?))
        } else if self.peek() == Some('(') {
            let opened = self.at;
            self.at += 1;
            let inside = self.or()?;
            match self.peek() {
                Some(')') => self.at += 1,
                None => {
                    self.at = opened;
                    return Err(self.error("this parenthesis is never closed"));
                }
                Some(_) => {
                    return Err(
                        self.error(format!("expected AND, OR or ), found {}", self.found()))
                    );
                }
            }
            inside
        } else {
            self.clause()?
        };
        self.depth -= 1;
        Ok(part)
    }

    fn clause(&mut self) -> Result<Filter, FilterError> {
        let start = self.skip_whitespace();
        let field = self.word(|c| c == ':')?;
        let wrong = |parser: &mut Self| {
            parser.at = start;
            let found = parser.found();
            Err(parser.error(format!(
                "expected a condition like field:value, found {found}"
            )))
        };
        if field.text.is_empty() || (!field.quoted && is_keyword(&field.text)) {
            return wrong(self);
        }
        if !self.rest().starts_with(':') {
            return wrong(self);
        }
        self.at += 1;
        let predicate = self.predicate()?;
        Ok(Filter::Clause(Clause {
            field: field.text,
            predicate,
        }))
    }

    fn predicate(&mut self) -> Result<Predicate, FilterError> {
        // White space is not allowed after the colon: it would make the value the start of another
        // clause.
        match self.rest().chars().next() {
            Some('[' | '{') => return self.range(),
            Some('>' | '<') => return self.comparison(),
            _ => {}
        }
        let word = self.word(|_| false)?;
        if word.text.is_empty() && !word.quoted {
            return Err(self.error(format!(
                "expected a value after the colon, found {}",
                self.found()
            )));
        }
        Ok(match word {
            Word {
                text,
                quoted: false,
            } if text == "*" => Predicate::Exists,
            Word {
                text,
                quoted: false,
            } if text.contains(['*', '?']) => Predicate::Glob(text),
            Word { text, .. } => Predicate::Equals(text),
        })
    }

    fn comparison(&mut self) -> Result<Predicate, FilterError> {
        let is_upper = self.rest().starts_with('<');
        self.at += 1;
        let inclusive = self.rest().starts_with('=');
        self.at += usize::from(inclusive);
        let word = self.word(|_| false)?;
        if word.text.is_empty() {
            return Err(self.error(format!("expected a bound, found {}", self.found())));
        }
        let bound = if inclusive {
            Bound::Included(word.text)
        } else {
            Bound::Excluded(word.text)
        };
        Ok(if is_upper {
            Predicate::Range(Bound::Unbounded, bound)
        } else {
            Predicate::Range(bound, Bound::Unbounded)
        })
    }

    fn range(&mut self) -> Result<Predicate, FilterError> {
        let opened = self.at;
        let low_excluded = self.rest().starts_with('{');
        self.at += 1;
        let low = self.bound(low_excluded)?;
        if !self.keyword("TO") {
            return Err(self.error(format!(
                "expected TO between the bounds, found {}",
                self.found()
            )));
        }
        let high = self.bound(false)?;
        let high_excluded = match self.peek() {
            Some(']') => false,
            Some('}') => true,
            None => {
                self.at = opened;
                return Err(self.error("this range is never closed"));
            }
            Some(_) => return Err(self.error(format!("expected ] or }}, found {}", self.found()))),
        };
        self.at += 1;
        let high = match high {
            Bound::Included(bound) if high_excluded => Bound::Excluded(bound),
            bound => bound,
        };
        Ok(Predicate::Range(low, high))
    }

    fn bound(&mut self, excluded: bool) -> Result<Bound<String>, FilterError> {
        self.skip_whitespace();
        let word = self.word(|c| "[]{}".contains(c))?;
        Ok(match word {
            Word {
                text,
                quoted: false,
            } if text == "*" => Bound::Unbounded,
            Word { text, quoted } if text.is_empty() || (!quoted && is_keyword(&text)) => {
                self.at -= text.len();
                return Err(self.error(format!("expected a bound or *, found {}", self.found())));
            }
            Word { text, .. } if excluded => Bound::Excluded(text),
            Word { text, .. } => Bound::Included(text),
        })
    }

    /// Reads a quoted word, or one up to white space, a parenthesis, a quotation mark, or a
    /// character that `ends` it.
    fn word(&mut self, ends: impl Fn(char) -> bool) -> Result<Word, FilterError> {
        if !self.rest().starts_with('"') {
            let rest = self.rest();
            let end = rest.find(|c| ends_word(c) || ends(c)).unwrap_or(rest.len());
            let text = rest[..end].to_owned();
            self.at += end;
            return Ok(Word {
                text,
                quoted: false,
            });
        }
        let opened = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = opened + at + 1;
                    return Ok(Word { text, quoted: true });
                }
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                _ => text.push(c),
            }
        }
        Err(self.error("this quotation mark is never closed"))
    }

    /// Reads the keyword if it is next. Returns whether it was.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.skip_whitespace();
        let rest = self.rest();
        let is_next = rest
            .strip_prefix(keyword)
            .is_some_and(|after| after.chars().next().is_none_or(ends_word));
        self.at += if is_next { keyword.len() } else { 0 };
        is_next
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Skips white space and returns the new position.
    fn skip_whitespace(&mut self) -> usize {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_whitespace();
        self.rest().chars().next()
    }

    /// The next word, for an error message.
    fn found(&self) -> String {
        let rest = self.rest();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        match rest.chars().next() {
            None => "the end".to_owned(),
            Some(space) if space.is_whitespace() => "a space".to_owned(),
            Some(_) => format!("{:?}", &rest[..end]),
        }
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        let column = self.text[..self.at].chars().count() + 1;
        FilterError {
            text: self.text.to_owned(),
            column,
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clause(field: &str, predicate: Predicate) -> Filter {
        Filter::Clause(Clause {
            field: field.to_owned(),
            predicate,
        })
    }

    fn word(field: &str, value: &str) -> Filter {
        clause(field, Predicate::Equals(value.to_owned()))
    }

    #[test]
    fn and_binds_tighter_than_or_and_not_tightest() {
        let parsed = parse("a:1 OR NOT b:2 AND (c:3 OR d:\"x y\")").unwrap();
        let right = Filter::And(vec![
            Filter::Not(Box::new(word("b", "2"))),
            Filter::Or(vec![word("c", "3"), word("d", "x y")]),
        ]);
        assert_eq!(parsed, Filter::Or(vec![word("a", "1"), right]));
    }

    #[test]
    fn parses_ranges_comparisons_and_globs() {
        let included = |text: &str| Bound::Included(text.to_owned());
        let excluded = |text: &str| Bound::Excluded(text.to_owned());
        for (text, predicate) in [
            (
                "date:[2025-01-01 TO 2025-06-30]",
                Predicate::Range(included("2025-01-01"), included("2025-06-30")),
            ),
            (
                "date:{2025 TO *}",
                Predicate::Range(excluded("2025"), Bound::Unbounded),
            ),
            (
                "date:[* TO \"a b\"}",
                Predicate::Range(Bound::Unbounded, excluded("a b")),
            ),
            (
                "date:>=2025",
                Predicate::Range(included("2025"), Bound::Unbounded),
            ),
            (
                "date:<2025",
                Predicate::Range(Bound::Unbounded, excluded("2025")),
            ),
            ("date:*", Predicate::Exists),
            ("date:\"*\"", Predicate::Equals("*".to_owned())),
            (
                "date:docs/**/*.md",
                Predicate::Glob("docs/**/*.md".to_owned()),
            ),
            ("date:10:30", Predicate::Equals("10:30".to_owned())),
        ] {
            assert_eq!(parse(text), Ok(clause("date", predicate)), "{text}");
        }
        assert_eq!(parse("\"my field\":x"), Ok(word("my field", "x")));
    }

    #[test]
    fn errors_point_at_the_column() {
        for (text, column, says) in [
            (
                "",
                1,
                "expected a condition like field:value, found the end",
            ),
            ("source:reuters AND", 19, "expected a condition"),
            (
                "source:reuters tag:x",
                16,
                "expected AND, OR or the end, found \"tag:x\"",
            ),
            ("(a:1 OR b:2", 1, "never closed"),
            ("a:1)", 4, "never opened"),
            ("é:1 AND b:\"x", 11, "quotation mark is never closed"),
            ("a:[1 TO", 8, "expected a bound or *, found the end"),
            ("a:[1 2]", 6, "expected TO between the bounds"),
            ("a:[1 TO 2", 3, "range is never closed"),
            ("a:[TO 2]", 4, "expected a bound or *"),
            ("a: b", 3, "expected a value after the colon, found a space"),
            ("a:>", 4, "expected a bound, found the end"),
            ("NOT", 4, "expected a condition"),
            (
                "reuters",
                1,
                "expected a condition like field:value, found \"reuters\"",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.column == column && error.message.contains(says),
                "{text:?}: {error:?}"
            );
        }
        let shown = parse("a:1)").unwrap_err().to_string();
        assert_eq!(
            shown,
            "filter, column 4: this parenthesis was never opened\n  a:1)\n     ^"
        );
        assert!(
            parse(&format!("{}a:1", "(".repeat(10_000)))
                .unwrap_err()
                .message
                .contains("nested")
        );
    }

    fn filters() -> impl Strategy<Value = Filter> {
        let text = "[ -~é]{1,8}";
        let bound = || {
            prop_oneof![
                Just(Bound::Unbounded),
                text.prop_map(Bound::Included),
                text.prop_map(Bound::Excluded)
            ]
        };
        let predicate = prop_oneof![
            Just(Predicate::Exists),
            text.prop_map(Predicate::Equals),
            "[a-z/]{1,5}[*?][a-z.]{0,5}".prop_map(Predicate::Glob),
            (bound(), bound()).prop_map(|(low, high)| Predicate::Range(low, high)),
        ];
        let leaf = (text, predicate)
            .prop_map(|(field, predicate)| Filter::Clause(Clause { field, predicate }));
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
                inner.prop_map(|part| Filter::Not(Box::new(part))),
            ]
        })
    }

    proptest! {
        #[test]
        fn display_and_parse_round_trip(filter in filters()) {
            prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
        }

        #[test]
        fn parsing_any_string_never_panics(text in "\\PC{0,40}|[a-c:\"()\\[\\]{}*?<>=AND OR TO NOT]{0,30}") {
            if let Err(error) = parse(&text) {
                prop_assert!(error.column <= text.chars().count() + 1);
            }
        }
    }
}
