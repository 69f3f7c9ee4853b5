//! Filters: conditions on the metadata of articles, with their syntax and semantics.
//!
//! ```text
//! filter     = and { "OR" and }
//! and        = part { "AND" part }
//! part       = "NOT" part | "(" filter ")" | FIELD ":" value
//! value      = WORD | "quoted words" | "*"
//!            | (">" | ">=" | "<" | "<=") bound
//!            | ("[" | "{") bound "TO" bound ("]" | "}")       *  for an open end; { } exclude the bound
//! ```
//!
//! A field is a metadata field of the articles, or `id`, `path` or `title`. Text is compared
//! ignoring letter case, except for an `id` without wildcards, and may contain the wildcards `*`
//! (any characters) and `?` (one character). In a `path` or an `id`, `*` stops at `/`, and `**`
//! does not.
//!
//! Numbers are compared by value, 64-bit integers exactly. Text that is written as a number is in
//! ranges of numbers, but equals only the same text. Dates are compared as precisely as the bound
//! is given: `date:2025-06` matches all of June, `[2025-01 TO 2025-06]` includes January and June;
//! a bound with a UTC offset is a point in time. `2025-6-1`, `2025/06/01` and `1.6.2025` are the
//! same day. Values that are not dates are in no range of dates. A list matches if one of its items
//! does.

pub mod explain;
mod parse;
mod value;
mod wildcard;

pub use value::{Matcher, Operand, Value, compare_values};
use wildcard::Wildcard;

use std::fmt;
use std::ops::Bound;

/// The built-in field of an article's id.
pub const ID: &str = "id";
/// The built-in field of the path that an article was read from.
pub const PATH: &str = "path";

/// A condition on the metadata of articles.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Filter {
    /// All parts match.
    And(Vec<Filter>),
    /// At least one part matches.
    Or(Vec<Filter>),
    /// The part does not match.
    Not(Box<Filter>),
    /// One of the field's values satisfies a predicate.
    Clause(Clause),
}

/// A predicate on one field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Clause {
    /// The field's name.
    pub field: String,
    /// The predicate that one of its values has to satisfy.
    pub predicate: Predicate,
}

/// A predicate on a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// There is a value.
    Exists,
    /// The value equals this text, number or date.
    Equals(String),
    /// The value matches this pattern with the wildcards `*` and `?`.
    Glob(String),
    /// The value is between these bounds.
    Range(Bound<String>, Bound<String>),
}

/// A syntax error in a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter, column {column}: {message}\n  {text}\n  {marker}", marker = format_args!("{:>1$}", '^', column))]
pub struct FilterError {
    /// The filter as it was given.
    pub text: String,
    /// The position of the error in characters, from 1.
    pub column: usize,
    /// What was expected, and what was found.
    pub message: String,
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text)
    }
}

impl Filter {
    /// All clauses, in order.
    pub fn clauses(&self) -> Vec<&Clause> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::clauses).collect(),
            Self::Not(part) => part.clauses(),
            Self::Clause(clause) => vec![clause],
        }
    }

    /// Fails if a clause names a field that is not among the `known` ones of the collection: a
    /// misspelled field would otherwise silently match nothing, or everything.
    ///
    /// # Errors
    /// [`Error::UnknownField`](crate::Error::UnknownField). Not if no article has metadata.
    pub fn ensure_fields_exist(&self, known: &[&str]) -> crate::Result<()> {
        let is_unknown = |field: &str| field != ID && !known.is_empty() && !known.contains(&field);
        let clauses = self.clauses();
        match clauses.iter().find(|clause| is_unknown(&clause.field)) {
            None => Ok(()),
            Some(clause) => Err(crate::Error::UnknownField {
                field: clause.field.clone(),
                known: [known, &[ID]].concat().join(", "),
            }),
        }
    }
}

/// Writes the filter in its own syntax; parsing that gives the same filter.
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
            Self::Clause(clause) => clause.fmt(f),
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
        match &self.predicate {
            Predicate::Exists => f.write_str("*"),
            Predicate::Equals(word) => f.write_str(&parse::quoted(word)),
            Predicate::Glob(glob) => f.write_str(glob),
            Predicate::Range(low, high) => {
                let open = if matches!(low, Bound::Excluded(_)) {
                    '{'
                } else {
                    '['
                };
                let close = if matches!(high, Bound::Excluded(_)) {
                    '}'
                } else {
                    ']'
                };
                write!(f, "{open}{} TO {}{close}", bound(low), bound(high))
            }
        }
    }
}
