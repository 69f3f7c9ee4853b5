//! Searching among some of the rows: never another one, and nearly all that the exact search finds.

use crate::common::{Random, build};
use index::{Bits, Method, Params, Segment, exact};

const DIMENSIONS: usize = 48;
const K: usize = 5;

/// The share of the exact answers that is found.
fn recall(segment: &Segment, queries: &[Vec<f32>], ef: usize, allowed: impl Fn(&[f32]) -> Bits) -> f64 {
    let (mut found, mut wanted) = (0, 0);
    for query in queries {
        let allowed = allowed(query);
        let truth = exact::search(segment.vectors(), query, K, Some(&allowed));
        let hits = segment.search(query, K, Method::walk(ef), Some(&allowed)).unwrap();
        assert!(hits.iter().all(|hit| allowed.contains(hit.row)), "a row that is not allowed");
        assert_eq!(hits.len(), truth.len(), "fewer than there are");
        assert_eq!(segment.search(query, K, Method::Exact, Some(&allowed)).unwrap(), truth);
        found += hits.iter().filter(|hit| truth.contains(hit)).count();
        wanted += truth.len();
    }
    found as f64 / wanted as f64
}

#[test]
fn any_share_of_the_rows_near_the_query_far_from_it_or_anywhere() {
    let mut random = Random(1);
    let rows = random.clustered(300, 60, 0.15, DIMENSIONS);
    let queries: Vec<_> = (0..40).map(|i| random.near(&rows[i * 31], 0.1)).collect();
    let built = build(&rows, Params::default(), 2);
    let segment = &built.segment;
    let all = rows.len() as u32;
    // Short lists, so that walks happen at shares that a small test has rows for.
    for ef in [10, 64] {
        for share in [0.999, 0.5, 0.3, 0.2, 0.1, 0.01, 0.001, 0.0001] {
            let count = ((f64::from(all) * share) as usize).max(1);
            let anywhere = |_: &[f32]| {
                let mut random = Random(count as u64);
                let mut bits = Bits::new(rows.len());
                while bits.count() < count {
                    bits.insert((random.next() % u64::from(all)) as u32);
                }
                bits
            };
            let ordered = |query: &[f32], nearest: bool| {
                let mut order = exact::search(segment.vectors(), query, rows.len(), None);
                if !nearest {
                    order.reverse();
                }
                let mut bits = Bits::new(rows.len());
                order[..count].iter().for_each(|hit| _ = bits.insert(hit.row));
                bits
            };
            let least = if ef == 10 { 0.9 } else { 0.99 };
            for (name, recall) in [
                ("anywhere", recall(segment, &queries, ef, anywhere)),
                ("the nearest", recall(segment, &queries, ef, |query| ordered(query, true))),
                ("the farthest", recall(segment, &queries, ef, |query| ordered(query, false))),
            ] {
                assert!(recall >= least, "{name} {share} of the rows, ef {ef}: recall {recall}");
            }
        }
    }
}

#[test]
fn none_allowed_and_more_asked_for_than_there_are() {
    let mut random = Random(2);
    let rows: Vec<_> = (0..3000).map(|_| random.unit(16)).collect();
    let built = build(&rows, Params::default(), 2);
    let query = random.unit(16);
    for method in [Method::Exact, Method::walk(10)] {
        assert!(built.segment.search(&query, 10, method, Some(&Bits::new(3000))).unwrap().is_empty());
        assert_eq!(built.segment.search(&query, 5000, method, None).unwrap().len(), 3000);
        assert!(built.segment.search(&query, 0, method, None).unwrap().is_empty());
    }
}
