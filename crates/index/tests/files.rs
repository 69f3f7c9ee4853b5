//! Files of every version open; damaged ones are named and do no harm.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail there")]

mod common;

use common::{Random, build};
use index::{Bits, Error, Graph, Method, Params, Segment, VectorFile, exact};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Two hundred vectors of eight dimensions, written by the first release with each version.
#[test]
fn files_of_older_versions_open_and_answer() {
    for version in ["v1", "v2"] {
        let (vectors, graph) = (fixture(&format!("{version}.vec")), fixture(&format!("{version}.graph")));
        let segment = Segment::open(&vectors, Some(&graph)).unwrap();
        segment.verify().unwrap();
        let file = segment.vectors();
        assert_eq!((file.rows(), file.dimensions(), file.row_of(398)), (200, 8, Some(199)), "{version}");
        assert_eq!(file.tags()[7][0], 7);
        let graph = segment.graph().unwrap();
        assert_eq!((graph.m(), graph.ef_construction(), graph.reachable()), (4, 20, 200), "{version}");
        for row in 0..200 {
            let query = file.vector(row);
            assert_eq!(segment.search(query, 1, Method::walk(3), None).unwrap()[0].row, row, "{version}");
            let truth = exact::search(file, query, 5, None);
            assert_eq!(segment.search(query, 5, Method::Exact, None).unwrap(), truth);
        }
        // And into the version of today.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("now.graph");
        graph.write(&path).unwrap();
        Graph::open(&path, file).unwrap().verify().unwrap();
    }
}

/// Every search there is, on whatever can be opened.
fn use_it(vectors: &Path, graph: &Path) {
    let Ok(segment) = Segment::open(vectors, Some(graph)) else { return };
    let query = {
        let mut random = Random(9);
        random.unit(segment.vectors().dimensions())
    };
    let mut some = Bits::new(segment.vectors().rows());
    (0..segment.vectors().rows() as u32).step_by(2).for_each(|row| _ = some.insert(row));
    for method in [Method::Exact, Method::walk(1)] {
        let rows = segment.vectors().rows();
        let there = |hits: Vec<index::Hit>| assert!(hits.iter().all(|hit| (hit.row as usize) < rows), "{hits:?}");
        there(segment.search(&query, 300, method, None).unwrap());
        there(segment.search(&query, 1, method, Some(&some)).unwrap());
        segment.search_many(&query, 3, method).unwrap().into_iter().for_each(there);
    }
    let _ = segment.vectors().row_of(3);
    if let Some(graph) = segment.graph() {
        graph.reachable();
    }
}

#[test]
fn every_damaged_byte_is_noticed_and_none_makes_a_search_fail() {
    let mut random = Random(1);
    let built = build(&random.clustered(5, 24, 0.3, 8), Params { m: 2, ef_construction: 10, ..Params::default() }, 1);
    let (vec, graph) = (built.folder.path().join("a.vec"), built.folder.path().join("a.graph"));
    drop(built.segment);
    for file in [&vec, &graph] {
        let whole = std::fs::read(file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x11;
            std::fs::write(file, &bytes).unwrap();
            let noticed = Segment::open(&vec, Some(&graph)).and_then(|segment| segment.verify());
            assert!(noticed.is_err(), "{} byte {at}", file.display());
            use_it(&vec, &graph);
        }
        for length in (0..whole.len()).step_by(7) {
            std::fs::write(file, &whole[..length]).unwrap();
            assert!(Segment::open(&vec, Some(&graph)).is_err(), "cut at {length}");
        }
        std::fs::write(file, &whole).unwrap();
    }
    Segment::open(&vec, Some(&graph)).unwrap().verify().unwrap();
}

#[test]
fn a_newer_version_is_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.vec");
    let mut bytes = std::fs::read(fixture("v1.vec")).unwrap();
    bytes[8] = 9;
    std::fs::write(&path, bytes).unwrap();
    let error = VectorFile::open(&path).err().unwrap();
    assert!(matches!(error, Error::Version { found: 9, known: 2, .. }), "{error}");
}

#[test]
fn a_link_beyond_the_graph_is_left_out_though_a_larger_one_was_searched_before() {
    let mut random = Random(2);
    let large = build(&random.clustered(5, 100, 0.3, 8), Params { m: 2, ..Params::default() }, 1);
    let small = build(&random.clustered(5, 60, 0.3, 8), Params { m: 2, ef_construction: 10, ..Params::default() }, 1);
    let (vec, graph) = (small.folder.path().join("a.vec"), small.folder.path().join("a.graph"));
    let mut bytes = std::fs::read(&graph).unwrap();
    let offset = |section: usize| u64::from_le_bytes(bytes[128 + 64 * section..][..8].try_into().unwrap()) as usize;
    // Every neighbour at level 0 becomes node 400.
    let (links, nodes) = (offset(3), 300);
    bytes[links..links + nodes * 16].chunks_exact_mut(4).for_each(|link| link.copy_from_slice(&400u32.to_le_bytes()));
    std::fs::write(&graph, bytes).unwrap();
    let query = random.unit(8);
    large.segment.search(&query, 1, Method::walk(1), None).unwrap();
    let segment = Segment::open(&vec, Some(&graph)).unwrap();
    assert!(segment.verify().is_err());
    assert_eq!(segment.search(&query, 1, Method::walk(1), None).unwrap().len(), 1);
}
