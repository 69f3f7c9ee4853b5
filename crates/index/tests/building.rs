//! Builds are deterministic, can be stopped, and find as much as hnsw_rs.

use crate::common::{Built, Random, build, write};
use index::{
    Builder, Error, Params, Quantization, SearchStrategy, Segment, VectorFile, exact, graph,
};
use std::ops::ControlFlow;

#[test]
fn graph_depends_on_seed_but_not_on_thread_count() {
    let mut random = Random(1);
    let mut rows = random.clustered(40, 100, 0.3, 48);
    rows.extend(vec![random.unit(48); 200]);
    let with = |seed, threads| {
        build(
            &rows,
            Params {
                seed,
                ..Params::default()
            },
            threads,
        )
        .checksum
    };
    let one = with(0, 1);
    for threads in [2, 3, 7] {
        assert_eq!(with(0, threads), one, "{threads} threads");
    }
    assert_ne!(with(1, 1), one);
}

fn recall(built: &Built, queries: &[Vec<f32>], ef: usize) -> f64 {
    let mut found = 0;
    for query in queries {
        let truth = exact::search(built.segment.vectors(), query, 10, None);
        let hits = built
            .segment
            .search(query, 10, SearchStrategy::graph(ef), None)
            .unwrap();
        found += hits.iter().filter(|hit| truth.contains(hit)).count();
    }
    found as f64 / (10 * queries.len()) as f64
}

#[test]
fn recall_is_on_par_with_hnsw_rs() {
    let mut random = Random(2);
    let rows = random.clustered(100, 60, 0.2, 64);
    let queries: Vec<_> = (0..200).map(|i| random.near(&rows[i * 7], 0.1)).collect();
    let ours = build(&rows, Params::default(), 2);
    let theirs = build(
        &rows,
        Params {
            builder: Builder::HnswRs,
            ..Params::default()
        },
        2,
    );
    for ef in [20, 40, 100] {
        let (ours, theirs) = (recall(&ours, &queries, ef), recall(&theirs, &queries, ef));
        assert!(ours > theirs - 0.01, "ef {ef}: {ours}, hnsw_rs {theirs}");
    }
    assert!(recall(&ours, &queries, 100) > 0.99);
}

#[test]
fn hits_do_not_depend_on_earlier_searches() {
    let mut random = Random(3);
    let rows = random.clustered(50, 60, 0.5, 32);
    let built = build(&rows, Params::default(), 2);
    let queries: Vec<Vec<f32>> = (0..600).map(|_| random.unit(32)).collect();
    let strategy = SearchStrategy::graph(20);
    let together = built
        .segment
        .search_many(&queries.concat(), 5, strategy)
        .unwrap();
    for (query, hits) in queries.iter().zip(&together).rev() {
        assert_eq!(
            &built.segment.search(query, 5, strategy, None).unwrap(),
            hits
        );
    }
}

#[test]
fn concurrent_searches_can_trigger_binary_quantization() {
    let mut random = Random(6);
    let rows = random.clustered(50, 60, 0.2, 64);
    let built = build(&rows, Params::default(), 2);
    let strategy = SearchStrategy::Graph {
        ef: 40,
        quantization: Quantization::Binary,
    };
    let found = built
        .segment
        .search_many(&rows.concat(), 1, strategy)
        .unwrap();
    let own = (0..)
        .zip(&found)
        .filter(|(row, hits)| hits[0].row == *row)
        .count();
    assert!(own as f64 > 0.99 * rows.len() as f64, "{own}");
}

#[test]
fn build_stops_when_progress_returns_break() {
    let mut random = Random(5);
    let rows: Vec<_> = (0..3000).map(|_| random.unit(16)).collect();
    let folder = tempfile::tempdir().unwrap();
    let vectors = VectorFile::open(&write(
        &index::WriteOptions::default(),
        folder.path(),
        &rows,
    ))
    .unwrap();
    for builder in [Builder::Batch, Builder::HnswRs] {
        let stop = |done, _| {
            if done > 600 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let stopped = graph::build(
            &vectors,
            Params {
                builder,
                ..Params::default()
            },
            2,
            &stop,
        );
        assert!(matches!(stopped, Err(Error::Stopped)));
        // Also after the last insertion, during the self-queries.
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let late = |done, of| match done == of
            && calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0
        {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let stopped = graph::build(
            &vectors,
            Params {
                builder,
                ..Params::default()
            },
            2,
            &late,
        );
        assert!(matches!(stopped, Err(Error::Stopped)));
    }
}

#[test]
fn invalid_parameters_and_mismatched_files_are_rejected() {
    let mut random = Random(4);
    let rows: Vec<_> = (0..100).map(|_| random.unit(16)).collect();
    let built = build(&rows, Params::default(), 1);
    let vectors = built.segment.vectors();
    for m in [0, 1, 129] {
        assert!(
            graph::build(
                vectors,
                Params {
                    m,
                    ..Params::default()
                },
                1,
                &|_, _| ControlFlow::Continue(())
            )
            .is_err()
        );
    }
    assert!(
        graph::build(
            vectors,
            Params {
                ef_construction: 0,
                ..Params::default()
            },
            1,
            &|_, _| ControlFlow::Continue(())
        )
        .is_err()
    );
    let other = tempfile::tempdir().unwrap();
    let fewer = write(&index::WriteOptions::default(), other.path(), &rows[..99]);
    assert!(Segment::open(&fewer, Some(&built.folder.path().join("a.graph"))).is_err());
    assert!(VectorFile::open(&built.folder.path().join("a.graph")).is_err());
}
