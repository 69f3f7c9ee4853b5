//! The words of a condition to a [`Filter`].

use super::{Clause, Filter, FilterError, Test};
use std::ops::Bound;

/// Conditions nested deeper than this are no one's question.
const DEEPEST: usize = 64;

pub fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let filter = parser.either()?;
    match parser.peek() {
        None => Ok(filter),
        Some(')') => Err(parser.error("this parenthesis was never opened")),
        Some(_) => Err(parser.error(format!("expected AND, OR or the end, found {}", parser.found()))),
    }
}

/// `text` as a value that reads as itself.
pub fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && text.chars().all(|c| !ends_word(c) && !"*?:<>[]{}\\".contains(c));
    if plain && !is_keyword(text) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_keyword(word: &str) -> bool {
    ["AND", "OR", "NOT", "TO"].contains(&word)
}

/// Where an unquoted word ends.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || "()\"".contains(c)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// A word, and whether it stood in quotation marks.
struct Word {
    text: String,
    quoted: bool,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.both()?];
        while self.keyword("OR") {
            parts.push(self.both()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn both(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.part()?];
        while self.keyword("AND") {
            parts.push(self.part()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn part(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("nested more than {DEEPEST} deep")));
        }
        let part = if self.keyword("NOT") {
            Filter::Not(Box::new(self.part()?))
        } else if self.peek() == Some('(') {
            let opened = self.at;
            self.at += 1;
            let inside = self.either()?;
            match self.peek() {
                Some(')') => self.at += 1,
                None => {
                    self.at = opened;
                    return Err(self.error("this parenthesis is never closed"));
                }
                Some(_) => return Err(self.error(format!("expected AND, OR or ), found {}", self.found()))),
            }
            inside
        } else {
            self.clause()?
        };
        self.depth -= 1;
        Ok(part)
    }

    fn clause(&mut self) -> Result<Filter, FilterError> {
        let begun = self.skip();
        let field = self.word(|c| c == ':')?;
        let wrong = |parser: &mut Self| {
            parser.at = begun;
            let found = parser.found();
            Err(parser.error(format!("expected a condition like field:value, found {found}")))
        };
        if field.text.is_empty() || (!field.quoted && is_keyword(&field.text)) {
            return wrong(self);
        }
        if !self.rest().starts_with(':') {
            return wrong(self);
        }
        self.at += 1;
        let test = self.test()?;
        Ok(Filter::Clause(Clause { field: field.text, test }))
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        // A value may not stand apart from its field: what follows would be another condition.
        match self.rest().chars().next() {
            Some('[' | '{') => return self.range(),
            Some('>' | '<') => return self.comparison(),
            _ => {}
        }
        let word = self.word(|_| false)?;
        if word.text.is_empty() && !word.quoted {
            return Err(self.error(format!("expected a value after the colon, found {}", self.found())));
        }
        Ok(match word {
            Word { text, quoted: false } if text == "*" => Predicate::Exists,
            Word { text, quoted: false } if text.contains(['*', '?']) => Predicate::Glob(text),
            Word { text, .. } => Predicate::Equals(text),
        })
    }

    fn comparison(&mut self) -> Result<Test, FilterError> {
        let below = self.rest().starts_with('<');
        self.at += 1;
        let with = self.rest().starts_with('=');
        self.at += usize::from(with);
        let word = self.word(|_| false)?;
        if word.text.is_empty() {
            return Err(self.error(format!("expected a bound, found {}", self.found())));
        }
        let bound = if with { Bound::Included(word.text) } else { Bound::Excluded(word.text) };
        Ok(if below { Predicate::Range(Bound::Unbounded, bound) } else { Predicate::Range(bound, Bound::Unbounded) })
    }

    fn range(&mut self) -> Result<Test, FilterError> {
        let opened = self.at;
        let low_out = self.rest().starts_with('{');
        self.at += 1;
        let low = self.bound(low_out)?;
        if !self.keyword("TO") {
            return Err(self.error(format!("expected TO between the bounds, found {}", self.found())));
        }
        let high = self.bound(false)?;
        let high_out = match self.peek() {
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
            Bound::Included(bound) if high_out => Bound::Excluded(bound),
            bound => bound,
        };
        Ok(Predicate::Range(low, high))
    }

    fn bound(&mut self, out: bool) -> Result<Bound<String>, FilterError> {
        self.skip();
        let word = self.word(|c| "[]{}".contains(c))?;
        Ok(match word {
            Word { text, quoted: false } if text == "*" => Bound::Unbounded,
            Word { text, quoted } if text.is_empty() || (!quoted && is_keyword(&text)) => {
                self.at -= text.len();
                return Err(self.error(format!("expected a bound or *, found {}", self.found())));
            }
            Word { text, .. } if out => Bound::Excluded(text),
            Word { text, .. } => Bound::Included(text),
        })
    }

    /// The word here: quoted, or up to white space, a parenthesis, a quotation mark, or what `ends` it.
    fn word(&mut self, ends: impl Fn(char) -> bool) -> Result<Word, FilterError> {
        if !self.rest().starts_with('"') {
            let rest = self.rest();
            let end = rest.find(|c| ends_word(c) || ends(c)).unwrap_or(rest.len());
            let text = rest[..end].to_owned();
            self.at += end;
            return Ok(Word { text, quoted: false });
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

    /// Whether the keyword stands here; it is read if so.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.skip();
        let rest = self.rest();
        let there = rest.strip_prefix(keyword).is_some_and(|after| after.chars().next().is_none_or(ends_word));
        self.at += if there { keyword.len() } else { 0 };
        there
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Goes past white space; where that is.
    fn skip(&mut self) -> usize {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at
    }

    fn peek(&mut self) -> Option<char> {
        self.skip();
        self.rest().chars().next()
    }

    /// What stands here, for a message.
    fn found(&self) -> String {
        let rest = self.rest();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        match rest.chars().next() {
            None => "the end".to_owned(),
            Some(space) if space.is_whitespace() => "a space".to_owned(),
            Some(_) => format!("{:?}", &rest[..end]),
        }
    }

    fn error(&self, problem: impl Into<String>) -> FilterError {
        let column = self.text[..self.at].chars().count() + 1;
        FilterError { text: self.text.to_owned(), column, problem: problem.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clause(field: &str, test: Test) -> Filter {
        Filter::Clause(Clause { field: field.to_owned(), test })
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
    fn ranges_comparisons_and_globs() {
        let included = |text: &str| Bound::Included(text.to_owned());
        let excluded = |text: &str| Bound::Excluded(text.to_owned());
        for (text, test) in [
            ("date:[2025-01-01 TO 2025-06-30]", Predicate::Range(included("2025-01-01"), included("2025-06-30"))),
            ("date:{2025 TO *}", Predicate::Range(excluded("2025"), Bound::Unbounded)),
            ("date:[* TO \"a b\"}", Predicate::Range(Bound::Unbounded, excluded("a b"))),
            ("date:>=2025", Predicate::Range(included("2025"), Bound::Unbounded)),
            ("date:<2025", Predicate::Range(Bound::Unbounded, excluded("2025"))),
            ("date:*", Predicate::Exists),
            ("date:\"*\"", Predicate::Equals("*".to_owned())),
            ("date:docs/**/*.md", Predicate::Glob("docs/**/*.md".to_owned())),
            ("date:10:30", Predicate::Equals("10:30".to_owned())),
        ] {
            assert_eq!(parse(text), Ok(clause("date", test)), "{text}");
        }
        assert_eq!(parse("\"my field\":x"), Ok(word("my field", "x")));
    }

    #[test]
    fn errors_point_at_the_column() {
        for (text, column, says) in [
            ("", 1, "expected a condition like field:value, found the end"),
            ("source:reuters AND", 19, "expected a condition"),
            ("source:reuters tag:x", 16, "expected AND, OR or the end, found \"tag:x\""),
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
            ("reuters", 1, "expected a condition like field:value, found \"reuters\""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.column == column && error.problem.contains(says), "{text:?}: {error:?}");
        }
        let shown = parse("a:1)").unwrap_err().to_string();
        assert_eq!(shown, "filter, column 4: this parenthesis was never opened\n  a:1)\n     ^");
        assert!(parse(&format!("{}a:1", "(".repeat(10_000))).unwrap_err().problem.contains("nested"));
    }

    fn filters() -> impl Strategy<Value = Filter> {
        let text = "[ -~é]{1,8}";
        let bound =
            || prop_oneof![Just(Bound::Unbounded), text.prop_map(Bound::Included), text.prop_map(Bound::Excluded)];
        let test = prop_oneof![
            Just(Predicate::Exists),
            text.prop_map(Predicate::Equals),
            "[a-z/]{1,5}[*?][a-z.]{0,5}".prop_map(Predicate::Glob),
            (bound(), bound()).prop_map(|(low, high)| Predicate::Range(low, high)),
        ];
        let leaf = (text, test).prop_map(|(field, test)| Filter::Clause(Clause { field, test }));
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
        fn what_is_written_out_reads_as_itself(filter in filters()) {
            prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
        }

        #[test]
        fn any_string_is_a_condition_or_an_error(text in "\\PC{0,40}|[a-c:\"()\\[\\]{}*?<>=AND OR TO NOT]{0,30}") {
            if let Err(error) = parse(&text) {
                prop_assert!(error.column <= text.chars().count() + 1);
            }
        }
    }
}
