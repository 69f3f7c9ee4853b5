//! The exact answers, and their cache.

use disk::PathError;
use index::{Neighbor, VectorFile, exact};
use std::path::Path;

/// What happened to the cache of a [`GroundTruth`].
#[derive(Debug)]
pub enum CacheOutcome {
    /// The ground truth was loaded from the cache.
    Loaded,
    /// The ground truth was computed and cached.
    Stored,
    /// The ground truth was computed; caching it failed.
    NotStored(PathError),
}

/// The exact nearest neighbors of every query.
#[derive(Debug, Clone, PartialEq)]
pub struct GroundTruth {
    /// `queries × k`, best first.
    pub hits: Vec<Vec<Neighbor>>,
}

/// The first bytes of a cache file.
const TRUTH_MAGIC: &[u8; 8] = b"NIGHTRU\n";

impl GroundTruth {
    /// The exact `k` nearest neighbors of every query. `queries` is `queries × dimensions`,
    /// row-major, of unit norm. They are computed in blocks on all cores or loaded from the folder
    /// `cache`, whose files are named by a hash of vectors, queries and `k`.
    pub fn new(
        vectors: &VectorFile,
        queries: &[f32],
        k: usize,
        cache: &Path,
    ) -> (Self, CacheOutcome) {
        let k = k.min(vectors.rows());
        let file = cache.join(format!("{}.truth", cache_key(vectors, queries, k)));
        if let Some(found) = Self::read(&file, queries.len() / vectors.dimensions(), k) {
            return (found, CacheOutcome::Loaded);
        }
        let truth = Self {
            hits: exact::search_many(vectors, queries, k),
        };
        let outcome = match truth.write(&file) {
            Ok(()) => CacheOutcome::Stored,
            Err(error) => CacheOutcome::NotStored(PathError::at(&file)(error)),
        };
        (truth, outcome)
    }

    fn write(&self, file: &Path) -> std::io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut bytes = TRUTH_MAGIC.to_vec();
        for hit in self.hits.iter().flatten() {
            bytes.extend(hit.row.to_le_bytes());
            bytes.extend(hit.score.to_le_bytes());
        }
        bytes.extend(blake3::hash(&bytes).as_bytes());
        // A unique name until the file is complete: another process may be writing the same one.
        let temporary = tempfile::NamedTempFile::new_in(folder)?;
        std::fs::write(temporary.path(), bytes)?;
        temporary.persist(file).map_err(|error| error.error)?;
        Ok(())
    }

    /// `None` if the file is missing or damaged.
    fn read(file: &Path, queries: usize, k: usize) -> Option<Self> {
        let bytes = std::fs::read(file).ok()?;
        let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        let hits = content.strip_prefix(TRUTH_MAGIC)?;
        if blake3::hash(content).as_bytes() != sum || hits.len() != queries * k * 8 {
            return None;
        }
        let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or_default();
        let hit = |bytes: &[u8]| Neighbor {
            row: number(&bytes[..4]),
            score: f32::from_bits(number(&bytes[4..])),
        };
        let hits = hits
            .chunks_exact(k * 8)
            .map(|query| query.chunks_exact(8).map(hit).collect())
            .collect();
        Some(Self { hits })
    }

    /// The share of a query's exact neighbors that `found` holds. A row as near as the last of them
    /// counts too: which of several ties is found does not matter.
    pub fn recall(&self, query: usize, found: &[Neighbor]) -> f64 {
        let Some((exact, last)) = self
            .hits
            .get(query)
            .and_then(|exact| Some((exact, exact.last()?)))
        else {
            return 0.0;
        };
        // Scan and graph search may add up a dot product in different orders.
        let found = found
            .iter()
            .filter(|hit| hit.score >= last.score - 1e-6)
            .count();
        found.min(exact.len()) as f64 / exact.len() as f64
    }
}

fn cache_key(vectors: &VectorFile, queries: &[f32], k: usize) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(vectors.checksum().as_bytes());
    hasher.update(&(k as u64).to_le_bytes());
    hasher.update(bytemuck::cast_slice(queries));
    hasher.finalize().to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph_benchmark::tests::values;
    use crate::graph_benchmark::write_vectors;

    #[test]
    fn damaged_cache_is_recomputed() {
        let dir = tempfile::tempdir().unwrap();
        let (base, queries) = (values(50, 1), values(3, 2));
        let file = dir.path().join("a.vec");
        write_vectors(&file, &base, 16).unwrap();
        let vectors = VectorFile::open(&file).unwrap();
        let cache = dir.path().join("cache");
        let (truth, _) = GroundTruth::new(&vectors, &queries, 5, &cache);
        let cache_file = std::fs::read_dir(&cache)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let mut bytes = std::fs::read(&cache_file).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&cache_file, bytes).unwrap();
        let (reloaded, outcome) = GroundTruth::new(&vectors, &queries, 5, &cache);
        assert!(matches!(outcome, CacheOutcome::Stored) && reloaded == truth);
    }

    #[test]
    fn ties_with_the_last_exact_neighbor_count_as_found() {
        let hit = |row, score| Neighbor { row, score };
        let truth = GroundTruth {
            hits: vec![vec![hit(1, 0.9), hit(2, 0.8)]],
        };
        assert_eq!(truth.recall(0, &[hit(1, 0.9), hit(7, 0.8)]), 1.0);
        assert_eq!(truth.recall(0, &[hit(1, 0.9), hit(7, 0.7)]), 0.5);
    }
}
