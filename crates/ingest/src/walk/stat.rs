//! What tells whether a file has changed.

use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file's size, times and identity: equal means, but for a [recent](Stat::is_recent) change, the same content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Its size in bytes.
    pub bytes: u64,
    /// When its content was changed, in nanoseconds since 1970.
    pub modified: i64,
    /// When anything about it was changed, likewise; 0 where the system does not say.
    pub changed: i64,
    /// Which file it is on its device; 0 where the system does not say.
    pub inode: u64,
}

/// Twice the coarsest clock of a file system in use, FAT's.
const CLOCK_TICK_NS: i64 = 4_000_000_000;

impl Stat {
    /// That of a file.
    pub fn new(metadata: &Metadata) -> Self {
        let modified = metadata.modified().map_or(0, nanoseconds);
        #[cfg(unix)]
        let (changed, inode) = {
            use std::os::unix::fs::MetadataExt;
            (metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec()), metadata.ino())
        };
        #[cfg(not(unix))]
        let (changed, inode) = (0, 0);
        Self { bytes: metadata.len(), modified, changed, inode }
    }

    /// Whether the file was changed so shortly before `now` that another change could have the same times.
    pub fn is_recent(&self, now: SystemTime) -> bool {
        self.modified.max(self.changed).saturating_add(CLOCK_TICK_NS) > nanoseconds(now)
    }
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).map(|since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
    since.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_was_just_written_is_recent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "x").unwrap();
        let stat = Stat::new(&path.metadata().unwrap());
        assert_eq!(stat.bytes, 1);
        assert!(stat.is_recent(SystemTime::now()));
        assert!(!stat.is_recent(SystemTime::now() + Duration::from_secs(60)));
    }
}
