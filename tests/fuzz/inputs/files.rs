//! Opens, searches and verifies arbitrary vector and graph files: no panic, no read outside of the
//! files, no endless loop.
//!
//! The first byte holds flags: whether to correct the header (bit 0 clear), and whether to append a
//! checksum footer (bit 1). Without that, hardly any input would get past the header.

use super::{folder, put};
use disk::{OsFileSystem, WriteOptions};
use index::{Bits, Graph, Neighbor, Quantization, SearchStrategy, Segment, VectorFile};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub fn check_segment(input: &[u8]) {
    let [flags, first, second, rest @ ..] = input else {
        return;
    };
    let split = usize::from(u16::from_le_bytes([*first, *second])).min(rest.len());
    let (mut vectors, mut graph) = (rest[..split].to_vec(), rest[split..].to_vec());
    let sealed = flags & 2 != 0;
    if flags & 1 == 0 {
        correct_header(&mut vectors, sealed);
        correct_header(&mut graph, sealed);
    }
    exercise(
        &file("a.vec", &vectors, sealed),
        &file("a.graph", &graph, sealed),
    );
}

fn exercise(vectors: &Path, graph: &Path) {
    let Ok(file) = VectorFile::open(vectors) else {
        return;
    };
    let _ = file.verify();
    let _ = (
        file.row_of(7),
        file.fingerprints().len(),
        file.vector(3),
        file.vector(u32::MAX),
    );
    if let Ok(graph) = Graph::open(graph, &file) {
        let _ = (
            graph.count_reachable(),
            graph.verify(),
            graph.build_report(),
            graph.checksum().map(str::len),
        );
    }
    let Ok(segment) = Segment::open(vectors, Some(graph)) else {
        return;
    };
    let (rows, dimensions) = (segment.vectors().rows(), segment.vectors().dimensions());
    if dimensions > 4096 {
        return;
    }
    let mut query = vec![0.0; dimensions];
    query[dimensions / 2] = 1.0;
    let mut every_third = Bits::new(rows);
    (0..rows as u32)
        .step_by(3)
        .for_each(|row| _ = every_third.insert(row));
    let assert_rows_exist =
        |hits: Vec<Neighbor>| assert!(hits.iter().all(|hit| (hit.row as usize) < rows));
    for strategy in [
        SearchStrategy::Exact,
        SearchStrategy::graph(1),
        SearchStrategy::Graph {
            ef: 2,
            quantization: Quantization::Binary,
        },
    ] {
        for allowed in [None, Some(&every_third)] {
            assert_rows_exist(
                segment
                    .search(&query, 2, strategy, allowed)
                    .unwrap_or_default(),
            );
        }
        assert_rows_exist(
            segment
                .search(&query, rows + 1, strategy, None)
                .unwrap_or_default(),
        );
        segment
            .search_many(&query, 1, strategy)
            .unwrap_or_default()
            .into_iter()
            .for_each(assert_rows_exist);
    }
}

/// Writes a new file, with a checksum footer if `sealed`.
fn file(name: &str, bytes: &[u8], sealed: bool) -> PathBuf {
    if !sealed {
        return put(name, bytes);
    }
    let path = folder().join(name);
    disk::atomic_write(
        &WriteOptions {
            fs: Arc::new(OsFileSystem),
            sealed,
        },
        &path,
        bytes,
    )
    .expect("a file");
    path
}

/// Corrects the version, length and checksum fields of a header and leaves everything else as it is.
fn correct_header(file: &mut [u8], sealed: bool) {
    if file.len() < 128 {
        return;
    }
    if sealed {
        file[8..12].copy_from_slice(&3u32.to_le_bytes());
    }
    let length = file.len() as u64;
    file[16..24].copy_from_slice(&length.to_le_bytes());
    let sections = u32::from_le_bytes([file[12], file[13], file[14], file[15]]) as usize;
    let end = 128usize
        .saturating_add(sections.saturating_mul(64))
        .min(file.len());
    let is_format_1 = file[8] == 1;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&file[..112]);
    if !is_format_1 {
        hasher.update(&file[128..end]);
    }
    let sum = hasher.finalize();
    file[112..128].copy_from_slice(&sum.as_bytes()[..16]);
}
