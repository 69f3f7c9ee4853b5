//! tantivy's directory of the text index, with a checksum footer (a seal, see `disk`) on every file
//! from format 3 on. Each page is verified before tantivy gets it.
//!
//! tantivy's own directory neither verifies pages nor syncs the directory after the rename that
//! makes a commit: a power cut could keep the removals that follow a commit and lose the commit
//! itself.
//!
//! After a failed write, nothing more is written. tantivy counts new segments as committed before
//! their commit is written, so a merge that ends after a failed commit would publish them without
//! our manifest's vectors.

use disk::{Error, MappedFile, WriteOptions};
use std::fmt::Debug;
use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, TerminatingWrite,
    WatchCallback, WatchHandle, WritePtr,
};

/// The directory at `path`.
#[derive(Debug, Clone)]
pub struct ChecksummedDirectory {
    path: PathBuf,
    files: WriteOptions,
    /// Set by the first failed write; see the module documentation.
    poisoned: Arc<AtomicBool>,
}

impl ChecksummedDirectory {
    pub fn new(path: PathBuf, files: WriteOptions) -> Self {
        Self {
            path,
            files,
            poisoned: Arc::default(),
        }
    }

    /// Fails if a write has failed: what is on disk may be the last commit, and must stay as it is.
    fn ensure_not_poisoned(&self) -> io::Result<()> {
        match self.poisoned.load(Ordering::SeqCst) {
            true => Err(io::Error::other(
                "nothing is written or removed after an earlier write failed",
            )),
            false => Ok(()),
        }
    }

    /// Runs a write unless an earlier one has failed.
    fn write<T>(&self, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.ensure_not_poisoned()?;
        write().inspect_err(|_| self.poisoned.store(true, Ordering::SeqCst))
    }

    fn map(&self, name: &Path) -> Result<MappedFile, OpenReadError> {
        MappedFile::open(&self.path.join(name), |_| self.files.sealed).map_err(
            |error| match error {
                Error::Io(error) if error.source.kind() == ErrorKind::NotFound => {
                    OpenReadError::FileDoesNotExist(name.to_owned())
                }
                error => OpenReadError::wrap_io_error(as_io(error), name.to_owned()),
            },
        )
    }
}

/// Wraps an error so that it passes through tantivy; [`damage_in`] unwraps it again.
fn as_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error.source,
        damaged => io::Error::new(ErrorKind::InvalidData, damaged),
    }
}

/// The damaged file and its damage, if the error wraps [`Error::Damaged`].
pub fn damage_in(error: &io::Error) -> Option<(&Path, &disk::Damage)> {
    match error.get_ref()?.downcast_ref()? {
        Error::Damaged { path, damage } => Some((path, damage)),
        Error::Io(_) => None,
    }
}

/// A memory-mapped file whose pages are verified as they are read.
#[derive(Debug)]
struct ChecksummedFile {
    file: MappedFile,
    bytes: OwnedBytes,
}

impl HasLen for ChecksummedFile {
    fn len(&self) -> usize {
        self.file.contents().len()
    }
}

impl FileHandle for ChecksummedFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.start > range.end || range.end > self.len() {
            let problem = format!(
                "{}: cannot read {range:?} of {} bytes",
                self.file.path().display(),
                self.len()
            );
            return Err(io::Error::new(ErrorKind::UnexpectedEof, problem));
        }
        // Checks this range only: undamaged parts of a damaged file can still be read.
        if !self.file.verify_range(range.clone()) {
            self.file.ensure_reads_valid().map_err(as_io)?;
        }
        Ok(self.bytes.slice(range))
    }
}

/// A file that is being written; its footer is added when tantivy terminates it.
struct ChecksummedWrite {
    directory: ChecksummedDirectory,
    writer: Option<disk::Writer>,
}

impl Write for ChecksummedWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { directory, writer } = self;
        directory.write(|| writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TerminatingWrite for ChecksummedWrite {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        let writer = self.writer.take();
        self.directory
            .write(|| writer.map_or(Ok(()), |writer| writer.finish().map_err(as_io)))
    }
}

impl Directory for ChecksummedDirectory {
    fn get_file_handle(&self, name: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let file = self.map(name)?;
        Ok(Arc::new(ChecksummedFile {
            bytes: OwnedBytes::new(file.mmap().clone()),
            file,
        }))
    }

    fn delete(&self, name: &Path) -> Result<(), DeleteError> {
        let removed = self
            .ensure_not_poisoned()
            .and_then(|()| self.files.fs.remove_file(&self.path.join(name)));
        removed.map_err(|error| match error.kind() {
            ErrorKind::NotFound => DeleteError::FileDoesNotExist(name.to_owned()),
            _ => DeleteError::IoError {
                io_error: Arc::new(error),
                filepath: name.to_owned(),
            },
        })
    }

    fn exists(&self, name: &Path) -> Result<bool, OpenReadError> {
        let exists = self.path.join(name).try_exists();
        exists.map_err(|error| OpenReadError::wrap_io_error(error, name.to_owned()))
    }

    fn open_write(&self, name: &Path) -> Result<WritePtr, OpenWriteError> {
        let path = self.path.join(name);
        let io = |error| OpenWriteError::wrap_io_error(error, name.to_owned());
        // Commits never reuse a file name. A file of this name was left by a writer that was killed
        // before its commit; the work is now repeated with the same segment numbers.
        if path.try_exists().map_err(io)? {
            self.write(|| self.files.fs.remove_file(&path))
                .map_err(io)?;
        }
        let writer = self
            .write(|| disk::Writer::in_place(&self.files, &path).map_err(as_io))
            .map_err(io)?;
        Ok(BufWriter::new(Box::new(ChecksummedWrite {
            directory: self.clone(),
            writer: Some(writer),
        })))
    }

    fn atomic_read(&self, name: &Path) -> Result<Vec<u8>, OpenReadError> {
        let file = self.map(name)?;
        file.verify_range(0..file.contents().len());
        file.ensure_reads_valid()
            .map_err(|error| OpenReadError::wrap_io_error(as_io(error), name.to_owned()))?;
        Ok(file.contents().to_vec())
    }

    fn atomic_write(&self, name: &Path, data: &[u8]) -> io::Result<()> {
        self.write(|| disk::atomic_write(&self.files, &self.path.join(name), data).map_err(as_io))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.write(|| self.files.fs.sync_dir(&self.path))
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        let path = self.path.join(&lock.filepath);
        let created = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = match created {
            // Readers lock, too, even where they may not write.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                match File::open(&path) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        return Ok(DirectoryLock::from(Box::new(())));
                    }
                    opened => opened,
                }
            }
            created => created,
        }
        .map_err(LockError::wrap_io_error)?;
        if lock.is_blocking {
            file.lock().map_err(LockError::wrap_io_error)?;
        } else {
            file.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => LockError::LockBusy,
                TryLockError::Error(error) => LockError::wrap_io_error(error),
            })?;
        }
        Ok(DirectoryLock::from(Box::new(file)))
    }

    /// No file is watched: snapshots look for newer commits when they are asked to refresh.
    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}
