//! Every vector can be reached and is found by a search for itself, whatever the data.

use crate::common::{Built, Random, build};
use index::{Builder, Params, SearchStrategy};

/// The candidate list size of the searches for a vector itself.
const EF: usize = 64;

/// Verifies the graph and searches for every vector; counts those for which neither they nor an
/// equal vector came first.
fn self_misses(built: &Built) -> usize {
    built.segment.verify().unwrap();
    let (graph, vectors) = (built.segment.graph().unwrap(), built.segment.vectors());
    assert_eq!(
        (graph.count_reachable(), graph.rows()),
        (graph.nodes(), vectors.rows())
    );
    let found = built
        .segment
        .search_many(vectors.vectors(), 1, SearchStrategy::graph(EF))
        .unwrap();
    let missed = |(row, hits): (u32, &Vec<index::Neighbor>)| {
        hits[0].row != row && hits[0].score < 1.0 - 1e-5
    };
    (0..).zip(&found).filter(|found| missed(*found)).count()
}

fn assert_self_recall(name: &str, rows: &[Vec<f32>], max_misses: usize) {
    let built = build(rows, Params::default(), 2);
    let (misses, report) = (
        self_misses(&built),
        built.segment.graph().unwrap().build_report(),
    );
    assert!(
        misses <= max_misses && report.self_misses <= max_misses,
        "{name}: {misses} missed, {report:?}"
    );
    assert_eq!(report.self_queries, built.segment.graph().unwrap().nodes());
}

#[test]
fn dense_clusters_of_near_duplicates() {
    let mut random = Random(1);
    let mut rows = random.clustered(20, 500, 0.01, 64);
    rows.extend((0..10_000).map(|_| random.unit(64)));
    // Some near-duplicates have identical codes.
    assert_self_recall("near-duplicates", &rows, 20);
}

#[test]
fn exact_duplicates() {
    let mut random = Random(2);
    let mut rows = vec![random.unit(64); 5000];
    rows.extend((0..3000).map(|_| random.unit(64)));
    assert_self_recall("duplicates among others", &rows, 0);
    assert_self_recall("only duplicates", &rows[..5000], 0);
}

#[test]
fn single_outlier() {
    let mut random = Random(3);
    let center = random.unit(64);
    let mut rows: Vec<_> = (0..4000).map(|_| random.near(&center, 0.2)).collect();
    rows.push(center.iter().map(|x| -x).collect());
    assert_self_recall("outlier last", &rows, 0);
    rows.rotate_right(1);
    assert_self_recall("outlier first", &rows, 0);
}

#[test]
fn vectors_along_a_circle() {
    // 6,000 steps around a circle, inserted in order.
    let circle = (0..6000).map(|i| {
        let angle = std::f32::consts::TAU * i as f32 / 6000.0;
        let mut vector = vec![0.0; 32];
        (vector[0], vector[1]) = (angle.cos(), angle.sin());
        vector
    });
    assert_self_recall("circle", &circle.collect::<Vec<_>>(), 0);
}

#[test]
fn sorted_clusters() {
    let mut random = Random(4);
    let mut rows = random.clustered(30, 200, 0.3, 48);
    rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
    assert_self_recall("clusters", &rows, 0);
}

#[test]
fn small_m_with_a_hundred_seeds() {
    let mut random = Random(5);
    let mut rows = random.clustered(12, 40, 0.004, 24);
    rows.extend((0..200).map(|_| random.unit(24)));
    rows.extend(vec![random.unit(24); 50]);
    for seed in 0..100 {
        let built = build(
            &rows,
            Params {
                m: 4,
                ef_construction: 20,
                seed,
                ..Params::default()
            },
            2,
        );
        built.segment.verify().unwrap();
        let graph = built.segment.graph().unwrap();
        assert_eq!(
            (graph.count_reachable(), graph.rows()),
            (graph.nodes(), rows.len()),
            "seed {seed}"
        );
        assert_eq!(graph.nodes(), rows.len() - 49, "duplicates share a node");
    }
}

#[test]
fn nodes_unreachable_after_hnsw_rs_are_linked_in() {
    let mut random = Random(6);
    let mut rows = random.clustered(10, 300, 0.004, 24);
    rows.extend((0..1000).map(|_| random.unit(24)));
    rows.extend(vec![random.unit(24); 500]);
    let built = build(
        &rows,
        Params {
            m: 8,
            ef_construction: 40,
            builder: Builder::HnswRs,
            ..Params::default()
        },
        2,
    );
    built.segment.verify().unwrap();
    let report = built.segment.graph().unwrap().build_report();
    assert!(
        report.unreachable > 0,
        "the data must make hnsw_rs cut nodes off: {report:?}"
    );
}

#[test]
fn tiny_graphs_of_every_size() {
    let mut random = Random(7);
    let rows: Vec<_> = (0..40).map(|_| random.unit(8)).collect();
    for count in 1..rows.len() {
        let built = build(
            &rows[..count],
            Params {
                m: 2,
                ef_construction: 4,
                ..Params::default()
            },
            1,
        );
        built.segment.verify().unwrap();
        assert_eq!(built.segment.graph().unwrap().count_reachable(), count);
    }
}
