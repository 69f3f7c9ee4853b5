//! Files of every format version open; damage is reported and never changes an answer.

use crate::common::{Random, build, build_with, unsealed};
use index::{
    Bits, Error, Graph, Neighbor, Params, SearchStrategy, Segment, VectorFile, WriteOptions, exact,
};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The fixtures are two hundred vectors of eight dimensions, written by the first release of each
/// format version.
#[test]
fn older_format_versions_open_search_and_convert() {
    for version in ["v1", "v2", "v3"] {
        let (vectors, graph) = (
            fixture(&format!("{version}.vec")),
            fixture(&format!("{version}.graph")),
        );
        let segment = Segment::open(&vectors, Some(&graph)).unwrap();
        segment.verify().unwrap();
        let file = segment.vectors();
        assert_eq!(
            (file.rows(), file.dimensions(), file.row_of(398)),
            (200, 8, Some(199)),
            "{version}"
        );
        assert_eq!(file.fingerprints()[7][0], 7);
        let graph = segment.graph().unwrap();
        assert_eq!(
            (graph.m(), graph.ef_construction(), graph.count_reachable()),
            (4, 20, 200),
            "{version}"
        );
        for row in 0..200 {
            let query = file.vector(row);
            assert_eq!(
                segment
                    .search(query, 1, SearchStrategy::graph(3), None)
                    .unwrap()[0]
                    .row,
                row,
                "{version}"
            );
            let truth = exact::search(file, query, 5, None);
            assert_eq!(
                segment
                    .search(query, 5, SearchStrategy::Exact, None)
                    .unwrap(),
                truth
            );
        }
        // Writing it again converts it to the current version.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("now.graph");
        graph.write(&WriteOptions::default(), &path).unwrap();
        Graph::open(&path, file).unwrap().verify().unwrap();
    }
}

/// Runs every kind of search on the files; returns all hits, or the first error.
fn search_everything(vectors: &Path, graph: &Path) -> Result<Vec<Vec<Neighbor>>, Error> {
    let segment = Segment::open(vectors, Some(graph))?;
    let rows = segment.vectors().rows();
    let query = Random(9).unit(8);
    let mut allowed = Bits::new(rows);
    (0..rows as u32)
        .step_by(2)
        .for_each(|row| _ = allowed.insert(row));
    let mut all = Vec::new();
    for strategy in [SearchStrategy::Exact, SearchStrategy::graph(1)] {
        all.push(segment.search(&query, 300, strategy, None)?);
        all.push(segment.search(&query, 1, strategy, Some(&allowed))?);
        all.extend(segment.search_many(&query, 3, strategy)?);
    }
    if let Some(graph) = segment.graph() {
        graph.count_reachable();
    }
    assert!(
        all.iter().flatten().all(|hit| (hit.row as usize) < rows),
        "{all:?}"
    );
    Ok(all)
}

/// Calls `check` with each file of a small segment damaged at each byte in turn. Cut-off files must
/// not open.
fn damage_every_byte(options: &WriteOptions, mut check: impl FnMut(&Path, &Path, &str)) {
    let mut random = Random(1);
    let params = Params {
        m: 2,
        ef_construction: 10,
        ..Params::default()
    };
    let built = build_with(options, &random.clustered(5, 24, 0.3, 8), params, 1);
    let (vec, graph) = (
        built.folder.path().join("a.vec"),
        built.folder.path().join("a.graph"),
    );
    drop(built.segment);
    for file in [&vec, &graph] {
        let whole = std::fs::read(file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x11;
            std::fs::write(file, &bytes).unwrap();
            check(&vec, &graph, &format!("{} byte {at}", file.display()));
        }
        for length in (0..whole.len()).step_by(7) {
            std::fs::write(file, &whole[..length]).unwrap();
            assert!(
                Segment::open(&vec, Some(&graph)).is_err(),
                "cut at {length}"
            );
        }
        std::fs::write(file, &whole).unwrap();
    }
    Segment::open(&vec, Some(&graph)).unwrap().verify().unwrap();
}

fn verify(vectors: &Path, graph: &Path) -> Result<(), Error> {
    Segment::open(vectors, Some(graph))?.verify()
}

#[test]
fn sealed_files_never_give_wrong_hits_when_damaged() {
    let mut random = Random(1);
    let params = Params {
        m: 2,
        ef_construction: 10,
        ..Params::default()
    };
    let built = build(&random.clustered(5, 24, 0.3, 8), params, 1);
    let expected = search_everything(
        &built.folder.path().join("a.vec"),
        &built.folder.path().join("a.graph"),
    )
    .unwrap();
    let (mut detected, mut unread) = (0, 0);
    damage_every_byte(&WriteOptions::default(), |vectors, graph, what| {
        let message = verify(vectors, graph)
            .err()
            .unwrap_or_else(|| panic!("{what}"))
            .to_string();
        assert!(
            message.contains("a.vec") || message.contains("a.graph"),
            "{message}"
        );
        match search_everything(vectors, graph) {
            Err(Error::Damaged { .. } | Error::Version { .. }) => detected += 1,
            Err(other) => panic!("{what}: {other}"),
            Ok(found) => {
                assert_eq!(found, expected, "{what}");
                unread += 1;
            }
        }
    });
    assert!(detected > 10 * unread, "{detected} {unread}");
}

#[test]
fn verify_detects_all_damage_in_unsealed_files() {
    damage_every_byte(&unsealed(), |vectors, graph, what| {
        assert!(verify(vectors, graph).is_err(), "{what}");
        // Damaged vectors or links give other hits, but valid ones; a damaged header is an error.
        match search_everything(vectors, graph) {
            Ok(found) => assert!(!found.is_empty(), "{what}"),
            Err(Error::Damaged { .. } | Error::Version { .. }) => {}
            Err(other) => panic!("{what}: {other}"),
        }
    });
}

#[test]
fn newer_format_version_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.vec");
    let mut bytes = std::fs::read(fixture("v1.vec")).unwrap();
    bytes[8] = 9;
    std::fs::write(&path, bytes).unwrap();
    let error = VectorFile::open(&path).err().unwrap();
    assert!(
        matches!(
            error,
            Error::Version {
                found: 9,
                known: 3,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn out_of_range_links_are_ignored_after_searching_a_larger_graph() {
    let mut random = Random(2);
    let large = build_with(
        &unsealed(),
        &random.clustered(5, 100, 0.3, 8),
        Params {
            m: 2,
            ..Params::default()
        },
        1,
    );
    let small = build_with(
        &unsealed(),
        &random.clustered(5, 60, 0.3, 8),
        Params {
            m: 2,
            ef_construction: 10,
            ..Params::default()
        },
        1,
    );
    let (vec, graph) = (
        small.folder.path().join("a.vec"),
        small.folder.path().join("a.graph"),
    );
    let mut bytes = std::fs::read(&graph).unwrap();
    let offset = |section: usize| {
        u64::from_le_bytes(bytes[128 + 64 * section..][..8].try_into().unwrap()) as usize
    };
    // Every neighbor on level 0 becomes node 400.
    let (links, nodes) = (offset(3), 300);
    bytes[links..links + nodes * 16]
        .chunks_exact_mut(4)
        .for_each(|link| link.copy_from_slice(&400u32.to_le_bytes()));
    std::fs::write(&graph, bytes).unwrap();
    let query = random.unit(8);
    large
        .segment
        .search(&query, 1, SearchStrategy::graph(1), None)
        .unwrap();
    let segment = Segment::open(&vec, Some(&graph)).unwrap();
    assert!(segment.verify().is_err());
    assert_eq!(
        segment
            .search(&query, 1, SearchStrategy::graph(1), None)
            .unwrap()
            .len(),
        1
    );
}
