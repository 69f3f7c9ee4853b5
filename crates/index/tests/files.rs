//! Files of every version open; damaged ones are named and do no harm.

use crate::common::{Random, build, build_with, unsealed};
use index::{Bits, Error, Files, Graph, Hit, Method, Params, Segment, VectorFile, exact};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Two hundred vectors of eight dimensions, written by the first release with each version.
#[test]
fn files_of_older_versions_open_and_answer() {
    for version in ["v1", "v2", "v3"] {
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
        graph.write(&Files::default(), &path).unwrap();
        Graph::open(&path, file).unwrap().verify().unwrap();
    }
}

/// What every search there is gives, on whatever can be opened; what went wrong, if something did.
fn answers(vectors: &Path, graph: &Path) -> Result<Vec<Vec<Hit>>, Error> {
    let segment = Segment::open(vectors, Some(graph))?;
    let rows = segment.vectors().rows();
    let query = Random(9).unit(8);
    let mut some = Bits::new(rows);
    (0..rows as u32).step_by(2).for_each(|row| _ = some.insert(row));
    let mut all = Vec::new();
    for method in [Method::Exact, Method::walk(1)] {
        all.push(segment.search(&query, 300, method, None)?);
        all.push(segment.search(&query, 1, method, Some(&some))?);
        all.extend(segment.search_many(&query, 3, method)?);
    }
    if let Some(graph) = segment.graph() {
        graph.reachable();
    }
    assert!(all.iter().flatten().all(|hit| (hit.row as usize) < rows), "{all:?}");
    Ok(all)
}

/// Calls `damaged` with each file of a small segment damaged at every byte, and cut short.
fn damage(files: &Files, mut damaged: impl FnMut(&Path, &Path, &str)) {
    let mut random = Random(1);
    let params = Params { m: 2, ef_construction: 10, ..Params::default() };
    let built = build_with(files, &random.clustered(5, 24, 0.3, 8), params, 1);
    let (vec, graph) = (built.folder.path().join("a.vec"), built.folder.path().join("a.graph"));
    drop(built.segment);
    for file in [&vec, &graph] {
        let whole = std::fs::read(file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x11;
            std::fs::write(file, &bytes).unwrap();
            damaged(&vec, &graph, &format!("{} byte {at}", file.display()));
        }
        for length in (0..whole.len()).step_by(7) {
            std::fs::write(file, &whole[..length]).unwrap();
            assert!(Segment::open(&vec, Some(&graph)).is_err(), "cut at {length}");
        }
        std::fs::write(file, &whole).unwrap();
    }
    Segment::open(&vec, Some(&graph)).unwrap().verify().unwrap();
}

fn verify(vectors: &Path, graph: &Path) -> Result<(), Error> {
    Segment::open(vectors, Some(graph))?.verify()
}

#[test]
fn a_damaged_byte_anywhere_gives_an_error_that_names_the_file_and_never_a_wrong_answer() {
    let mut random = Random(1);
    let params = Params { m: 2, ef_construction: 10, ..Params::default() };
    let built = build(&random.clustered(5, 24, 0.3, 8), params, 1);
    let right = answers(&built.folder.path().join("a.vec"), &built.folder.path().join("a.graph")).unwrap();
    let (mut noticed, mut unused) = (0, 0);
    damage(&Files::default(), |vectors, graph, what| {
        let said = verify(vectors, graph).err().unwrap_or_else(|| panic!("{what}")).to_string();
        assert!(said.contains("a.vec") || said.contains("a.graph"), "{said}");
        match answers(vectors, graph) {
            Err(Error::Damaged { .. } | Error::Version { .. }) => noticed += 1,
            Err(other) => panic!("{what}: {other}"),
            Ok(found) => {
                assert_eq!(found, right, "{what}");
                unused += 1;
            }
        }
    });
    assert!(noticed > 10 * unused, "{noticed} {unused}");
}

#[test]
fn without_a_seal_every_damaged_byte_is_noticed_by_a_check_and_none_makes_a_search_fail() {
    damage(&unsealed(), |vectors, graph, what| {
        assert!(verify(vectors, graph).is_err(), "{what}");
        // Other numbers make other answers, of rows that there are; a damaged header is an error.
        match answers(vectors, graph) {
            Ok(found) => assert!(!found.is_empty(), "{what}"),
            Err(Error::Damaged { .. } | Error::Version { .. }) => {}
            Err(other) => panic!("{what}: {other}"),
        }
    });
}

#[test]
fn a_newer_version_is_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.vec");
    let mut bytes = std::fs::read(fixture("v1.vec")).unwrap();
    bytes[8] = 9;
    std::fs::write(&path, bytes).unwrap();
    let error = VectorFile::open(&path).err().unwrap();
    assert!(matches!(error, Error::Version { found: 9, known: 3, .. }), "{error}");
}

#[test]
fn a_link_beyond_the_graph_is_left_out_though_a_larger_one_was_searched_before() {
    let mut random = Random(2);
    let large = build_with(&unsealed(), &random.clustered(5, 100, 0.3, 8), Params { m: 2, ..Params::default() }, 1);
    let small = build_with(
        &unsealed(),
        &random.clustered(5, 60, 0.3, 8),
        Params { m: 2, ef_construction: 10, ..Params::default() },
        1,
    );
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
