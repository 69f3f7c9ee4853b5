//! The calibration of a model, on sample texts; remembered in the cache folder, because it takes
//! seconds.

use super::super::{Tokenizer, cache_dir};
use encoder::{Calibration, Checkpoint, Head};
use std::io::Write;
use std::path::PathBuf;

/// Texts of different lengths and languages, one per line.
pub const SAMPLES: &str = include_str!("samples.txt");
/// Samples are truncated to so many tokens.
const MAX_SAMPLE_TOKENS: usize = 128;

/// Where the calibration of the model with this hash is remembered.
fn file(hash: &str) -> PathBuf {
    cache_dir()
        .join("calibrations")
        .join(format!("{hash}.json"))
}

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

/// The calibration that [`remember`] wrote, if it is intact.
pub fn recall(hash: &str) -> Option<Calibration> {
    let text = std::fs::read_to_string(file(hash)).ok()?;
    let (checksum, json) = text.split_once('\n')?;
    (blake3::hash(json.as_bytes()).to_hex().as_str() == checksum)
        .then(|| serde_json::from_str(json).ok())?
}

/// Remembers a calibration. Without write access, it is computed again the next time.
pub fn remember(hash: &str, calibration: &Calibration) {
    let write = || -> std::io::Result<()> {
        let (path, json) = (file(hash), serde_json::to_string(calibration)?);
        let folder = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        write!(
            temporary,
            "{}\n{json}",
            blake3::hash(json.as_bytes()).to_hex()
        )?;
        temporary.persist(&path)?;
        Ok(())
    };
    let _ = write();
}
