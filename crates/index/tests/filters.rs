//! Filtered search returns only allowed rows, and nearly all of the exact result.

use crate::common::{Random, build};
use index::{Bits, Params, SearchStrategy, Segment, exact};

const DIMENSIONS: usize = 48;
const K: usize = 5;

/// The fraction of the exact hits that a graph search finds.
fn recall(
    segment: &Segment,
    queries: &[Vec<f32>],
    ef: usize,
    allowed: impl Fn(&[f32]) -> Bits,
) -> f64 {
    let (mut found, mut expected) = (0, 0);
    for query in queries {
        let allowed = allowed(query);
        let truth = exact::search(segment.vectors(), query, K, Some(&allowed));
        let hits = segment
            .search(query, K, SearchStrategy::graph(ef), Some(&allowed))
            .unwrap();
        assert!(
            hits.iter().all(|hit| allowed.contains(hit.row)),
            "a row that is not allowed was returned"
        );
        assert_eq!(hits.len(), truth.len(), "too few hits");
        assert_eq!(
            segment
                .search(query, K, SearchStrategy::Exact, Some(&allowed))
                .unwrap(),
            truth
        );
        found += hits.iter().filter(|hit| truth.contains(hit)).count();
        expected += truth.len();
    }
    found as f64 / expected as f64
}

#[test]
fn recall_is_high_at_any_selectivity_and_distance() {
    let mut random = Random(1);
    let rows = random.clustered(300, 60, 0.15, DIMENSIONS);
    let queries: Vec<_> = (0..40).map(|i| random.near(&rows[i * 31], 0.1)).collect();
    let built = build(&rows, Params::default(), 2);
    let segment = &built.segment;
    let all = rows.len() as u32;
    // A small ef, so that the graph is used at selectivities that a small test can have.
    for ef in [10, 64] {
        for ratio in [0.999, 0.5, 0.3, 0.2, 0.1, 0.01, 0.001, 0.0001] {
            let count = ((f64::from(all) * ratio) as usize).max(1);
            let random_rows = |_: &[f32]| {
                let mut random = Random(count as u64);
                let mut bits = Bits::new(rows.len());
                while bits.count() < count {
                    bits.insert((random.next() % u64::from(all)) as u32);
                }
                bits
            };
            let by_distance = |query: &[f32], nearest: bool| {
                let mut order = exact::search(segment.vectors(), query, rows.len(), None);
                if !nearest {
                    order.reverse();
                }
                let mut bits = Bits::new(rows.len());
                order[..count]
                    .iter()
                    .for_each(|hit| _ = bits.insert(hit.row));
                bits
            };
            let min_recall = if ef == 10 { 0.9 } else { 0.99 };
            for (name, recall) in [
                ("random", recall(segment, &queries, ef, random_rows)),
                (
                    "nearest",
                    recall(segment, &queries, ef, |query| by_distance(query, true)),
                ),
                (
                    "farthest",
                    recall(segment, &queries, ef, |query| by_distance(query, false)),
                ),
            ] {
                assert!(
                    recall >= min_recall,
                    "{name} {ratio} of the rows, ef {ef}: recall {recall}"
                );
            }
        }
    }
}

#[test]
fn empty_filter_zero_k_and_k_beyond_the_rows() {
    let mut random = Random(2);
    let rows: Vec<_> = (0..3000).map(|_| random.unit(16)).collect();
    let built = build(&rows, Params::default(), 2);
    let query = random.unit(16);
    for strategy in [SearchStrategy::Exact, SearchStrategy::graph(10)] {
        assert!(
            built
                .segment
                .search(&query, 10, strategy, Some(&Bits::new(3000)))
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            built
                .segment
                .search(&query, 5000, strategy, None)
                .unwrap()
                .len(),
            3000
        );
        assert!(
            built
                .segment
                .search(&query, 0, strategy, None)
                .unwrap()
                .is_empty()
        );
    }
}
