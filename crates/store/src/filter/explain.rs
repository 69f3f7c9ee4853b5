//! Why a condition lets nothing through: which of its tests no article passes, and which values come near.

use super::{Clause, Filter, Test, Value, compare_values};
use crate::Result;
use ingest::fold::fold_value;
use std::collections::BTreeSet;

/// How many values of a field need to be looked at.
pub const MAX_VALUES: usize = 100_000;
/// How many values are named.
const NAMED: usize = 3;

/// The fields that conditions are about.
pub trait FieldValues {
    /// Whether a condition lets any passage through.
    ///
    /// # Errors
    /// When it names a field that no article has, or reading fails.
    fn has_match(&self, filter: &Filter) -> Result<bool>;

    /// The values of a field: [`MAX_VALUES`] at most, in no order, those of deleted articles perhaps among them.
    ///
    /// # Errors
    /// When reading fails.
    fn values(&self, field: &str) -> Result<Vec<Value>>;
}

/// Why a condition lets no passage through, in a sentence; `None` if it lets some through.
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
        true => "the filter lets no passage through: no article passes all of it".to_owned(),
        false => format!("the filter lets no passage through: {}", reasons.join("; ")),
    }))
}

/// The values of a field that come near to another one, nearest first.
///
/// # Errors
/// When reading fails.
pub fn similar_values(collection: &dyn FieldValues, field: &str, value: &str) -> Result<Vec<String>> {
    Ok(nearest(value, collection.values(field)?.iter().map(Value::to_text)))
}

fn reason(collection: &dyn FieldValues, clause: &Clause) -> Result<String> {
    let said = format!("no article has {clause}");
    Ok(match &clause.test {
        Predicate::Range(..) => {
            let values = collection.values(&clause.field)?;
            let ordered = || values.iter().filter(|value| !matches!(value, Value::Text(_)));
            match (ordered().min_by(|a, b| compare_values(a, b)), ordered().max_by(|a, b| compare_values(a, b))) {
                (Some(low), Some(high)) => format!("{said}; its values are {} to {}", low.to_text(), high.to_text()),
                _ => said,
            }
        }
        Predicate::Equals(word) => match similar_values(collection, &clause.field, word)? {
            near if near.is_empty() => said,
            near => format!("{said}; the nearest are {}", near.join(", ")),
        },
        _ => said,
    })
}

/// The values that a few changed letters, or more of it, make of a word.
fn nearest(word: &str, values: impl Iterator<Item = String>) -> Vec<String> {
    let word = fold_value(word);
    let most = word.chars().count() / 3 + 1;
    let mut found: BTreeSet<(usize, String)> = BTreeSet::new();
    for value in values {
        let lower = fold_value(&value);
        let holds = !word.is_empty() && (lower.contains(&*word) || (!lower.is_empty() && word.contains(&*lower)));
        let distance = if holds { 1 } else { edits(&word, &lower, most) };
        if distance <= most {
            drop(lower);
            found.insert((distance, value));
        }
    }
    found.into_iter().take(NAMED).map(|(_, value)| value).collect()
}

/// How many letters have to be put in, taken out or changed to make one word of another; more than `most` where that is
/// clear from their lengths.
fn edits(a: &str, b: &str, most: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_values_come_first() {
        let of = |word: &str| {
            nearest(word, ["Ann Lee", "Anna Lee", "Bob", "reuters", "2024"].map(str::to_owned).into_iter())
        };
        assert_eq!(of("ann le"), ["Ann Lee", "Anna Lee"]);
        assert_eq!(of("Rueters"), ["reuters"]);
        assert!(of("Nobody at all").is_empty());
        assert_eq!(edits("kitten", "sitting", 5), 3);
    }
}
