//! Chooses among many candidate systems by cross-validation, and estimates what the choice is worth
//! on queries that it was not made on.

use crate::sampling::shuffled_groups;
use crate::table::{Table, mean};
use serde::Serialize;

/// The result of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CrossValidation {
    /// The number of folds.
    pub folds: usize,
    /// For each fold, the index of the candidate that is best on all other folds.
    pub chosen: Vec<usize>,
    /// For each query, its value under the candidate chosen without its fold. This is what tests
    /// of significance may use.
    #[serde(skip)]
    pub values: Vec<f64>,
    /// The index of the candidate that is best on all queries.
    pub best: usize,
}

/// Cross-validates the choice among `tables` by the metric in row `metric`.
///
/// The queries are divided into `folds` parts; queries of the same group stay together (`groups`
/// has a value per column). Ties go to the earlier table. `None` if there are fewer groups than
/// folds, fewer than two folds, or no tables.
pub fn cross_validate(
    tables: &[Table],
    metric: usize,
    groups: &[usize],
    folds: usize,
    seed: u64,
) -> Option<CrossValidation> {
    let names = shuffled_groups(groups, seed);
    if tables.is_empty() || folds < 2 || names.len() < folds {
        return None;
    }
    let fold_of: std::collections::HashMap<usize, usize> = names
        .into_iter()
        .enumerate()
        .map(|(at, name)| (name, at % folds))
        .collect();
    let folds_of: Vec<usize> = groups.iter().map(|group| fold_of[group]).collect();
    let best = |without: Option<usize>| {
        let value = |table: &Table| {
            let values = table.values[metric].iter().zip(&folds_of);
            mean(
                &values
                    .filter(|(_, fold)| Some(**fold) != without)
                    .map(|(value, _)| *value)
                    .collect::<Vec<_>>(),
            )
        };
        let mut best = (0, f64::NEG_INFINITY);
        for (at, table) in tables.iter().enumerate() {
            let value = value(table);
            // The order of summation changes the last bits; that is no difference.
            if value > best.1 + 1e-12 {
                best = (at, value);
            }
        }
        best.0
    };
    let chosen: Vec<usize> = (0..folds).map(|fold| best(Some(fold))).collect();
    let values = folds_of
        .iter()
        .enumerate()
        .map(|(query, fold)| tables[chosen[*fold]].values[metric][query]);
    Some(CrossValidation {
        folds,
        values: values.collect(),
        best: best(None),
        chosen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(system: &str, values: Vec<f64>) -> Table {
        Table {
            system: system.into(),
            metrics: vec!["MRR@10".parse().unwrap()],
            values: vec![values],
        }
    }

    #[test]
    fn candidate_is_judged_only_on_queries_it_was_not_chosen_on() {
        // Each of ten candidates is perfect on one group and useless on the others: the one chosen
        // never saw the group it is judged by.
        let groups: Vec<usize> = (0..20).map(|query| query / 2).collect();
        let overfitted: Vec<Table> = (0..10)
            .map(|candidate| {
                table(
                    &candidate.to_string(),
                    groups
                        .iter()
                        .map(|g| f64::from(u8::from(*g == candidate)))
                        .collect(),
                )
            })
            .collect();
        let found = cross_validate(&overfitted, 0, &groups, 10, 3).unwrap();
        assert_eq!(mean(&found.values), 0.0);
        assert_eq!(found.best, 0, "the first of equals");
        let even = table("even", vec![0.5; 20]);
        let found = cross_validate(&[overfitted[0].clone(), even], 0, &groups, 5, 3).unwrap();
        assert_eq!((found.best, mean(&found.values)), (1, 0.5));
        assert_eq!(found.chosen, [1; 5]);
    }

    #[test]
    fn fewer_groups_than_folds_give_no_result() {
        let one = table("one", vec![1.0; 4]);
        assert!(cross_validate(std::slice::from_ref(&one), 0, &[0, 0, 1, 1], 5, 1).is_none());
        assert!(cross_validate(&[], 0, &[0, 1, 2, 3], 2, 1).is_none());
        assert!(cross_validate(&[one], 0, &[0, 0, 1, 1], 2, 1).is_some());
    }
}
