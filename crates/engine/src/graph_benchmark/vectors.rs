//! Raw vectors from files, and vector files of them.

use crate::{Error, Result};
use disk::PathError;
use index::{VectorWriter, WriteOptions};
use std::path::Path;

/// Reads a raw file of little-endian 32-bit floats, `rows × dimensions`, and scales every row to
/// unit norm.
///
/// # Errors
/// [`Error::Io`]; [`Error::Unusable`] if the size is not a multiple of a row, or a row is zero or not
/// finite.
pub fn read_f32(path: &Path, dimensions: usize) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).map_err(PathError::at(path))?;
    let row = dimensions * 4;
    if row == 0 || bytes.is_empty() || bytes.len() % row != 0 {
        let problem = format!(
            "expected rows of {dimensions} 32-bit floats, {row} bytes each; found {} bytes",
            bytes.len()
        );
        return Err(unusable(path, &problem));
    }
    let mut values: Vec<f32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    for (number, row) in values.chunks_exact_mut(dimensions).enumerate() {
        if let Some(wrong) = row.iter().find(|value| !value.is_finite()) {
            return Err(unusable(
                path,
                &format!("row {number} (from 0) holds {wrong}; finite numbers were expected"),
            ));
        }
        let norm = row
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt();
        if norm == 0.0 {
            return Err(unusable(
                path,
                &format!("row {number} (from 0) is zero; it has no direction"),
            ));
        }
        row.iter_mut()
            .for_each(|x| *x = (f64::from(*x) / norm) as f32);
    }
    Ok(values)
}

/// Writes unit vectors to a vector file; row numbers become the keys.
///
/// # Errors
/// [`Error::Index`] if the file cannot be written.
pub fn write_vectors(path: &Path, values: &[f32], dimensions: usize) -> Result<()> {
    let mut writer = VectorWriter::create(&WriteOptions::default(), path, dimensions)?;
    for (cache_key, row) in (0..).zip(values.chunks_exact(dimensions)) {
        writer.push(cache_key, [0; 16], row)?;
    }
    writer.finish()?;
    Ok(())
}

fn unusable(path: &Path, problem: &str) -> Error {
    Error::unusable(format!("{}: {problem}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_raw_vector_files_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.f32");
        let write = |values: &[f32]| {
            std::fs::write(&path, bytemuck::cast_slice::<f32, u8>(values)).unwrap()
        };
        write(&[3.0, 4.0, 0.0, 0.0]);
        assert!(
            read_f32(&path, 2)
                .unwrap_err()
                .to_string()
                .contains("row 1 (from 0) is zero")
        );
        write(&[3.0, f32::NAN]);
        assert!(
            read_f32(&path, 2)
                .unwrap_err()
                .to_string()
                .contains("row 0 (from 0) holds NaN")
        );
        write(&[3.0, 4.0, 1.0]);
        assert!(
            read_f32(&path, 2)
                .unwrap_err()
                .to_string()
                .contains("found 12 bytes")
        );
        write(&[3.0, 4.0]);
        assert_eq!(read_f32(&path, 2).unwrap(), [0.6, 0.8]);
    }
}
