//! Selects the best of many systems on half of the queries and reports it on the other half. The
//! best of many looks better than it is on the queries that it was selected by.

use crate::sampling::shuffled_groups;
use crate::significance::{BootstrapIntervals, ResamplingUnits, compare};
use crate::table::{Table, mean};
use serde::{Deserialize, Serialize};

/// A system's mean on each half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HalfMeans {
    /// The system's name.
    pub name: String,
    /// The mean on the half used for selection.
    pub chosen: f64,
    /// The mean on the other half.
    pub reported: f64,
}

/// The selected system, and how it does on the other half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// The metric's name.
    pub metric: String,
    /// The seed of the split.
    pub seed: u64,
    /// How many queries the selection used.
    pub chosen_on: usize,
    /// How many queries the report uses.
    pub reported_on: usize,
    /// The best system on the first half.
    pub best: String,
    /// The system it is compared with: the first of the list.
    pub baseline: String,
    /// The selected system's mean on the first half.
    pub best_chosen: f64,
    /// The selected system's mean on the other half.
    pub best_reported: f64,
    /// The baseline's mean on the other half.
    pub baseline_reported: f64,
    /// `best_reported` minus `baseline_reported`.
    pub difference: f64,
    /// The 95 % confidence interval of the difference.
    pub ci95: [f64; 2],
    /// The p-value of the difference, by the paired randomization test.
    pub p_value: f64,
    /// All systems, sorted by their mean on the first half.
    pub table: Vec<HalfMeans>,
}

/// Selects among `tables` by the metric in row `metric`. Queries of the same group stay in one half
/// (`groups` has a value per column). `None` with fewer than two systems or groups.
pub fn select_best(
    tables: &[Table],
    metric: usize,
    groups: &[usize],
    seed: u64,
) -> Option<Selection> {
    let names = shuffled_groups(groups, seed);
    if tables.len() < 2 || names.len() < 2 {
        return None;
    }
    let half: std::collections::HashSet<usize> = names[..names.len() / 2].iter().copied().collect();
    let part = |table: &Table, chosen_half: bool| -> Vec<f64> {
        let values = table.values[metric].iter().zip(groups);
        values
            .filter(|(_, group)| half.contains(group) == chosen_half)
            .map(|(value, _)| *value)
            .collect()
    };
    let units = ResamplingUnits::new(
        &groups
            .iter()
            .copied()
            .filter(|group| !half.contains(group))
            .collect::<Vec<_>>(),
    );
    let mut rows: Vec<HalfMeans> = tables
        .iter()
        .map(|table| HalfMeans {
            name: table.system.clone(),
            chosen: mean(&part(table, true)),
            reported: mean(&part(table, false)),
        })
        .collect();
    let baseline = tables.first()?;
    rows.sort_by(|a, b| b.chosen.total_cmp(&a.chosen));
    let best = rows.first()?.clone();
    let of_best = part(
        tables.iter().find(|table| table.system == best.name)?,
        false,
    );
    let of_baseline = part(baseline, false);
    let intervals = BootstrapIntervals::new(&[&of_best, &of_baseline], &units, seed);
    let halved = [&of_best, &of_baseline].map(|values| Table {
        system: String::new(),
        metrics: vec![baseline.metrics[metric]],
        values: vec![values.clone()],
    });
    let tested = compare(&halved, &intervals, &units, seed)
        .into_iter()
        .next_back()?;
    Some(Selection {
        metric: baseline.metrics[metric].to_string(),
        seed,
        chosen_on: part(baseline, true).len(),
        reported_on: of_best.len(),
        best_chosen: best.chosen,
        best_reported: best.reported,
        best: best.name,
        baseline: baseline.system.clone(),
        baseline_reported: mean(&of_baseline),
        difference: tested.difference,
        ci95: tested.ci95,
        p_value: tested.p_value,
        table: rows,
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
    fn best_system_is_selected_on_one_half_and_reported_on_the_other() {
        let groups: Vec<usize> = (0..40).map(|query| query / 2).collect();
        // Perfect on even groups and useless on odd ones, against always mediocre.
        let uneven = table(
            "uneven",
            groups
                .iter()
                .map(|g| f64::from(u8::from(g % 2 == 0)))
                .collect(),
        );
        let even = table("even", vec![0.45; 40]);
        let good = table("good", vec![0.9; 40]);
        let selection = select_best(&[even.clone(), uneven, good], 0, &groups, 1).unwrap();
        assert_eq!(
            (selection.best.as_str(), selection.baseline.as_str()),
            ("good", "even")
        );
        assert_eq!((selection.chosen_on, selection.reported_on), (20, 20));
        assert!((selection.difference - 0.45).abs() < 1e-9 && selection.p_value < 0.01);
        let uneven = selection
            .table
            .iter()
            .find(|row| row.name == "uneven")
            .unwrap();
        assert!(
            (uneven.chosen + uneven.reported - 1.0).abs() < 1e-9,
            "groups stay together: {uneven:?}"
        );
        assert!(select_best(&[even], 0, &groups, 1).is_none());
    }
}
