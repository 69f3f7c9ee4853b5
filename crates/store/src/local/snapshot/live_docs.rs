//! Which passages are alive, in which document each is and in which row its vector.

use super::Snapshot;
use crate::collection::PassageKey;
use crate::{Error, Result};
use index::Bits;
use tantivy::DocAddress;

/// Which passages are alive, and where.
pub struct Live {
    /// Every live passage's document, by key.
    pub documents: Vec<(u64, DocAddress)>,
    /// The live rows of each segment.
    pub rows: Vec<Bits>,
    /// Live keys without a vector.
    missing: Vec<u64>,
}

impl Snapshot {
    /// Which passages are alive. Worked out when first asked: opening stays instant.
    pub fn live(&self) -> Result<&Live> {
        if let Some(live) = self.live.get() {
            return Ok(live);
        }
        let keys = self.numbers("key")?;
        let mut documents: Vec<(u64, DocAddress)> = Vec::with_capacity(self.manifest.rows());
        documents.extend(self.alive().filter_map(|at| Some((keys.number(at)?, at))));
        documents.sort_unstable_by_key(|(key, _)| *key);
        let (rows, missing) = self.rows_of(documents.iter().map(|(key, _)| *key));
        Ok(self.live.get_or_init(|| Live { documents, rows, missing }))
    }

    /// The rows of each vector segment that hold the keys, which come in order, and the keys that none holds.
    pub fn rows_of(&self, keys: impl Iterator<Item = u64>) -> (Vec<Bits>, Vec<u64>) {
        let mut rows: Vec<Bits> = self.segments.iter().map(|segment| Bits::new(segment.vectors().rows())).collect();
        let mut missing = Vec::new();
        let mut places: Vec<(usize, &[u64])> =
            self.segments.iter().map(|segment| (0, segment.vectors().keys())).collect();
        for key in keys {
            // Every segment's keys come in order, too: each is found by going on from the last.
            let found = places.iter_mut().zip(&mut rows).any(|((at, keys), rows)| {
                *at += keys[*at..].partition_point_from_start(key);
                keys.get(*at) == Some(&key) && rows.insert(*at as u32)
            });
            if !found {
                missing.push(key);
            }
        }
        (rows, missing)
    }

    /// Every live passage's key and document, in the order of keys.
    pub fn live_addresses(&self) -> Result<&[(u64, DocAddress)]> {
        Ok(&self.live()?.documents)
    }

    /// The live rows of each segment.
    pub fn live_rows(&self) -> Result<&[Bits]> {
        Ok(&self.live()?.rows)
    }

    /// Live passages whose vector is in no segment: none, unless a file was put in another's place.
    pub fn missing_vectors(&self) -> Result<&[u64]> {
        Ok(&self.live()?.missing)
    }

    /// Every live passage's key, in order.
    pub fn live_keys(&self) -> Result<impl Iterator<Item = PassageKey>> {
        Ok(self.live()?.documents.iter().map(|(key, _)| PassageKey(*key)))
    }

    pub fn address(&self, key: PassageKey) -> Result<DocAddress> {
        let documents = &self.live()?.documents;
        match documents.binary_search_by_key(&key.0, |(key, _)| *key) {
            Ok(at) => Ok(documents[at].1),
            Err(_) => Err(Error::damaged(self.layout.root(), format!("no passage has the key {}", key.0))),
        }
    }

    /// Every live vector, in the order of keys.
    pub fn for_each_vector(&self, visit: &mut dyn FnMut(PassageKey, &[f32]) -> Result<()>) -> Result<()> {
        let keys: Vec<&[u64]> = self.segments.iter().map(|segment| segment.vectors().keys()).collect();
        let mut places = vec![0; keys.len()];
        for key in self.live_keys()? {
            for (at, (keys, segment)) in places.iter_mut().zip(keys.iter().zip(&self.segments)) {
                *at += keys[*at..].partition_point_from_start(key.0);
                if keys.get(*at) == Some(&key.0) {
                    let vector = segment.vectors().vector(*at as u32);
                    segment.vectors().intact()?;
                    visit(key, vector)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The vectors of passages, in the order of the keys.
    pub fn vectors(&self, keys: &[PassageKey]) -> Result<Vec<Vec<f32>>> {
        keys.iter()
            .map(|key| {
                let (at, row) = self.row_of(*key)?;
                let vectors = self.segments[at].vectors();
                let vector = vectors.vector(row).to_vec();
                vectors.intact()?;
                Ok(vector)
            })
            .collect()
    }

    /// In which row of which segment a passage's vector is.
    pub fn row_of(&self, key: PassageKey) -> Result<(usize, u32)> {
        let mut segments = self.segments.iter().enumerate();
        let found = segments.find_map(|(at, segment)| Some((at, segment.vectors().row_of(key.0)?)));
        found.ok_or_else(|| Error::damaged(self.layout.root(), format!("no vector has the key {}", key.0)))
    }
}

/// Galloping search, for many keys in order.
trait Gallop {
    /// How many elements at the start are below `key`, found in steps that double.
    fn partition_point_from_start(&self, key: u64) -> usize;
}

impl Gallop for [u64] {
    fn partition_point_from_start(&self, key: u64) -> usize {
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
    fn galloping_finds_what_bisection_finds() {
        let keys: Vec<u64> = (0..100).map(|i| i * 3).collect();
        for key in 0..310 {
            assert_eq!(keys.partition_point_from_start(key), keys.partition_point(|&k| k < key), "{key}");
        }
        assert_eq!([].partition_point_from_start(5), 0);
    }
}
