//! What's measured: dot products, the exact scan, the graph walk, and building the graph.
//! Corpus: 20,000 unit vectors of 384 dimensions in 200 clusters, from a fixed generator.
//! Notes: one thread but for the scan and the build; `cargo bench`.

use criterion::{Criterion, criterion_group, criterion_main};
use index::{Method, Params, Segment, VectorWriter, distance};
use std::hint::black_box;
use std::ops::ControlFlow;

const DIMENSIONS: usize = 384;
const ROWS: usize = 20_000;
const CLUSTERS: usize = 200;

/// SplitMix64, to have the same vectors everywhere.
struct Random(u64);

impl Random {
    fn value(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn near(&mut self, centre: &[f32]) -> Vec<f32> {
        let raw: Vec<f32> = centre.iter().map(|x| x + 0.06 * self.value()).collect();
        let norm = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
        raw.into_iter().map(|x| x / norm).collect()
    }
}

fn benches(criterion: &mut Criterion) {
    let mut random = Random(1);
    let centres: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| random.near(&vec![0.0; DIMENSIONS])).collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (vectors, graph) = (folder.path().join("bench.vec"), folder.path().join("bench.graph"));
    let mut writer = VectorWriter::create(&vectors, DIMENSIONS).expect("a file");
    for row in 0..ROWS {
        writer.push(row as u64, [0; 16], &random.near(&centres[row % CLUSTERS])).expect("a row");
    }
    writer.finish().expect("a file");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let file = index::VectorFile::open(&vectors).expect("the file");
    index::graph::build(&file, Params::default(), threads, &|_, _| ControlFlow::Continue(()))
        .expect("a graph")
        .write(&graph)
        .expect("a file");
    let segment = Segment::open(&vectors, Some(&graph)).expect("the segment");
    let query = random.near(&centres[7]);

    for (name, dot) in distance::paths() {
        criterion
            .bench_function(&format!("dot 384 {name}"), |b| b.iter(|| dot(black_box(&query), black_box(&centres[0]))));
    }
    criterion
        .bench_function("exact, 20,000 rows, k 10", |b| b.iter(|| segment.search(&query, 10, Method::Exact, None)));
    for ef in [32, 128] {
        criterion.bench_function(&format!("graph, 20,000 rows, k 10, ef {ef}"), |b| {
            b.iter(|| segment.search(&query, 10, Method::walk(ef), None));
        });
    }
    let mut slow = criterion.benchmark_group("slow");
    slow.sample_size(10);
    slow.bench_function("build, 20,000 rows, M 16, ef_construction 200", |b| {
        b.iter(|| index::graph::build(&file, Params::default(), threads, &|_, _| ControlFlow::Continue(())));
    });
}

criterion_group!(all, benches);
criterion_main!(all);
