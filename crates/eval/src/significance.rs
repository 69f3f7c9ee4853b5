//! Significance tests and confidence intervals.
//!
//! Systems are compared on the same queries, so every test is paired. The two tests are those that
//! Smucker, Allan and Carterette recommend (*A Comparison of Statistical Significance Tests for
//! Information Retrieval Evaluation*, CIKM 2007); intervals are bootstrap percentiles (Efron and
//! Tibshirani, 1993). Where all values are equal, resampling can tell nothing, and an interval says
//! instead how many others there may be (Clopper and Pearson, 1934). All randomness comes from the
//! caller's seed.

use crate::student_t;
use crate::table::{Table, mean};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The number of bootstrap resamples for an interval.
const BOOTSTRAP_RESAMPLES: usize = 2000;
/// The number of random sign patterns of a randomization test.
const SIGN_PATTERNS: usize = 10_000;
/// Up to this many non-zero differences, the randomization test enumerates all sign patterns.
const MAX_EXACT_DIFFERENCES: usize = 16;
/// Up to this many systems are compared pairwise; more are compared with the first only.
const MAX_SYSTEMS_ALL_PAIRS: usize = 6;

/// Values that differ by no more than this share of their size are equal: the order of summation
/// changes the last bits.
const ROUNDING_ERROR: f64 = 1e-9;

/// A difference is significant if its corrected p-value is below this.
pub const SIGNIFICANCE_LEVEL: f64 = 0.05;
/// The name of the test that decides: it makes no assumption about the distribution of the values.
pub const RANDOMIZATION_TEST: &str = "paired randomization";
/// The tests' names.
const TESTS: [&str; 2] = ["paired t-test", RANDOMIZATION_TEST];

/// The difference of two systems in one metric, with one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The first system's name.
    pub a: String,
    /// The second system's name.
    pub b: String,
    /// The metric's name.
    pub metric: String,
    /// The mean of `a` minus the mean of `b`.
    pub difference: f64,
    /// The 95 % confidence interval of the difference.
    pub ci95: [f64; 2],
    /// The p-value, two-sided.
    pub p_value: f64,
    /// The p-value after Holm's correction (1979) for all comparisons of this metric by this test.
    pub p_holm: f64,
    /// The test's name.
    pub test: String,
}

/// The units of resampling: single queries, or groups of queries. The wordings of one need are not
/// independent evidence, so they are resampled as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResamplingUnits {
    /// For each query, the index of its unit.
    unit_of_query: Vec<usize>,
    count: usize,
}

impl ResamplingUnits {
    /// Queries with the same value in `names` form one unit.
    pub fn new(names: &[usize]) -> Self {
        let mut numbers = HashMap::new();
        let unit_of_query = names.iter().map(|name| {
            let next = numbers.len();
            *numbers.entry(name).or_insert(next)
        });
        let unit_of_query = unit_of_query.collect();
        Self {
            unit_of_query,
            count: numbers.len(),
        }
    }

    /// The number of units.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The sum of a column's values in each unit.
    fn sums(&self, values: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.count];
        self.unit_of_query
            .iter()
            .zip(values)
            .for_each(|(unit, value)| sums[*unit] += value);
        sums
    }
}

/// 95 % bootstrap intervals of means and of their differences.
pub struct BootstrapIntervals<'a> {
    columns: Vec<&'a [f64]>,
    /// `columns × resamples`: the mean of a column in a resample.
    means: Vec<Vec<f64>>,
    /// The number of units.
    units: usize,
}

impl<'a> BootstrapIntervals<'a> {
    /// Resamples the units; all columns share the resamples, so that columns can be compared
    /// pairwise. Every column has a value for each query of `units`.
    pub fn new(columns: &[&'a [f64]], units: &ResamplingUnits, seed: u64) -> Self {
        let sizes = units.sums(&vec![1.0; units.unit_of_query.len()]);
        let sums: Vec<Vec<f64>> = columns.iter().map(|column| units.sums(column)).collect();
        // Row-major by unit, so that drawing a unit reads adjacent memory.
        let rows: Vec<f64> = (0..units.count)
            .flat_map(|unit| sums.iter().map(move |column| column[unit]))
            .collect();
        let width = columns.len();
        let resampled: Vec<Vec<f64>> = (0..BOOTSTRAP_RESAMPLES as u64)
            .into_par_iter()
            .map(|resample| {
                let mut random = rng_stream(seed, resample);
                let (mut sums, mut size) = (vec![0.0; width], 0.0);
                for _ in 0..units.count {
                    let unit = random_below(&mut random, units.count);
                    size += sizes[unit];
                    let row = &rows[unit * width..(unit + 1) * width];
                    sums.iter_mut()
                        .zip(row)
                        .for_each(|(sum, value)| *sum += value);
                }
                sums.iter_mut().for_each(|sum| *sum /= f64::max(size, 1.0));
                sums
            })
            .collect();
        let means = (0..width)
            .map(|column| resampled.iter().map(|means| means[column]).collect())
            .collect();
        Self {
            columns: columns.to_vec(),
            means,
            units: units.count,
        }
    }

    /// The interval of a column's mean. Values are in 0..=1.
    pub fn mean(&self, column: usize) -> [f64; 2] {
        match constant(self.columns[column].iter().copied()) {
            Some(value) => constant_interval(value, 0.0, self.units),
            None => percentiles(self.means[column].clone()),
        }
    }

    /// The interval of the difference of two columns' means.
    pub fn difference(&self, a: usize, b: usize) -> [f64; 2] {
        let differences = self.columns[a].iter().zip(self.columns[b]);
        if let Some(value) = constant(differences.map(|(a, b)| a - b)) {
            return constant_interval(value, -1.0, self.units);
        }
        percentiles(
            self.means[a]
                .iter()
                .zip(&self.means[b])
                .map(|(a, b)| a - b)
                .collect(),
        )
    }
}

/// The value that all have, apart from rounding; `None` if they differ, or there are none.
fn constant(mut values: impl Iterator<Item = f64>) -> Option<f64> {
    let first = values.next()?;
    values
        .all(|value| (value - first).abs() <= ROUNDING_ERROR)
        .then_some(first)
}

/// The largest share of units that may have other values, if all of `n` have the same one: the
/// other end of the 95 % interval of Clopper and Pearson.
pub fn unseen_share(n: usize) -> f64 {
    1.0 - 0.025f64.powf(1.0 / n.max(1) as f64)
}

/// The 95 % interval of a mean of values in `lowest..=1`, if all of `n` are `value`.
fn constant_interval(value: f64, lowest: f64, n: usize) -> [f64; 2] {
    let share = unseen_share(n);
    [
        value - share * (value - lowest),
        value + share * (1.0 - value),
    ]
}

/// The least number of units that have to differ, all in favor of the same system, for a
/// randomization test to find a significant difference among `comparisons` corrected ones. With
/// fewer, even the most extreme outcome has a higher p-value.
pub fn fewest_differences(comparisons: usize) -> usize {
    let p = |n: i32| comparisons.max(1) as f64 * 2f64.powi(1 - n);
    (1..)
        .find(|n| p(*n) < SIGNIFICANCE_LEVEL)
        .map_or(0, |n| n as usize)
}

/// An independent random stream per work item: results do not depend on the order of the work.
fn rng_stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

/// A random number in `0..n`, by multiplication; its bias is below n / 2³².
fn random_below(random: &mut ChaCha8Rng, n: usize) -> usize {
    ((u64::from(random.next_u32()) * n as u64) >> 32) as usize
}

fn percentiles(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_unstable_by(f64::total_cmp);
    [0.025, 0.975].map(|share| {
        let at = share * (values.len().max(1) - 1) as f64;
        let (low, high) = (at.floor() as usize, at.ceil() as usize);
        match (values.get(low), values.get(high)) {
            (Some(a), Some(b)) => a + (b - a) * at.fract(),
            _ => 0.0,
        }
    })
}

/// The two-sided p-value of Student's t-test on paired differences. If all are equal, their spread
/// is unknown and t is undefined; the p-value is then that of the randomization test.
pub fn t_test(differences: &[f64]) -> f64 {
    let n = differences.len() as f64;
    let mean = mean(differences);
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    if mean == 0.0 || n < 2.0 {
        return 1.0;
    }
    if variance.sqrt() <= ROUNDING_ERROR * mean.abs() {
        return 2f64.powf(1.0 - n);
    }
    let t = mean / (variance / n).sqrt();
    student_t::two_sided(t, n - 1.0)
}

/// The two-sided p-value of the paired randomization test: if the systems were equal, each
/// difference could as well have the other sign. Exact for up to 16 non-zero differences, otherwise
/// estimated from 10,000 seeded sign patterns.
pub fn randomization_test(differences: &[f64], seed: u64) -> f64 {
    let differences: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let observed = differences.iter().sum::<f64>().abs();
    // The order of summation changes the last bits; that must not exclude the observed pattern
    // itself.
    let threshold = observed - 1e-12 * differences.iter().map(|d| d.abs()).sum::<f64>();
    let is_extreme = |sum: f64| sum.abs() >= threshold;
    let n = differences.len();
    if n <= MAX_EXACT_DIFFERENCES {
        let patterns = 1u64 << n;
        let hits = (0..patterns)
            .filter(|pattern| is_extreme(signed(&differences, std::iter::once(*pattern))))
            .count();
        return hits as f64 / patterns as f64;
    }
    let hits = (0..SIGN_PATTERNS)
        .into_par_iter()
        .with_min_len(64)
        .filter(|pattern| {
            let mut random = rng_stream(seed, *pattern as u64);
            is_extreme(signed(
                &differences,
                std::iter::from_fn(|| Some(random.next_u64())),
            ))
        })
        .count();
    (hits + 1) as f64 / (SIGN_PATTERNS + 1) as f64
}

/// The sum of `values`, each negated if its bit is set.
fn signed(values: &[f64], bits: impl Iterator<Item = u64>) -> f64 {
    let mut total = 0.0;
    for (chunk, word) in values.chunks(64).zip(bits) {
        let flip =
            |(at, value): (u64, &f64)| f64::from_bits(value.to_bits() ^ ((word >> at & 1) << 63));
        total += (0..).zip(chunk).map(flip).sum::<f64>();
    }
    total
}

/// Holm's step-down correction for multiple comparisons.
pub fn holm_correction(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let (mut corrected, mut highest) = (vec![1.0; p_values.len()], 0f64);
    for (rank, &at) in order.iter().enumerate() {
        highest = highest.max(((p_values.len() - rank) as f64 * p_values[at]).min(1.0));
        corrected[at] = highest;
    }
    corrected
}

/// Compares systems on every metric with both tests: pairwise up to six systems, else each with the
/// first. `intervals` has the columns of all tables, one table after the other.
pub fn compare(
    tables: &[Table],
    intervals: &BootstrapIntervals,
    units: &ResamplingUnits,
    seed: u64,
) -> Vec<Comparison> {
    let metrics = tables.first().map_or(0, |table| table.metrics.len());
    let first_count = if tables.len() <= MAX_SYSTEMS_ALL_PAIRS {
        tables.len()
    } else {
        1
    };
    let pairs: Vec<(usize, usize)> = (0..first_count)
        .flat_map(|a| (a + 1..tables.len()).map(move |b| (a, b)))
        .collect();
    let mut comparisons = Vec::new();
    for metric in 0..metrics {
        let differences: Vec<Vec<f64>> = pairs
            .iter()
            .map(|&(a, b)| {
                tables[a].values[metric]
                    .iter()
                    .zip(&tables[b].values[metric])
                    .map(|(a, b)| a - b)
                    .collect()
            })
            .collect();
        let of_units: Vec<Vec<f64>> = differences
            .iter()
            .map(|differences| units.sums(differences))
            .collect();
        let by_t = of_units.iter().map(|d| t_test(d)).collect();
        let by_randomization = of_units
            .iter()
            .map(|d| randomization_test(d, seed))
            .collect();
        let tests: [Vec<f64>; 2] = [by_t, by_randomization];
        for (name, p_values) in TESTS.iter().zip(tests) {
            for (((&(a, b), differences), p_value), p_holm) in pairs
                .iter()
                .zip(&differences)
                .zip(&p_values)
                .zip(holm_correction(&p_values))
            {
                comparisons.push(Comparison {
                    a: tables[a].system.clone(),
                    b: tables[b].system.clone(),
                    metric: tables[a].metrics[metric].to_string(),
                    difference: mean(differences),
                    ci95: intervals.difference(a * metrics + metric, b * metrics + metric),
                    p_value: *p_value,
                    p_holm,
                    test: (*name).to_owned(),
                });
            }
        }
    }
    comparisons
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Expected values from scipy 1.17: ttest_rel and permutation_test on the same numbers.
    const D: [f64; 8] = [0.3, -0.1, 0.25, 0.0, 0.5, 0.1, -0.05, 0.2];

    #[test]
    fn p_values_agree_with_scipy() {
        assert!(
            (t_test(&D) - 0.073_584_887_514_738_71).abs() < 1e-12,
            "{}",
            t_test(&D)
        );
        assert!(
            (randomization_test(&D, 1) - 12.0 / 128.0).abs() < 1e-12,
            "{}",
            randomization_test(&D, 1)
        );
        assert_eq!(holm_correction(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
    }

    #[test]
    fn p_values_of_equal_and_of_constant_differences() {
        assert_eq!(
            (t_test(&[0.0; 5]), randomization_test(&[0.0; 5], 1)),
            (1.0, 1.0)
        );
        assert_eq!(
            (t_test(&[0.5; 5]), randomization_test(&[0.5; 5], 1)),
            (2.0 / 32.0, 2.0 / 32.0)
        );
        // Equal but for rounding.
        assert_eq!(t_test(&[1.0 - 0.9, 0.9 - 0.8, 0.3 - 0.2]), 2.0 / 8.0);
        assert_eq!((t_test(&[]), t_test(&[0.4])), (1.0, 1.0));
    }

    #[test]
    fn equal_values_leave_an_interval_that_shrinks_with_their_number() {
        let interval = |value: f64, n: usize| {
            let (column, other) = (vec![value; n], vec![0.5; n]);
            let each = ResamplingUnits::new(&(0..n).collect::<Vec<_>>());
            let columns = [column.as_slice(), other.as_slice()];
            let intervals = BootstrapIntervals::new(&columns, &each, 1);
            (intervals.mean(0), intervals.difference(0, 1))
        };
        // scipy 1.17: binomtest(5, 5).proportion_ci(0.95, "exact") is (0.47817624…, 1).
        let ([low, high], [below, above]) = interval(1.0, 5);
        assert!((low - 0.478_176_25).abs() < 1e-7 && high == 1.0, "{low}");
        assert!(
            below < 0.5 && 0.5 < above && below > -1.0,
            "{below} {above}"
        );
        let ([low, high], difference) = interval(0.5, 100);
        assert!(
            (low - 0.4819).abs() < 1e-4 && (high - 0.5181).abs() < 1e-4,
            "{low} {high}"
        );
        assert!((difference[0] + 0.0362).abs() < 1e-4 && (difference[1] - 0.0362).abs() < 1e-4);
        let [low, high] = interval(0.0, 5).0;
        assert!(low == 0.0 && (high - 0.521_823_75).abs() < 1e-7, "{high}");
    }

    #[test]
    fn fewer_questions_than_the_least_number_are_never_significant() {
        for comparisons in [1, 3, 15] {
            let fewest = fewest_differences(comparisons);
            let p = |n: usize| comparisons as f64 * randomization_test(&vec![1.0; n], 1);
            assert!(p(fewest) < SIGNIFICANCE_LEVEL && p(fewest - 1) >= SIGNIFICANCE_LEVEL);
        }
        assert_eq!([1, 3, 15].map(fewest_differences), [6, 7, 10]);
    }

    #[test]
    fn intervals_are_reproducible_and_contain_the_mean() {
        let mut random = rng_stream(3, 0);
        let values: Vec<f64> = (0..200)
            .map(|_| f64::from(random.next_u32()) / f64::from(u32::MAX))
            .collect();
        let shift = |(at, v): (usize, &f64)| v - [0.010, 0.011][at % 2];
        let shifted: Vec<f64> = values.iter().enumerate().map(shift).collect();
        let each = ResamplingUnits::new(&(0..200).collect::<Vec<_>>());
        let intervals = BootstrapIntervals::new(&[&values, &shifted], &each, 7);
        assert_eq!(
            intervals.mean(0),
            BootstrapIntervals::new(&[&values, &shifted], &each, 7).mean(0)
        );
        assert_ne!(
            intervals.mean(0),
            BootstrapIntervals::new(&[&values, &shifted], &each, 8).mean(0)
        );
        let [low, high] = intervals.mean(0);
        assert!(low < mean(&values) && mean(&values) < high && high - low < 0.2);
        let [low, high] = intervals.difference(0, 1);
        assert!(
            (0.010..0.011).contains(&low) && (0.010..0.011).contains(&high),
            "paired: the same queries are drawn for both"
        );
        let noise: Vec<f64> = values.iter().map(|v| v - 0.5).collect();
        assert_eq!(randomization_test(&noise, 5), randomization_test(&noise, 5));
    }

    #[test]
    fn wordings_of_one_need_are_resampled_together() {
        let table = |system: &str, values: Vec<f64>| Table {
            system: system.into(),
            metrics: vec!["MRR@10".parse().unwrap()],
            values: vec![values],
        };
        // Ten needs with eight wordings each; three needs do better and one does worse.
        let a: Vec<f64> = (0..80)
            .map(|query| [0.9, 0.9, 0.9, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5][query / 8])
            .collect();
        let tables = [table("a", a.clone()), table("b", vec![0.5; 80])];
        let p_of = |names: Vec<usize>| {
            let units = ResamplingUnits::new(&names);
            let columns: Vec<&[f64]> = tables
                .iter()
                .map(|table| table.values[0].as_slice())
                .collect();
            let compared = compare(
                &tables,
                &BootstrapIntervals::new(&columns, &units, 1),
                &units,
                1,
            );
            (
                compared[1].p_value,
                compared[1].ci95[1] - compared[1].ci95[0],
                compared[1].difference,
            )
        };
        let (alone, together) = (
            p_of((0..80).collect()),
            p_of((0..80).map(|query| query / 8).collect()),
        );
        assert!(
            alone.0 < 0.01 && together.0 > 0.3 && together.1 > 2.0 * alone.1,
            "{alone:?} {together:?}"
        );
        assert_eq!(alone.2, together.2);
    }

    proptest! {
        #[test]
        fn p_values_are_probabilities(differences in prop::collection::vec(-1f64..1.0, 0..40)) {
            for p in [t_test(&differences), randomization_test(&differences, 1)] {
                prop_assert!((0.0..=1.0).contains(&p));
            }
        }

        #[test]
        fn holm_correction_never_lowers_a_p_value(p in prop::collection::vec(0f64..=1.0, 0..10)) {
            for (before, after) in p.iter().zip(holm_correction(&p)) {
                prop_assert!(after >= *before && after <= 1.0);
            }
        }
    }
}
