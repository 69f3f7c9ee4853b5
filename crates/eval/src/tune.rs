//! Choosing among many ways of doing a thing, and what the choice is worth on questions that it was not made
//! on.

use crate::draw::shuffled;
use crate::table::{Table, mean};
use serde::Serialize;

/// What cross-validation found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CrossValidated {
    /// Into how many parts the questions were divided.
    pub folds: usize,
    /// By fold: the place of the way that was best on all other folds.
    pub chosen: Vec<usize>,
    /// By query: its value under the way that was chosen without it.
    #[serde(skip)]
    pub values: Vec<f64>,
    /// The place of the way that is best on all queries.
    pub best: usize,
}

/// Chooses among `tables` by the metric in row `metric`, once without each of `folds` parts of the queries.
/// Queries of one of `groups` (by column) stay together; among equals the earlier table wins. `None` with
/// fewer groups than folds, or without tables.
pub fn cross_validate(
    tables: &[Table],
    metric: usize,
    groups: &[usize],
    folds: usize,
    seed: u64,
) -> Option<CrossValidated> {
    let names = shuffled(groups, seed);
    if tables.is_empty() || folds < 2 || names.len() < folds {
        return None;
    }
    let fold_of: std::collections::HashMap<usize, usize> =
        names.into_iter().enumerate().map(|(at, name)| (name, at % folds)).collect();
    let folds_of: Vec<usize> = groups.iter().map(|group| fold_of[group]).collect();
    let best = |without: Option<usize>| {
        let value = |table: &Table| {
            let values = table.values[metric].iter().zip(&folds_of);
            mean(&values.filter(|(_, fold)| Some(**fold) != without).map(|(value, _)| *value).collect::<Vec<_>>())
        };
        let mut best = (0, f64::NEG_INFINITY);
        for (at, table) in tables.iter().enumerate() {
            let value = value(table);
            // Sums of the same numbers in another order differ in their last bits.
            if value > best.1 + 1e-12 {
                best = (at, value);
            }
        }
        best.0
    };
    let chosen: Vec<usize> = (0..folds).map(|fold| best(Some(fold))).collect();
    let values = folds_of.iter().enumerate().map(|(query, fold)| tables[chosen[*fold]].values[metric][query]);
    Some(CrossValidated { folds, values: values.collect(), best: best(None), chosen })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(system: &str, values: Vec<f64>) -> Table {
        Table { system: system.into(), metrics: vec!["MRR@10".parse().unwrap()], values: vec![values] }
    }

    #[test]
    fn a_way_is_never_judged_by_the_questions_it_was_chosen_on() {
        // Each of ten ways is perfect on one group alone: whatever is chosen has never seen its group.
        let groups: Vec<usize> = (0..20).map(|query| query / 2).collect();
        let lucky: Vec<Table> = (0..10)
            .map(|way| table(&way.to_string(), groups.iter().map(|g| f64::from(u8::from(*g == way))).collect()))
            .collect();
        let found = cross_validate(&lucky, 0, &groups, 10, 3).unwrap();
        assert_eq!(mean(&found.values), 0.0);
        assert_eq!(found.best, 0, "the first of equals");
        let even = table("even", vec![0.5; 20]);
        let found = cross_validate(&[lucky[0].clone(), even], 0, &groups, 5, 3).unwrap();
        assert_eq!((found.best, mean(&found.values)), (1, 0.5));
        assert_eq!(found.chosen, [1; 5]);
    }

    #[test]
    fn too_few_questions_are_not_divided() {
        let one = table("one", vec![1.0; 4]);
        assert!(cross_validate(std::slice::from_ref(&one), 0, &[0, 0, 1, 1], 5, 1).is_none());
        assert!(cross_validate(&[], 0, &[0, 1, 2, 3], 2, 1).is_none());
        assert!(cross_validate(&[one], 0, &[0, 0, 1, 1], 2, 1).is_some());
    }
}
