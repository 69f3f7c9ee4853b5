//! The calibration of a model, on sample texts; remembered in a file, because it takes
//! seconds.

use super::super::Tokenizer;
use encoder::{Calibration, Checkpoint, Head};
use std::io::Write;
use std::path::Path;

/// Texts of different lengths and languages, one per line.
pub const SAMPLES: &str = include_str!("samples.txt");
/// Samples are truncated to so many tokens.
const MAX_SAMPLE_TOKENS: usize = 128;

/// Calibrates a model.
///
/// # Errors
/// As [`Checkpoint::calibrate`].
pub fn compute(
    checkpoint: &Checkpoint,
    head: &Head,
    tokenizer: &Tokenizer,
    window: usize,
) -> Result<Calibration, encoder::Error> {
    let samples: Vec<Vec<u32>> = SAMPLES
        .lines()
        .map(|line| tokenizer.encode(line, window.min(MAX_SAMPLE_TOKENS)).0)
        .filter(|tokens| !tokens.is_empty())
        .collect();
    checkpoint.calibrate(head, &samples)
}

/// The calibration in a file that [`remember`] wrote, if it is intact.
pub fn recall(file: &Path) -> Option<Calibration> {
    let text = std::fs::read_to_string(file).ok()?;
    let (checksum, json) = text.split_once('\n')?;
    (blake3::hash(json.as_bytes()).to_hex().as_str() == checksum)
        .then(|| serde_json::from_str(json).ok())?
}

/// Writes a calibration to a file. Where that is not possible, it is computed again the next time.
pub fn remember(file: &Path, calibration: &Calibration) {
    let write = || -> std::io::Result<()> {
        let json = serde_json::to_string(calibration)?;
        let folder = file.parent().unwrap_or(file);
        std::fs::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        let checksum = blake3::hash(json.as_bytes()).to_hex();
        write!(temporary, "{checksum}\n{json}")?;
        temporary.persist(file)?;
        Ok(())
    };
    let _ = write();
}
