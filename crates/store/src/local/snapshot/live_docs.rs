//! Live passages: the document and the vector row of each.

use super::Snapshot;
use crate::collection::PassageKey;
use crate::{Error, Result};
use index::Bits;
use tantivy::DocAddress;

/// The live passages of a snapshot.
pub struct LiveDocs {
    /// Every live passage's key and document, sorted by key.
    pub documents: Vec<(u64, DocAddress)>,
    /// The live rows of each vector segment.
    pub rows: Vec<Bits>,
    /// The keys of live passages without a vector, in ascending order.
    missing: Vec<u64>,
}

impl Snapshot {
    /// The live passages. Computed on first use, so that opening a collection stays instant.
    pub fn live(&self) -> Result<&LiveDocs> {
        if let Some(live) = self.live.get() {
            return Ok(live);
        }
        let keys = self.number_columns("key")?;
        let mut documents: Vec<(u64, DocAddress)> = Vec::with_capacity(self.manifest.rows());
        documents.extend(
            self.live_addresses()
                .filter_map(|at| Some((keys.number(at)?, at))),
        );
        documents.sort_unstable_by_key(|(key, _)| *key);
        let (rows, missing) = self.find_rows(documents.iter().map(|(key, _)| *key));
        Ok(self.live.get_or_init(|| LiveDocs {
            documents,
            rows,
            missing,
        }))
    }

    /// The rows of each vector segment with the given keys, and the keys without a row. `keys` are
    /// in ascending order.
    pub fn find_rows(&self, keys: impl Iterator<Item = u64>) -> (Vec<Bits>, Vec<u64>) {
        let mut rows: Vec<Bits> = self
            .segments
            .iter()
            .map(|segment| Bits::new(segment.vectors().rows()))
            .collect();
        let mut missing = Vec::new();
        let mut cursors: Vec<(usize, &[u64])> = self
            .segments
            .iter()
            .map(|segment| (0, segment.vectors().keys()))
            .collect();
        for key in keys {
            // Each segment's keys are in ascending order, too, so its search continues where the
            // last one ended.
            let found = cursors.iter_mut().zip(&mut rows).any(|((at, keys), rows)| {
                *at += keys[*at..].gallop(key);
                keys.get(*at) == Some(&key) && rows.insert(*at as u32)
            });
            if !found {
                missing.push(key);
            }
        }
        (rows, missing)
    }

    /// Every live passage's key and document, sorted by key.
    pub fn live_passages(&self) -> Result<&[(u64, DocAddress)]> {
        Ok(&self.live()?.documents)
    }

    /// The live rows of each vector segment.
    pub fn live_rows(&self) -> Result<&[Bits]> {
        Ok(&self.live()?.rows)
    }

    /// The keys of live passages without a vector. There are none unless files were mixed up or
    /// left out by a repair.
    pub fn missing_vectors(&self) -> Result<&[u64]> {
        Ok(&self.live()?.missing)
    }

    /// Every live passage's key, in ascending order.
    pub fn live_keys(&self) -> Result<impl Iterator<Item = PassageKey>> {
        Ok(self
            .live()?
            .documents
            .iter()
            .map(|(key, _)| PassageKey(*key)))
    }

    pub fn address(&self, key: PassageKey) -> Result<DocAddress> {
        let documents = &self.live()?.documents;
        match documents.binary_search_by_key(&key.0, |(key, _)| *key) {
            Ok(at) => Ok(documents[at].1),
            Err(_) => Err(Error::damaged(
                self.layout.root(),
                format!("no passage has the key {}", key.0),
            )),
        }
    }

    /// Calls `visit` with every live vector, in ascending order of keys.
    pub fn for_each_vector(
        &self,
        visit: &mut dyn FnMut(PassageKey, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let keys: Vec<&[u64]> = self
            .segments
            .iter()
            .map(|segment| segment.vectors().keys())
            .collect();
        let mut cursors = vec![0; keys.len()];
        for key in self.live_keys()? {
            for (at, (keys, segment)) in cursors.iter_mut().zip(keys.iter().zip(&self.segments)) {
                *at += keys[*at..].gallop(key.0);
                if keys.get(*at) == Some(&key.0) {
                    let vector = segment.vectors().vector(*at as u32);
                    segment.vectors().ensure_reads_valid()?;
                    visit(key, vector)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The vectors of passages, in the order of `keys`.
    pub fn vectors(&self, keys: &[PassageKey]) -> Result<Vec<Vec<f32>>> {
        keys.iter()
            .map(|key| {
                let (segment, row) = self.find_row(*key)?;
                let vectors = self.segments[segment].vectors();
                let vector = vectors.vector(row).to_vec();
                vectors.ensure_reads_valid()?;
                Ok(vector)
            })
            .collect()
    }

    /// The segment and row of a passage's vector.
    pub fn find_row(&self, key: PassageKey) -> Result<(usize, u32)> {
        let mut segments = self.segments.iter().enumerate();
        let found = segments.find_map(|(at, segment)| Some((at, segment.vectors().row_of(key.0)?)));
        found.ok_or_else(|| {
            Error::damaged(
                self.layout.root(),
                format!("no vector has the key {}", key.0),
            )
        })
    }
}

/// Exponential search, which is fast when many keys are looked up in ascending order.
trait Gallop {
    /// The number of elements below `key`, found in steps that double.
    fn gallop(&self, key: u64) -> usize;
}

impl Gallop for [u64] {
    fn gallop(&self, key: u64) -> usize {
        let mut end = 1;
        while end < self.len() && self[end - 1] < key {
            end *= 2;
        }
        self[..end.min(self.len())].partition_point(|&k| k < key)
    }
}

#[cfg(test)]
mod tests {
    use super::Gallop;

    #[test]
    fn gallop_agrees_with_partition_point() {
        let keys: Vec<u64> = (0..100).map(|i| i * 3).collect();
        for key in 0..310 {
            assert_eq!(
                keys.gallop(key),
                keys.partition_point(|&k| k < key),
                "{key}"
            );
        }
        assert_eq!([].gallop(5), 0);
    }
}
