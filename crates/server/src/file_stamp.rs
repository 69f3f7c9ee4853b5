//! Whether a file has changed since it was read.

use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

/// The state of a file: its time, size and identity; of a missing one, nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStamp(Option<(Option<SystemTime>, u64, u64)>);

impl FileStamp {
    pub fn of(path: &Path) -> Self {
        let stamp = |metadata: Metadata| {
            (
                metadata.modified().ok(),
                metadata.len(),
                identity(&metadata),
            )
        };
        Self(std::fs::metadata(path).ok().map(stamp))
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> u64 {
    0
}
