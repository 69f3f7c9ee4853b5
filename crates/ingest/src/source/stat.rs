//! File metadata for change detection.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file's size, times and identity. If they are equal, so is the content, unless the file is
/// [recent](Stat::is_recent).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// The size in bytes.
    pub bytes: u64,
    /// The modification time (mtime) in nanoseconds since 1970.
    pub modified: i64,
    /// The time of the last status change (ctime) in nanoseconds since 1970; 0 except on Unix.
    pub changed: i64,
    /// The inode number; 0 except on Unix.
    pub inode: u64,
}

/// Twice the coarsest timestamp resolution of a common file system, the two seconds of FAT.
const CLOCK_TICK_NS: i64 = 4_000_000_000;

impl Stat {
    /// Takes the values from the metadata of a file.
    pub fn new(metadata: &Metadata) -> Self {
        let modified = metadata.modified().map_or(0, nanoseconds);
        #[cfg(unix)]
        let (changed, inode) = {
            use std::os::unix::fs::MetadataExt;
            (
                metadata
                    .ctime()
                    .saturating_mul(1_000_000_000)
                    .saturating_add(metadata.ctime_nsec()),
                metadata.ino(),
            )
        };
        #[cfg(not(unix))]
        let (changed, inode) = (0, 0);
        Self {
            bytes: metadata.len(),
            modified,
            changed,
            inode,
        }
    }

    /// Whether the last change is so close to `now` that a further change could leave the same
    /// times.
    pub fn is_recent(&self, now: SystemTime) -> bool {
        self.modified
            .max(self.changed)
            .saturating_add(CLOCK_TICK_NS)
            > nanoseconds(now)
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    let elapsed = time
        .duration_since(UNIX_EPOCH)
        .map(|elapsed| i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX));
    elapsed.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_file_is_recent_just_after_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "x").unwrap();
        let stat = Stat::new(&path.metadata().unwrap());
        assert_eq!(stat.bytes, 1);
        assert!(stat.is_recent(SystemTime::now()));
        assert!(!stat.is_recent(SystemTime::now() + Duration::from_secs(60)));
    }
}
