//! Vector files: unit vectors, each with a key and a fingerprint.

use crate::distance::prefetch::prefetch;
use crate::section_file::{Array, FORMAT_V1, SectionFile, SectionWriter};
use crate::{Error, Result};
use disk::WriteOptions;
use std::path::Path;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"NIGHVEC\n";

/// The most dimensions of a vector: dot products of codes stay far below 2³¹.
const MAX_DIMENSIONS: usize = 1 << 14;

/// How far from 1 the norm of a unit vector may be.
const UNIT_TOLERANCE: f32 = 1e-3;

/// Checks that `vector` has the given dimensions, finite values, and a norm within 0.001 of 1.
///
/// # Errors
/// [`Error::Dimension`], [`Error::NotFinite`] or [`Error::NotUnit`].
pub fn check_unit(vector: &[f32], dimensions: usize) -> Result<()> {
    if vector.len() != dimensions {
        return Err(Error::Dimension {
            expected: dimensions,
            found: vector.len(),
        });
    }
    if let Some(index) = vector.iter().position(|x| !x.is_finite()) {
        return Err(Error::NotFinite {
            index,
            value: vector[index],
        });
    }
    let norm = (crate::distance::dot())(vector, vector).sqrt();
    if (norm - 1.0).abs() > UNIT_TOLERANCE {
        return Err(Error::NotUnit { norm });
    }
    Ok(())
}

/// Writes a [`VectorFile`] row by row.
pub struct VectorWriter {
    file: SectionWriter,
    dimensions: usize,
    keys: Vec<u64>,
    fingerprints: Vec<[u8; 16]>,
}

impl VectorWriter {
    /// Starts a file for vectors of `dimensions`. It appears at `path` only when
    /// [`VectorWriter::finish`] succeeds.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `dimensions` is 1 to 16,384; [`Error::Io`] if the file cannot be
    /// created.
    pub fn create(options: &WriteOptions, path: &Path, dimensions: usize) -> Result<Self> {
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(Error::Parameter {
                name: "dimensions",
                expected: "1 to 16,384",
                found: dimensions,
            });
        }
        Ok(Self {
            file: SectionWriter::create(options, path, 3)?,
            dimensions,
            keys: Vec::new(),
            fingerprints: Vec::new(),
        })
    }

    /// Appends a row and returns its number. Keys must increase from row to row.
    ///
    /// # Errors
    /// Those of [`check_unit`], and [`Error::Parameter`] for a key that does not increase; the file
    /// is then unchanged and more rows can be pushed. After [`Error::Io`], part of the row may be
    /// written and the file must not be finished.
    pub fn push(&mut self, key: u64, fingerprint: [u8; 16], vector: &[f32]) -> Result<u32> {
        check_unit(vector, self.dimensions)?;
        if let Some(&last) = self.keys.last().filter(|last| **last >= key) {
            return Err(Error::Parameter {
                name: "key",
                expected: "one above the last",
                found: last as usize,
            });
        }
        self.file.write(bytemuck::cast_slice(vector))?;
        self.keys.push(key);
        self.fingerprints.push(fingerprint);
        Ok(self.keys.len() as u32 - 1)
    }

    /// The number of rows so far.
    pub fn rows(&self) -> usize {
        self.keys.len()
    }

    /// Completes the file and makes it durable. Returns its checksum in hex, which identifies its
    /// contents.
    ///
    /// # Errors
    /// [`Error::Io`] if a system call fails, for instance because the disk is full.
    pub fn finish(mut self) -> Result<String> {
        let rows = self.keys.len() as u64;
        self.file.next_section()?;
        self.file.write(bytemuck::cast_slice(&self.keys))?;
        self.file.next_section()?;
        self.file.write(bytemuck::cast_slice(&self.fingerprints))?;
        self.file.finish(
            MAGIC,
            [self.dimensions as u64, rows, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        )
    }
}

/// An immutable file of unit vectors, mapped into memory.
///
/// Vectors and fingerprints are verified as they are read, but damage is reported only by
/// [`VectorFile::ensure_reads_valid`]: call it after reading and before using the result.
pub struct VectorFile {
    file: Arc<SectionFile>,
    dimensions: usize,
    vectors: Array<f32>,
    keys: Array<u64>,
    fingerprints: Array<[u8; 16]>,
}

impl VectorFile {
    /// Maps a file. Keys are read and verified; vectors and fingerprints are not read yet.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened, [`Error::Version`] if a newer program wrote it,
    /// [`Error::Damaged`] if it contradicts its header.
    pub fn open(path: &Path) -> Result<Self> {
        let file = Arc::new(SectionFile::open(path, MAGIC)?);
        let (dimensions, rows) = (file.fields[0], file.fields[1]);
        let damaged = || {
            file.damaged(format!(
                "{rows} rows of {dimensions} dimensions do not fit its length"
            ))
        };
        if rows > u64::from(u32::MAX) || !(1..=MAX_DIMENSIONS as u64).contains(&dimensions) {
            return Err(damaged());
        }
        let (dimensions, rows) = (dimensions as usize, rows as usize);
        let (vectors, keys, fingerprints) = if file.version == FORMAT_V1 {
            // One body: vectors, then keys at a multiple of 8, then fingerprints.
            let keys_at = (rows * dimensions * 4).next_multiple_of(8);
            let fingerprints_at = keys_at + rows * 8;
            if fingerprints_at + rows * 16 != file.bytes(0).len() {
                return Err(damaged());
            }
            (
                Array::part_of_section(&file, 0, 0..rows * dimensions * 4)?,
                Array::part_of_section(&file, 0, keys_at..fingerprints_at)?,
                Array::part_of_section(&file, 0, fingerprints_at..fingerprints_at + rows * 16)?,
            )
        } else {
            (
                Array::section(&file, 0)?,
                Array::verified_section(&file, 1)?,
                Array::section(&file, 2)?,
            )
        };
        if vectors.len() != rows * dimensions || keys.len() != rows || fingerprints.len() != rows {
            return Err(damaged());
        }
        Ok(Self {
            file,
            dimensions,
            vectors,
            keys,
            fingerprints,
        })
    }

    /// The number of dimensions of each vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The number of vectors.
    pub fn rows(&self) -> usize {
        self.keys.len()
    }

    /// The checksum of its contents in hex.
    pub fn checksum(&self) -> &str {
        &self.file.checksum
    }

    /// All vectors, `rows × dimensions`, row-major.
    pub fn vectors(&self) -> &[f32] {
        self.vectors.guard().verify(0..size_of_val(&*self.vectors));
        &self.vectors
    }

    /// The vector of one row; empty if there is no such row.
    pub fn vector(&self, row: u32) -> &[f32] {
        let start = row as usize * self.dimensions;
        let Some(vector) = self.vectors.get(start..start + self.dimensions) else {
            return &[];
        };
        self.vectors
            .guard()
            .verify(start * size_of::<f32>()..(start + self.dimensions) * size_of::<f32>());
        vector
    }

    /// Prefetches a vector that will be read soon.
    pub(crate) fn prefetch(&self, row: u32) {
        let start = row as usize * self.dimensions;
        if let Some(vector) = self.vectors.get(start..start + self.dimensions) {
            prefetch(vector, usize::MAX);
        }
    }

    /// Fails if any part read so far was damaged. Parts that were not read are not checked.
    ///
    /// # Errors
    /// [`Error::Damaged`], with the damaged bytes.
    pub fn ensure_reads_valid(&self) -> Result<()> {
        self.file.ensure_reads_valid()
    }

    /// The key of each row, increasing.
    pub fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// The fingerprint of each row: 16 bytes that the caller attached to it.
    pub fn fingerprints(&self) -> &[[u8; 16]] {
        self.fingerprints
            .guard()
            .verify(0..size_of_val(&*self.fingerprints));
        &self.fingerprints
    }

    /// The row with `key`, by binary search.
    pub fn row_of(&self, key: u64) -> Option<u32> {
        self.keys().binary_search(&key).ok().map(|row| row as u32)
    }

    /// Reads the whole file and checks its checksums, that keys increase, and that vectors are
    /// finite and of unit length.
    ///
    /// # Errors
    /// [`Error::Damaged`], with the first check that fails.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        if let Some(row) = self.keys().windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(self.file.damaged(format!(
                "the keys of rows {row} and {} are out of order",
                row + 1
            )));
        }
        for (row, vector) in self.vectors().chunks_exact(self.dimensions).enumerate() {
            check_unit(vector, self.dimensions)
                .map_err(|error| self.file.damaged(format!("row {row}: {error}")))?;
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
    fn rows_round_trip() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.vec");
        let mut writer = VectorWriter::create(&WriteOptions::default(), &path, 3).unwrap();
        for i in 0..5u8 {
            assert_eq!(
                writer
                    .push(u64::from(i) * 3, [i; 16], &unit(f32::from(i)))
                    .unwrap(),
                u32::from(i)
            );
        }
        assert!(!path.exists(), "the file is visible before it is finished");
        let sum = writer.finish().unwrap();
        let file = VectorFile::open(&path).unwrap();
        assert_eq!(
            (file.rows(), file.dimensions(), file.checksum()),
            (5, 3, sum.as_str())
        );
        assert_eq!(file.vector(2), unit(2.0));
        assert_eq!((file.row_of(6), file.row_of(7)), (Some(2), None));
        assert_eq!(file.fingerprints()[4], [4; 16]);
        file.verify().unwrap();
    }

    #[test]
    fn push_rejects_invalid_vectors_and_keys() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer =
            VectorWriter::create(&WriteOptions::default(), &dir.path().join("a.vec"), 3).unwrap();
        assert!(matches!(
            writer.push(1, [0; 16], &[0.0; 3]),
            Err(Error::NotUnit { .. })
        ));
        assert!(matches!(
            writer.push(1, [0; 16], &[f32::NAN, 0.0, 1.0]),
            Err(Error::NotFinite { index: 0, .. })
        ));
        assert!(matches!(
            writer.push(1, [0; 16], &[1.0, 0.0]),
            Err(Error::Dimension {
                expected: 3,
                found: 2
            })
        ));
        writer.push(1, [0; 16], &unit(0.0)).unwrap();
        assert!(matches!(
            writer.push(1, [0; 16], &unit(0.0)),
            Err(Error::Parameter { .. })
        ));
        drop(writer);
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            0,
            "an unfinished file is left behind"
        );
    }

    #[test]
    fn verify_detects_damage_at_every_byte() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.vec");
        let mut writer = VectorWriter::create(&WriteOptions::default(), &path, 3).unwrap();
        for i in 0..3u8 {
            writer
                .push(u64::from(i), [i; 16], &unit(f32::from(i)))
                .unwrap();
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
