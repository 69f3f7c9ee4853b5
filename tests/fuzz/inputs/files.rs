//! A file of vectors and a graph, as hostile as can be, opened, searched in every way and verified:
//! no panic, no read outside of the files, no endless loop.
//!
//! The first byte says how the rest is taken: as it is, or with its checksums set right and, or,
//! sealed; without that hardly any input would get past the header.

use super::{folder, put};
use disk::{OsFileSystem, WriteOptions};
use index::{Bits, Graph, Hit, Quantization, SearchStrategy, Segment, VectorFile};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub fn open(input: &[u8]) {
    let [how, first, second, rest @ ..] = input else {
        return;
    };
    let split = usize::from(u16::from_le_bytes([*first, *second])).min(rest.len());
    let (mut vectors, mut graph) = (rest[..split].to_vec(), rest[split..].to_vec());
    let sealed = how & 2 != 0;
    if how & 1 == 0 {
        set_right(&mut vectors, sealed);
        set_right(&mut graph, sealed);
    }
    use_it(
        &file("a.vec", &vectors, sealed),
        &file("a.graph", &graph, sealed),
    );
}

fn use_it(v: &Path, g: &Path) {
    let Ok(file) = VectorFile::open(v) else {
        return;
    };
    let _ = file.verify();
    let _ = (
        file.row_of(7),
        file.fingerprints().len(),
        file.vector(3),
        file.vector(u32::MAX),
    );
    if let Ok(graph) = Graph::open(g, &file) {
        let _ = (
            graph.count_reachable(),
            graph.verify(),
            graph.build_report(),
            graph.checksum().map(str::len),
        );
    }
    let Ok(segment) = Segment::open(v, Some(g)) else {
        return;
    };
    let (rows, dimensions) = (segment.vectors().rows(), segment.vectors().dimensions());
    if dimensions > 4096 {
        return;
    }
    let mut query = vec![0.0; dimensions];
    query[dimensions / 2] = 1.0;
    let mut some = Bits::new(rows);
    (0..rows as u32)
        .step_by(3)
        .for_each(|row| _ = some.insert(row));
    let there = |hits: Vec<Hit>| assert!(hits.iter().all(|hit| (hit.row as usize) < rows));
    for method in [
        SearchStrategy::Exact,
        SearchStrategy::graph(1),
        SearchStrategy::Graph {
            ef: 2,
            quantization: Quantization::Binary,
        },
    ] {
        for allowed in [None, Some(&some)] {
            there(
                segment
                    .search(&query, 2, method, allowed)
                    .unwrap_or_default(),
            );
        }
        there(
            segment
                .search(&query, rows + 1, method, None)
                .unwrap_or_default(),
        );
        segment
            .search_many(&query, 1, method)
            .unwrap_or_default()
            .into_iter()
            .for_each(there);
    }
}

/// A file of its own, which ends with the seal that its bytes want, if so.
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

/// Puts the version, the length and the checksum of a header right, whatever else is wrong with it.
fn set_right(file: &mut [u8], sealed: bool) {
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
    let first = file[8] == 1;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&file[..112]);
    if !first {
        hasher.update(&file[128..end]);
    }
    let sum = hasher.finalize();
    file[112..128].copy_from_slice(&sum.as_bytes()[..16]);
}
