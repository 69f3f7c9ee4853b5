//! Rows with exactly the same vector share one node: otherwise a crowd of copies would fill every
//! neighbor list and every candidate list nearby.

use crate::VectorFile;
use rayon::prelude::*;

/// Groups the rows by vector: rows increase within a group, and groups are ordered by their first
/// row.
pub fn group_duplicates(vectors: &VectorFile) -> Vec<Vec<u32>> {
    let hash = |row: u32| {
        let hash = blake3::hash(bytemuck::cast_slice(vectors.vector(row)));
        bytemuck::pod_read_unaligned::<u64>(&hash.as_bytes()[..8])
    };
    let mut hashed: Vec<(u64, u32)> = (0..vectors.rows() as u32)
        .into_par_iter()
        .map(|row| (hash(row), row))
        .collect();
    hashed.par_sort_unstable();
    let same =
        |a: &(u64, u32), b: &(u64, u32)| a.0 == b.0 && vectors.vector(a.1) == vectors.vector(b.1);
    let mut groups: Vec<Vec<u32>> = hashed
        .chunk_by(same)
        .map(|group| group.iter().map(|(_, row)| *row).collect())
        .collect();
    groups.sort_unstable_by_key(|group| group.first().copied());
    groups
}
