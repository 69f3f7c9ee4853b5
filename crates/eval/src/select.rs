//! Which of many systems is best, without fooling oneself: the best of many looks better than it
//! is on the queries it was chosen by. So it is chosen on half of them and reported on the rest.

use crate::draw::shuffled;
use crate::significance::{Intervals, Units, compare};
use crate::table::{Table, mean};
use serde::{Deserialize, Serialize};

/// A system's mean on each half.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Halves {
    /// The system.
    pub name: String,
    /// On the half that is chosen on.
    pub chosen: f64,
    /// On the other.
    pub reported: f64,
}

/// The best system and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// The metric's name.
    pub metric: String,
    /// What the halves were drawn with.
    pub seed: u64,
    /// Queries that were chosen on.
    pub chosen_on: usize,
    /// The others.
    pub reported_on: usize,
    /// The best system on the first half.
    pub best: String,
    /// The system it is compared with: the first one.
    pub baseline: String,
    /// The best one's mean on the half it was chosen on.
    pub best_chosen: f64,
    /// Its mean on the other.
    pub best_reported: f64,
    /// The baseline's mean there.
    pub baseline_reported: f64,
    /// What the best one has more there.
    pub difference: f64,
    /// The 95 % interval of that.
    pub ci95: [f64; 2],
    /// The p of that, by the paired randomization test.
    pub p_value: f64,
    /// All systems, best first on the first half.
    pub table: Vec<Halves>,
}

/// Chooses among `tables` by the metric in row `metric` on half of the queries, and reports on the
/// other half. Queries of one of `groups` (by column) stay together. `None` with fewer than two
/// systems or groups.
pub fn select(tables: &[Table], metric: usize, groups: &[usize], seed: u64) -> Option<Selection> {
    let names = shuffled(groups, seed);
    if tables.len() < 2 || names.len() < 2 {
        return None;
    }
    let half: std::collections::HashSet<usize> = names[..names.len() / 2].iter().copied().collect();
    let part = |table: &Table, first: bool| -> Vec<f64> {
        let values = table.values[metric].iter().zip(groups);
        values.filter(|(_, group)| half.contains(group) == first).map(|(value, _)| *value).collect()
    };
    let units = Units::new(&groups.iter().copied().filter(|group| !half.contains(group)).collect::<Vec<_>>());
    let mut rows: Vec<Halves> = tables
        .iter()
        .map(|table| Halves {
            name: table.system.clone(),
            chosen: mean(&part(table, true)),
            reported: mean(&part(table, false)),
        })
        .collect();
    let baseline = tables.first()?;
    rows.sort_by(|a, b| b.chosen.total_cmp(&a.chosen));
    let best = rows.first()?.clone();
    let of_best = part(tables.iter().find(|table| table.system == best.name)?, false);
    let of_baseline = part(baseline, false);
    let intervals = Intervals::new(&[&of_best, &of_baseline], &units, seed);
    let halved = [&of_best, &of_baseline].map(|values| Table {
        system: String::new(),
        metrics: vec![baseline.metrics[metric]],
        values: vec![values.clone()],
    });
    let tested = compare(&halved, &intervals, &units, seed).into_iter().next_back()?;
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
        Table { system: system.into(), metrics: vec!["MRR@10".parse().unwrap()], values: vec![values] }
    }

    #[test]
    fn the_best_is_chosen_on_one_half_and_reported_on_the_other() {
        let groups: Vec<usize> = (0..40).map(|query| query / 2).collect();
        // Perfect on even groups and useless on odd ones, against always middling.
        let uneven = table("uneven", groups.iter().map(|g| f64::from(u8::from(g % 2 == 0))).collect());
        let even = table("even", vec![0.45; 40]);
        let good = table("good", vec![0.9; 40]);
        let selection = select(&[even.clone(), uneven, good], 0, &groups, 1).unwrap();
        assert_eq!((selection.best.as_str(), selection.baseline.as_str()), ("good", "even"));
        assert_eq!((selection.chosen_on, selection.reported_on), (20, 20));
        assert!((selection.difference - 0.45).abs() < 1e-9 && selection.p_value < 0.01);
        let uneven = selection.table.iter().find(|row| row.name == "uneven").unwrap();
        assert!((uneven.chosen + uneven.reported - 1.0).abs() < 1e-9, "groups stay together: {uneven:?}");
        assert!(select(&[even], 0, &groups, 1).is_none());
    }
}
