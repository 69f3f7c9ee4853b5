//! The writer lock: one writer at a time, across processes.

use super::layout::Layout;
use crate::{Error, Result};
use disk::PathError;
use std::fs::{File, TryLockError};
use std::io::Write;

/// Held by the writer. The system releases it when the process ends, however that happens.
pub struct WriterLock {
    file: File,
}

impl WriterLock {
    pub fn acquire(layout: &Layout) -> Result<Self> {
        let path = layout.lock();
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(PathError::at(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path)
                    .unwrap_or_default()
                    .trim()
                    .to_owned();
                let holder = if holder.is_empty() {
                    "(unknown)".to_owned()
                } else {
                    holder
                };
                return Err(Error::Locked {
                    path: layout.root().to_owned(),
                    holder,
                });
            }
            Err(TryLockError::Error(error)) => return Err(PathError::at(path)(error).into()),
        }
        // Only for the message above: what excludes other writers is the lock, not the contents.
        let mut contents = &file;
        file.set_len(0)
            .and_then(|()| writeln!(contents, "{}", std::process::id()))
            .map_err(PathError::at(path))?;
        Ok(Self { file })
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // A process that another thread starts at this moment has a copy of the file until it runs
        // its program. Closing the file alone would leave the lock to that copy.
        let _ = self.file.unlock();
    }
}
