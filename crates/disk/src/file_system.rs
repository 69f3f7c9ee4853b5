//! The file-system calls that change a disk, behind a trait.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::Path;

/// Every operation that changes a disk. [`OsFileSystem`] performs them; tests substitute an
/// implementation that records calls or fails at a chosen one.
pub trait FileSystem: Debug + Send + Sync {
    /// Creates a file for writing, or truncates an existing one.
    ///
    /// # Errors
    /// The error of the underlying system call.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WritableFile>>;

    /// Renames a file, atomically replacing an existing one at `to`.
    ///
    /// # Errors
    /// The error of the underlying system call.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The error of the underlying system call; [`io::ErrorKind::NotFound`] if there is no such
    /// file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Creates a directory and its missing parents. An existing directory is not an error.
    ///
    /// # Errors
    /// The error of the underlying system call.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Makes the entries of a directory durable: files created, renamed and removed in it.
    ///
    /// # Errors
    /// The error of the underlying system call.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// A file open for writing.
pub trait WritableFile: Write + Seek + Send + Sync {
    /// Makes the file's contents durable (`fsync`).
    ///
    /// # Errors
    /// The error of the underlying system call.
    fn sync(&mut self) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFileSystem;

impl FileSystem for OsFileSystem {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WritableFile>> {
        Ok(Box::new(
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)?,
        ))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // On other systems a directory cannot be opened as a file, and the file system orders
        // renames itself.
        if cfg!(unix) {
            File::open(path)?.sync_all()
        } else {
            Ok(())
        }
    }
}

impl WritableFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
