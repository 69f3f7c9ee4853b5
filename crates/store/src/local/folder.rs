//! The folder of the text index, as tantivy sees it: every file is sealed, and every page of one is compared with
//! its checksum before tantivy gets it.
//!
//! tantivy's own directory would do neither, nor make the rename durable that a commit is: a machine that
//! went down at the wrong moment could keep the removals that follow a commit and lose the commit.
//!
//! Once something could not be written, nothing more is: tantivy takes new segments for committed before their commit is
//! written, and a merge that ends after a commit has failed would write them down, without our manifest's vectors.

use disk::{Error, Files, Mapped};
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
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, TerminatingWrite, WatchCallback,
    WatchHandle, WritePtr,
};

/// The folder at a path.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    files: Files,
    /// Set once something could not be written.
    closed: Arc<AtomicBool>,
}

impl Folder {
    pub fn new(path: PathBuf, files: Files) -> Self {
        Self { path, files, closed: Arc::default() }
    }

    /// That nothing failed to be written before: what is there may be the last commit's, and nothing else is.
    fn open(&self) -> io::Result<()> {
        match self.closed.load(Ordering::SeqCst) {
            true => Err(io::Error::other("nothing more is written or removed after an earlier failure")),
            false => Ok(()),
        }
    }

    /// Writes, unless that failed before.
    fn write<T>(&self, write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.open()?;
        write().inspect_err(|_| self.closed.store(true, Ordering::SeqCst))
    }

    fn map(&self, name: &Path) -> Result<Mapped, OpenReadError> {
        Mapped::open(&self.path.join(name), |_| self.files.sealed).map_err(|error| match error {
            Error::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
                OpenReadError::FileDoesNotExist(name.to_owned())
            }
            error => OpenReadError::wrap_io_error(as_io(error), name.to_owned()),
        })
    }
}

/// An error as tantivy passes it on. What is damaged is found in it again by [`damage`].
fn as_io(error: Error) -> io::Error {
    match error {
        Error::Io { source, .. } => source,
        damaged => io::Error::new(ErrorKind::InvalidData, damaged),
    }
}

/// What is damaged, if that is what an error is about.
pub fn damage(error: &io::Error) -> Option<(&Path, &str)> {
    match error.get_ref()?.downcast_ref()? {
        Error::Damaged { path, problem } => Some((path, problem)),
        Error::Io { .. } => None,
    }
}

/// A file that tantivy reads from.
#[derive(Debug)]
struct Read {
    file: Mapped,
    bytes: OwnedBytes,
}

impl HasLen for Read {
    fn len(&self) -> usize {
        self.file.contents().len()
    }
}

impl FileHandle for Read {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.start > range.end || range.end > self.len() {
            let problem = format!("{}: {range:?} of {} bytes were asked for", self.file.path().display(), self.len());
            return Err(io::Error::new(ErrorKind::UnexpectedEof, problem));
        }
        // Of this range, and no matter what was found elsewhere in the file: what is not damaged can be read.
        if !self.file.check(range.clone()) {
            self.file.intact().map_err(as_io)?;
        }
        Ok(self.bytes.slice(range))
    }
}

/// A file that tantivy writes.
struct Written {
    folder: Folder,
    writer: Option<disk::Writer>,
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { folder, writer } = self;
        folder.write(|| writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TerminatingWrite for Written {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        let writer = self.writer.take();
        self.folder.write(|| writer.map_or(Ok(()), |writer| writer.finish().map_err(as_io)))
    }
}

impl Directory for Folder {
    fn get_file_handle(&self, name: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let file = self.map(name)?;
        Ok(Arc::new(Read { bytes: OwnedBytes::new(file.map().clone()), file }))
    }

    fn delete(&self, name: &Path) -> Result<(), DeleteError> {
        let removed = self.open().and_then(|()| self.files.disk.remove(&self.path.join(name)));
        removed.map_err(|error| match error.kind() {
            ErrorKind::NotFound => DeleteError::FileDoesNotExist(name.to_owned()),
            _ => DeleteError::IoError { io_error: Arc::new(error), filepath: name.to_owned() },
        })
    }

    fn exists(&self, name: &Path) -> Result<bool, OpenReadError> {
        let exists = self.path.join(name).try_exists();
        exists.map_err(|error| OpenReadError::wrap_io_error(error, name.to_owned()))
    }

    fn open_write(&self, name: &Path) -> Result<WritePtr, OpenWriteError> {
        let path = self.path.join(name);
        let io = |error| OpenWriteError::wrap_io_error(error, name.to_owned());
        // No name is given twice in commits. What has it was left by a writer that was killed before its commit,
        // and whose work is being done again: with the same numbers, so with the same names.
        if path.try_exists().map_err(io)? {
            self.write(|| self.files.disk.remove(&path)).map_err(io)?;
        }
        let writer = self.write(|| disk::Writer::in_place(&self.files, &path).map_err(as_io)).map_err(io)?;
        Ok(BufWriter::new(Box::new(Written { folder: self.clone(), writer: Some(writer) })))
    }

    fn atomic_read(&self, name: &Path) -> Result<Vec<u8>, OpenReadError> {
        let file = self.map(name)?;
        file.check(0..file.contents().len());
        file.intact().map_err(|error| OpenReadError::wrap_io_error(as_io(error), name.to_owned()))?;
        Ok(file.contents().to_vec())
    }

    fn atomic_write(&self, name: &Path, data: &[u8]) -> io::Result<()> {
        self.write(|| disk::write(&self.files, &self.path.join(name), data).map_err(as_io))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.write(|| self.files.disk.sync_folder(&self.path))
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        let path = self.path.join(&lock.filepath);
        let made = File::options().write(true).create(true).truncate(false).open(&path);
        let file = match made {
            // Readers lock, too: also where they may not write.
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
                match File::open(&path) {
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(DirectoryLock::from(Box::new(()))),
                    opened => opened,
                }
            }
            made => made,
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

    /// Nothing is watched: collections are looked at again when they are asked to.
    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}
