//! Whatever the vectors, every one of them can be reached and is found by its own.

use crate::common::{Built, Random, build};
use index::{Builder, Method, Params};

/// So many candidates find a vector by itself.
const EF: usize = 64;

/// Checks the graph, and asks every vector for itself; gives how many neither were found nor had an
/// equal that was.
fn lost(built: &Built) -> usize {
    built.segment.verify().unwrap();
    let (graph, vectors) = (built.segment.graph().unwrap(), built.segment.vectors());
    assert_eq!((graph.reachable(), graph.rows()), (graph.nodes(), vectors.rows()));
    let found = built.segment.search_many(vectors.vectors(), 1, Method::walk(EF)).unwrap();
    let missed = |(row, hits): (u32, &Vec<index::Hit>)| hits[0].row != row && hits[0].score < 1.0 - 1e-5;
    (0..).zip(&found).filter(|found| missed(*found)).count()
}

fn whole(name: &str, rows: &[Vec<f32>], most_lost: usize) {
    let built = build(rows, Params::default(), 2);
    let (lost, health) = (lost(&built), built.segment.graph().unwrap().health());
    assert!(lost <= most_lost && health.lost <= most_lost, "{name}: {lost} lost, {health:?}");
    assert_eq!(health.asked, built.segment.graph().unwrap().nodes());
}

#[test]
fn twenty_stories_in_five_hundred_near_copies_each() {
    let mut random = Random(1);
    let mut rows = random.clustered(20, 500, 0.01, 64);
    rows.extend((0..10_000).map(|_| random.unit(64)));
    // Codes do not tell some of the nearest copies apart.
    whole("near copies", &rows, 20);
}

#[test]
fn five_thousand_copies_of_one_vector() {
    let mut random = Random(2);
    let mut rows = vec![random.unit(64); 5000];
    rows.extend((0..3000).map(|_| random.unit(64)));
    whole("copies among others", &rows, 0);
    whole("nothing but copies", &rows[..5000], 0);
}

#[test]
fn one_far_from_all_others() {
    let mut random = Random(3);
    let centre = random.unit(64);
    let mut rows: Vec<_> = (0..4000).map(|_| random.near(&centre, 0.2)).collect();
    rows.push(centre.iter().map(|x| -x).collect());
    whole("outlier last", &rows, 0);
    rows.rotate_right(1);
    whole("outlier first", &rows, 0);
}

#[test]
fn vectors_in_order() {
    // Along a circle in steps of a thousandth.
    let circle = (0..6000).map(|i| {
        let angle = std::f32::consts::TAU * i as f32 / 6000.0;
        let mut vector = vec![0.0; 32];
        (vector[0], vector[1]) = (angle.cos(), angle.sin());
        vector
    });
    whole("in order", &circle.collect::<Vec<_>>(), 0);
}

#[test]
fn clusters_one_after_the_other() {
    let mut random = Random(4);
    let mut rows = random.clustered(30, 200, 0.3, 48);
    rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
    whole("clusters", &rows, 0);
}

#[test]
fn a_hundred_seeds_with_few_links() {
    let mut random = Random(5);
    let mut rows = random.clustered(12, 40, 0.004, 24);
    rows.extend((0..200).map(|_| random.unit(24)));
    rows.extend(vec![random.unit(24); 50]);
    for seed in 0..100 {
        let built = build(&rows, Params { m: 4, ef_construction: 20, seed, ..Params::default() }, 2);
        built.segment.verify().unwrap();
        let graph = built.segment.graph().unwrap();
        assert_eq!((graph.reachable(), graph.rows()), (graph.nodes(), rows.len()), "seed {seed}");
        assert_eq!(graph.nodes(), rows.len() - 49, "copies are one node");
    }
}

#[test]
fn what_hnsw_rs_cuts_off_is_linked_in() {
    let mut random = Random(6);
    let mut rows = random.clustered(10, 300, 0.004, 24);
    rows.extend((0..1000).map(|_| random.unit(24)));
    rows.extend(vec![random.unit(24); 500]);
    let built = build(&rows, Params { m: 8, ef_construction: 40, builder: Builder::HnswRs, ..Params::default() }, 2);
    built.segment.verify().unwrap();
    let health = built.segment.graph().unwrap().health();
    assert!(health.unreachable > 0, "a crowd that hnsw_rs leaves whole shows nothing: {health:?}");
}

#[test]
fn few_vectors_of_any_number() {
    let mut random = Random(7);
    let rows: Vec<_> = (0..40).map(|_| random.unit(8)).collect();
    for count in 1..rows.len() {
        let built = build(&rows[..count], Params { m: 2, ef_construction: 4, ..Params::default() }, 1);
        built.segment.verify().unwrap();
        assert_eq!(built.segment.graph().unwrap().reachable(), count);
    }
}
