//! A condition on articles: which of them may answer.
//!
//! ```text
//! condition  = both { "OR" both }
//! both       = part { "AND" part }
//! part       = "NOT" part | "(" condition ")" | FIELD ":" value
//! value      = WORD | "quoted words" | "*"
//!            | (">" | ">=" | "<" | "<=") bound
//!            | ("[" | "{") bound "TO" bound ("]" | "}")       *  for an open end; { } leave the bound out
//! ```
//!
//! A field is a name of the articles' metadata, or `id`, `path` or `title`. Words are compared without
//! regard to letter case and may hold `*` (any characters) and `?` (one); in a `path` or an `id`, `*` stops
//! at `/` and `**` does not. Nothing else stands for other characters. Numbers are compared as numbers, whole ones of 64
//! bits exactly; text that is written as a number lies in ranges of numbers, but equals only the same text. A date is
//! compared as far as the bound says: `date:2025-06` holds all of June, and `[2025-01 TO 2025-06]` all of January and June
//! too; where the bound has an offset from UTC, as a moment. `2025-6-1`, `2025/06/01` and `1.6.2025` are read as that day.
//! What is no date lies in no range of dates. Of a list, one value that fits is enough.

pub mod explain;
mod parse;
mod value;
mod wildcard;

pub use value::{Matcher, Operand, Value, compare_values};
use wildcard::Wildcard;

use std::fmt;
use std::ops::Bound;

/// The field of an article's id.
pub const ID: &str = "id";
/// The field of where an article came from.
pub const PATH: &str = "path";

/// A condition on articles.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Filter {
    /// All of these hold.
    And(Vec<Filter>),
    /// One of these holds.
    Or(Vec<Filter>),
    /// This does not.
    Not(Box<Filter>),
    /// A value of a field passes a test.
    Is(Clause),
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Clause {
    /// The field's name.
    pub field: String,
    /// What one of its values must be.
    pub test: Test,
}

/// A test of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// There is one.
    Any,
    /// It is this.
    Word(String),
    /// It has this form, `*` and `?` standing for others.
    Glob(String),
    /// It lies between these.
    Range(Bound<String>, Bound<String>),
}

/// What is wrong with a condition, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter, column {column}: {problem}\n  {text}\n  {marker}", marker = format_args!("{:>1$}", '^', column))]
pub struct FilterError {
    /// The condition as it was given.
    pub text: String,
    /// The character at which it goes wrong, from 1.
    pub column: usize,
    /// What was expected, and what was found.
    pub problem: String,
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text)
    }
}

impl Filter {
    /// Every test in it.
    pub fn clauses(&self) -> Vec<&Clause> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::clauses).collect(),
            Self::Not(part) => part.clauses(),
            Self::Is(clause) => vec![clause],
        }
    }
}

/// The condition written out again; reading it gives the same one.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], with: &str| {
            f.write_str("(")?;
            for (at, part) in parts.iter().enumerate() {
                write!(f, "{}{part}", if at > 0 { with } else { "" })?;
            }
            f.write_str(")")
        };
        match self {
            Self::And(parts) => joined(f, parts, " AND "),
            Self::Or(parts) => joined(f, parts, " OR "),
            Self::Not(part) => write!(f, "NOT {part}"),
            Self::Is(clause) => clause.fmt(f),
        }
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", parse::quoted(&self.field))?;
        let bound = |bound: &Bound<String>| match bound {
            Bound::Included(text) | Bound::Excluded(text) => parse::quoted(text),
            Bound::Unbounded => "*".to_owned(),
        };
        match &self.test {
            Predicate::Exists => f.write_str("*"),
            Predicate::Equals(word) => f.write_str(&parse::quoted(word)),
            Predicate::Glob(glob) => f.write_str(glob),
            Predicate::Range(low, high) => {
                let open = if matches!(low, Bound::Excluded(_)) { '{' } else { '[' };
                let close = if matches!(high, Bound::Excluded(_)) { '}' } else { ']' };
                write!(f, "{open}{} TO {}{close}", bound(low), bound(high))
            }
        }
    }
}
