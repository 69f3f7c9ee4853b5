//! Why a condition lets nothing through: which of its tests no article passes, and which values come near.

use super::records;
use super::snapshot::Snapshot;
use crate::Result;
use crate::filter::{Clause, Filter, ID, Test, Value, in_order};
use ingest::fold::fold_value;
use std::collections::BTreeSet;

/// How many values of a field are looked at, and how many are named.
const LOOKED_AT: usize = 100_000;
const NAMED: usize = 3;

impl Snapshot {
    /// Why a filter lets no passage through; `None` if it lets some through.
    pub fn why_nothing_passes(&self, filter: &Filter) -> Result<Option<String>> {
        if self.among(filter)?.passages() > 0 {
            return Ok(None);
        }
        let mut reasons = Vec::new();
        for clause in filter.clauses() {
            if self.among(&Filter::Is(clause.clone()))?.passages() == 0 {
                reasons.push(self.reason(clause)?);
            }
        }
        Ok(Some(match reasons.is_empty() {
            true => "the filter lets no passage through: no article passes all of it".to_owned(),
            false => format!("the filter lets no passage through: {}", reasons.join("; ")),
        }))
    }

    /// The values of a field that come near to another one, nearest first.
    pub fn nearest_values(&self, field: &str, value: &str) -> Result<Vec<String>> {
        Ok(nearest(value, self.values(field)?.iter().map(Value::shown)))
    }

    fn reason(&self, clause: &Clause) -> Result<String> {
        let said = format!("no article has {clause}");
        Ok(match &clause.test {
            Test::Range(..) => {
                let values = self.values(&clause.field)?;
                let ordered = || values.iter().filter(|value| !matches!(value, Value::Text(_)));
                match (ordered().min_by(|a, b| in_order(a, b)), ordered().max_by(|a, b| in_order(a, b))) {
                    (Some(low), Some(high)) => format!("{said}; its values are {} to {}", low.shown(), high.shown()),
                    _ => said,
                }
            }
            Test::Word(word) => match self.nearest_values(&clause.field, word)? {
                near if near.is_empty() => said,
                near => format!("{said}; the nearest are {}", near.join(", ")),
            },
            _ => said,
        })
    }

    /// The values of a field, those of articles that were deleted included.
    fn values(&self, field: &str) -> Result<Vec<Value>> {
        let is_id = field == ID;
        let Some(of) = (if is_id { Some(self.fields.parent) } else { self.fields.facts }) else {
            return Ok(Vec::new());
        };
        let mut values = Vec::new();
        for reader in self.searcher.segment_readers() {
            let index = reader.inverted_index(of).map_err(self.text_error())?;
            let terms = match is_id {
                true => index.terms().range(),
                false => index.terms().range().ge(records::first_fact(field)).lt(records::after_facts(field)),
            };
            let mut terms = terms.into_stream().map_err(self.io_error())?;
            while let Some((term, _)) = terms.next() {
                values.extend(match is_id {
                    true => std::str::from_utf8(term).ok().map(|id| Value::Text(id.to_owned())),
                    false => records::fact(term).map(|(_, value)| value),
                });
                if values.len() >= LOOKED_AT {
                    return Ok(values);
                }
            }
        }
        Ok(values)
    }
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
