//! Criterion benchmarks of the vector index: dot products, the exact scan, graph search and graph
//! construction, on 20,000 unit vectors of 384 dimensions in 200 clusters from a fixed generator.
//! Everything but the scan and the construction runs on one thread.

#[path = "../crates/index/tests/common/random.rs"]
mod random;

use criterion::{Criterion, criterion_group, criterion_main};
use index::{Params, SearchStrategy, Segment, VectorWriter, WriteOptions, distance};
use random::Random;
use std::hint::black_box;
use std::ops::ControlFlow;

const DIMENSIONS: usize = 384;
const ROWS: usize = 20_000;
const CLUSTERS: usize = 200;

/// The standard deviation of a cluster's vectors, per dimension.
const SPREAD: f32 = 0.06;

fn benches(criterion: &mut Criterion) {
    let mut random = Random(1);
    let centres: Vec<Vec<f32>> = (0..CLUSTERS)
        .map(|_| random.near(&vec![0.0; DIMENSIONS], SPREAD))
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (vectors, graph) = (
        folder.path().join("bench.vec"),
        folder.path().join("bench.graph"),
    );
    let mut writer =
        VectorWriter::create(&WriteOptions::default(), &vectors, DIMENSIONS).expect("a file");
    for row in 0..ROWS {
        writer
            .push(
                row as u64,
                [0; 16],
                &random.near(&centres[row % CLUSTERS], SPREAD),
            )
            .expect("a row");
    }
    writer.finish().expect("a file");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let file = index::VectorFile::open(&vectors).expect("the file");
    index::graph::build(&file, Params::default(), threads, &|_, _| {
        ControlFlow::Continue(())
    })
    .expect("a graph")
    .write(&WriteOptions::default(), &graph)
    .expect("a file");
    let segment = Segment::open(&vectors, Some(&graph)).expect("the segment");
    let query = random.near(&centres[7], SPREAD);

    for (name, dot) in distance::implementations() {
        criterion.bench_function(&format!("dot 384 {name}"), |b| {
            b.iter(|| dot(black_box(&query), black_box(&centres[0])))
        });
    }
    criterion.bench_function("exact, 20,000 rows, k 10", |b| {
        b.iter(|| segment.search(&query, 10, SearchStrategy::Exact, None))
    });
    for ef in [32, 128] {
        criterion.bench_function(&format!("graph, 20,000 rows, k 10, ef {ef}"), |b| {
            b.iter(|| segment.search(&query, 10, SearchStrategy::graph(ef), None));
        });
    }
    let mut slow = criterion.benchmark_group("slow");
    slow.sample_size(10);
    slow.bench_function("build, 20,000 rows, M 16, ef_construction 200", |b| {
        b.iter(|| {
            index::graph::build(&file, Params::default(), threads, &|_, _| {
                ControlFlow::Continue(())
            })
        });
    });
}

criterion_group!(all, benches);
criterion_main!(all);
