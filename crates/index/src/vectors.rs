//! A file of unit vectors with their keys and tags.

use crate::distance::prefetch::prefetch;
use crate::file::{Array, FIRST, Mapped, Writer};
use crate::{Error, Result};
use disk::Files;
use std::path::Path;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"NIGHVEC\n";

/// So many dimensions a vector can have: sums of products of codes stay far within 32 bits.
const MOST_DIMENSIONS: usize = 1 << 14;

/// How far from one a length may be and still count as unit.
const UNIT_TOLERANCE: f32 = 1e-3;

/// Whether `vector` can be stored or asked for among vectors of `dimensions`: that many finite
/// values, of unit length.
///
/// # Errors
/// What it is instead.
pub fn check_unit(vector: &[f32], dimensions: usize) -> Result<()> {
    if vector.len() != dimensions {
        return Err(Error::Dimension { expected: dimensions, found: vector.len() });
    }
    if let Some(index) = vector.iter().position(|x| !x.is_finite()) {
        return Err(Error::NotFinite { index, value: vector[index] });
    }
    let norm = (crate::distance::dot())(vector, vector).sqrt();
    if (norm - 1.0).abs() > UNIT_TOLERANCE {
        return Err(Error::NotUnit { norm });
    }
    Ok(())
}

/// Writes a [`VectorFile`], row after row.
pub struct VectorWriter {
    file: Writer,
    dimensions: usize,
    keys: Vec<u64>,
    tags: Vec<[u8; 16]>,
}

impl VectorWriter {
    /// Begins a file at `path` for vectors of `dimensions`. It has that name only once it is
    /// finished.
    ///
    /// # Errors
    /// When the file cannot be made, or there are no dimensions or more than 16,384.
    pub fn create(files: &Files, path: &Path, dimensions: usize) -> Result<Self> {
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(Error::Parameter { name: "dimensions", expected: "1 to 16,384", found: dimensions });
        }
        Ok(Self { file: Writer::create(files, path, 3)?, dimensions, keys: Vec::new(), tags: Vec::new() })
    }

    /// Appends a row. Keys must increase from row to row.
    ///
    /// # Errors
    /// When the vector is not a unit vector of the file's dimensions, or the disk is full. The file
    /// then holds what it held before.
    pub fn push(&mut self, key: u64, tag: [u8; 16], vector: &[f32]) -> Result<u32> {
        check_unit(vector, self.dimensions)?;
        if let Some(&last) = self.keys.last().filter(|last| **last >= key) {
            return Err(Error::Parameter { name: "key", expected: "one above the last", found: last as usize });
        }
        self.file.write(bytemuck::cast_slice(vector))?;
        self.keys.push(key);
        self.tags.push(tag);
        Ok(self.keys.len() as u32 - 1)
    }

    /// How many rows there are so far.
    pub fn rows(&self) -> usize {
        self.keys.len()
    }

    /// Makes the file whole and puts it on disk. Gives its checksum, which also says which file it
    /// is.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(mut self) -> Result<String> {
        let rows = self.keys.len() as u64;
        self.file.next_section()?;
        self.file.write(bytemuck::cast_slice(&self.keys))?;
        self.file.next_section()?;
        self.file.write(bytemuck::cast_slice(&self.tags))?;
        self.file.finish(MAGIC, [self.dimensions as u64, rows, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }
}

/// An immutable file of unit vectors, mapped into memory.
pub struct VectorFile {
    file: Arc<Mapped>,
    dimensions: usize,
    vectors: Array<f32>,
    keys: Array<u64>,
    tags: Array<[u8; 16]>,
}

impl VectorFile {
    /// Maps the file.
    ///
    /// # Errors
    /// When it is not there, of another version, or not as its header says.
    pub fn open(path: &Path) -> Result<Self> {
        let file = Arc::new(Mapped::open(path, MAGIC)?);
        let (dimensions, rows) = (file.fields[0], file.fields[1]);
        let damaged = || file.damaged(format!("{rows} rows of {dimensions} dimensions do not fit its length"));
        if rows > u64::from(u32::MAX) || !(1..=MOST_DIMENSIONS as u64).contains(&dimensions) {
            return Err(damaged());
        }
        let (dimensions, rows) = (dimensions as usize, rows as usize);
        let (vectors, keys, tags) = if file.version == FIRST {
            // One after the other, the keys at a multiple of 8.
            let keys_at = (rows * dimensions * 4).next_multiple_of(8);
            let tags_at = keys_at + rows * 8;
            if tags_at + rows * 16 != file.bytes(0).len() {
                return Err(damaged());
            }
            (
                Array::part_of_section(&file, 0, 0..rows * dimensions * 4)?,
                Array::part_of_section(&file, 0, keys_at..tags_at)?,
                Array::part_of_section(&file, 0, tags_at..tags_at + rows * 16)?,
            )
        } else {
            (Array::section(&file, 0)?, Array::checked_section(&file, 1)?, Array::section(&file, 2)?)
        };
        if vectors.len() != rows * dimensions || keys.len() != rows || tags.len() != rows {
            return Err(damaged());
        }
        Ok(Self { file, dimensions, vectors, keys, tags })
    }

    /// The length of each vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// How many vectors.
    pub fn rows(&self) -> usize {
        self.keys.len()
    }

    /// The checksum of its content, in hex.
    pub fn checksum(&self) -> &str {
        &self.file.sum
    }

    /// All vectors, row-major, `rows × dimensions`. They count if [`VectorFile::intact`] says so.
    pub fn vectors(&self) -> &[f32] {
        self.vectors.guard().check(0..size_of_val(&*self.vectors));
        &self.vectors
    }

    /// One vector; empty if there is no such row. It counts if [`VectorFile::intact`] says so.
    pub fn vector(&self, row: u32) -> &[f32] {
        let start = row as usize * self.dimensions;
        let Some(vector) = self.vectors.get(start..start + self.dimensions) else { return &[] };
        self.vectors.guard().check(start * size_of::<f32>()..(start + self.dimensions) * size_of::<f32>());
        vector
    }

    /// Asks for a vector that will be looked at soon.
    pub(crate) fn prefetch(&self, row: u32) {
        let start = row as usize * self.dimensions;
        if let Some(vector) = self.vectors.get(start..start + self.dimensions) {
            prefetch(vector, usize::MAX);
        }
    }

    /// That nothing of it that was looked at so far is other than what was written. To be asked after looking at
    /// vectors and tags, and before anything is made of them.
    ///
    /// # Errors
    /// What is damaged.
    pub fn intact(&self) -> Result<()> {
        self.file.intact()
    }

    /// The key of every row, increasing.
    pub fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// The tag of every row. They count if [`VectorFile::intact`] says so.
    pub fn tags(&self) -> &[[u8; 16]] {
        self.tags.guard().check(0..size_of_val(&*self.tags));
        &self.tags
    }

    /// The row with `key`.
    pub fn row_of(&self, key: u64) -> Option<u32> {
        self.keys().binary_search(&key).ok().map(|row| row as u32)
    }

    /// Reads it all and compares checksums, the order of the keys, and every vector's length.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        if let Some(row) = self.keys().windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(self.file.damaged(format!("the keys of rows {row} and {} are out of order", row + 1)));
        }
        for (row, vector) in self.vectors().chunks_exact(self.dimensions).enumerate() {
            check_unit(vector, self.dimensions).map_err(|error| self.file.damaged(format!("row {row}: {error}")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(angle: f32) -> Vec<f32> {
        vec![angle.cos(), angle.sin(), 0.0]
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.vec");
        let mut writer = VectorWriter::create(&Files::default(), &path, 3).unwrap();
        for i in 0..5u8 {
            assert_eq!(writer.push(u64::from(i) * 3, [i; 16], &unit(f32::from(i))).unwrap(), u32::from(i));
        }
        assert!(!path.exists(), "no name before it is whole");
        let sum = writer.finish().unwrap();
        let file = VectorFile::open(&path).unwrap();
        assert_eq!((file.rows(), file.dimensions(), file.checksum()), (5, 3, sum.as_str()));
        assert_eq!(file.vector(2), unit(2.0));
        assert_eq!((file.row_of(6), file.row_of(7)), (Some(2), None));
        assert_eq!(file.tags()[4], [4; 16]);
        file.verify().unwrap();
    }

    #[test]
    fn vectors_that_are_none_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = VectorWriter::create(&Files::default(), &dir.path().join("a.vec"), 3).unwrap();
        assert!(matches!(writer.push(1, [0; 16], &[0.0; 3]), Err(Error::NotUnit { .. })));
        assert!(matches!(writer.push(1, [0; 16], &[f32::NAN, 0.0, 1.0]), Err(Error::NotFinite { index: 0, .. })));
        assert!(matches!(writer.push(1, [0; 16], &[1.0, 0.0]), Err(Error::Dimension { expected: 3, found: 2 })));
        writer.push(1, [0; 16], &unit(0.0)).unwrap();
        assert!(matches!(writer.push(1, [0; 16], &unit(0.0)), Err(Error::Parameter { .. })));
        drop(writer);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left of an unfinished file");
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.vec");
        let mut writer = VectorWriter::create(&Files::default(), &path, 3).unwrap();
        for i in 0..3u8 {
            writer.push(u64::from(i), [i; 16], &unit(f32::from(i))).unwrap();
        }
        writer.finish().unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&path, &bytes).unwrap();
            let result = VectorFile::open(&path).and_then(|file| file.verify());
            assert!(result.is_err(), "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(VectorFile::open(&path).is_err(), "cut at {at}");
        }
    }
}
