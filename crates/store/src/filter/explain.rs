//! Explains filters that match nothing: which of their clauses no article satisfies, and which
//! values come close.

use super::{Clause, Filter, Predicate, Value, compare_values};
use crate::Result;
use ingest::fold::fold_value;
use std::collections::BTreeSet;

/// The number of values of a field that are examined.
pub const MAX_VALUES: usize = 100_000;
/// The number of similar values that are named.
const MAX_SUGGESTIONS: usize = 3;

/// The metadata fields of a collection.
pub trait FieldValues {
    /// Whether any passage matches the filter.
    ///
    /// # Errors
    /// [`Error::UnknownField`](crate::Error::UnknownField), or any error of reading.
    fn has_match(&self, filter: &Filter) -> Result<bool>;

    /// At most [`MAX_VALUES`] values of a field, in no particular order. May include values of
    /// deleted articles.
    ///
    /// # Errors
    /// Any error of reading.
    fn values(&self, field: &str) -> Result<Vec<Value>>;
}

/// A sentence on why the filter matches no passage; `None` if it matches some.
///
/// # Errors
/// As for [`FieldValues`].
pub fn explain_no_matches(collection: &dyn FieldValues, filter: &Filter) -> Result<Option<String>> {
    if collection.has_match(filter)? {
        return Ok(None);
    }
    let mut reasons = Vec::new();
    for clause in filter.clauses() {
        if !collection.has_match(&Filter::Clause(clause.clone()))? {
            reasons.push(reason(collection, clause)?);
        }
    }
    Ok(Some(match reasons.is_empty() {
        true => "the filter matches no passage: no article satisfies all of it".to_owned(),
        false => format!("the filter matches no passage: {}", reasons.join("; ")),
    }))
}

/// The values of a field that are similar to `value`, most similar first.
///
/// # Errors
/// Any error of reading.
pub fn similar_values(
    collection: &dyn FieldValues,
    field: &str,
    value: &str,
) -> Result<Vec<String>> {
    Ok(similar(
        value,
        collection.values(field)?.iter().map(Value::to_text),
    ))
}

fn reason(collection: &dyn FieldValues, clause: &Clause) -> Result<String> {
    let fact = format!("no article has {clause}");
    Ok(match &clause.predicate {
        Predicate::Range(..) => {
            let values = collection.values(&clause.field)?;
            let ordered = || {
                values
                    .iter()
                    .filter(|value| !matches!(value, Value::Text(_)))
            };
            match (
                ordered().min_by(|a, b| compare_values(a, b)),
                ordered().max_by(|a, b| compare_values(a, b)),
            ) {
                (Some(low), Some(high)) => {
                    format!(
                        "{fact}; its values range from {} to {}",
                        low.to_text(),
                        high.to_text()
                    )
                }
                _ => fact,
            }
        }
        Predicate::Equals(word) => match similar_values(collection, &clause.field, word)? {
            similar if similar.is_empty() => fact,
            similar => format!("{fact}; similar values are {}", similar.join(", ")),
        },
        _ => fact,
    })
}

/// The values within a small edit distance of `word`, and those that contain it or are contained in
/// it. Letter case is ignored.
fn similar(word: &str, values: impl Iterator<Item = String>) -> Vec<String> {
    let word = fold_value(word);
    let max_distance = word.chars().count() / 3 + 1;
    let mut found: BTreeSet<(usize, String)> = BTreeSet::new();
    for value in values {
        let lower = fold_value(&value);
        let contains = !word.is_empty()
            && (lower.contains(&*word) || (!lower.is_empty() && word.contains(&*lower)));
        let distance = if contains {
            1
        } else {
            edit_distance(&word, &lower, max_distance)
        };
        if distance <= max_distance {
            drop(lower);
            found.insert((distance, value));
        }
    }
    found
        .into_iter()
        .take(MAX_SUGGESTIONS)
        .map(|(_, value)| value)
        .collect()
}

/// The Levenshtein distance in characters, or more than `max` if the lengths alone differ by more.
fn edit_distance(a: &str, b: &str, max: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > max {
        return max + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_similar_values_come_first() {
        let of = |word: &str| {
            similar(
                word,
                ["Ann Lee", "Anna Lee", "Bob", "reuters", "2024"]
                    .map(str::to_owned)
                    .into_iter(),
            )
        };
        assert_eq!(of("ann le"), ["Ann Lee", "Anna Lee"]);
        assert_eq!(of("Rueters"), ["reuters"]);
        assert!(of("Nobody at all").is_empty());
        assert_eq!(edit_distance("kitten", "sitting", 5), 3);
    }
}
