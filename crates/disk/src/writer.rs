//! Writing a file under a temporary name and renaming it once it is complete.

use crate::file_system::{FileSystem, OsFileSystem, WritableFile};
use crate::seal::{self, PAGE_SIZE};
use crate::{PathError, Result};
use std::io::{self, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes buffered before each write: a whole number of pages, so that checksums are computed page
/// by page.
const BUFFER_SIZE: usize = 64 * PAGE_SIZE;

/// The file system to write to, and whether to add checksums.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// Performs the system calls.
    pub fs: Arc<dyn FileSystem>,
    /// Whether files end with a seal. Those of collection formats 1 and 2 do not.
    pub sealed: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            fs: Arc::new(OsFileSystem),
            sealed: true,
        }
    }
}

/// Writes one file from start to end.
pub struct Writer {
    options: WriteOptions,
    output: Box<dyn WritableFile>,
    path: PathBuf,
    temporary: TemporaryFile,
    buffer: Vec<u8>,
    /// Checksums of the pages written so far.
    checksums: Vec<u64>,
    /// The first page, kept because [`Writer::replace_start`] changes its checksum.
    first_page: Vec<u8>,
    /// Replaces the start of the file when it is finished.
    start_patch: Vec<u8>,
    length: u64,
}

/// The path of an unfinished file, which is removed on drop; empty if there is nothing to remove.
struct TemporaryFile {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // A failure can be ignored: unfinished files are never opened, and the next writer
            // removes them.
            let _ = self.fs.remove_file(&self.path);
        }
    }
}

impl Writer {
    /// Starts a file that appears at `path` when [`Writer::finish`] succeeds. Until then it is
    /// beside it, with the extension `unfinished`.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the temporary file cannot be created.
    pub fn create(options: &WriteOptions, path: &Path) -> Result<Self> {
        Self::new(options, path, path.with_extension("unfinished"))
    }

    /// Starts a file directly at `path`. The caller must not refer to it from any other file before
    /// it is finished and its directory synced.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the file cannot be created.
    pub fn in_place(options: &WriteOptions, path: &Path) -> Result<Self> {
        Self::new(options, path, PathBuf::new())
    }

    fn new(options: &WriteOptions, path: &Path, temporary: PathBuf) -> Result<Self> {
        let output_path = if temporary.as_os_str().is_empty() {
            path
        } else {
            &temporary
        };
        let output = options
            .fs
            .create(output_path)
            .map_err(PathError::at(output_path))?;
        Ok(Self {
            options: options.clone(),
            output,
            path: path.to_owned(),
            temporary: TemporaryFile {
                fs: options.fs.clone(),
                path: temporary,
            },
            buffer: Vec::new(),
            checksums: Vec::new(),
            first_page: Vec::new(),
            start_patch: Vec::new(),
            length: 0,
        })
    }

    /// The final path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of bytes written so far, without the seal.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Replaces the first bytes of the file when it is finished. `start` must be no longer than a
    /// page, nor than the file.
    pub fn replace_start(&mut self, start: Vec<u8>) {
        self.start_patch = start;
    }

    /// Writes out the buffer. Except for the last call it holds whole pages.
    fn flush_buffer(&mut self) -> io::Result<()> {
        if self.checksums.is_empty() {
            self.first_page = self.buffer[..self.buffer.len().min(PAGE_SIZE)].to_vec();
        }
        self.checksums
            .extend(self.buffer.chunks(PAGE_SIZE).map(seal::checksum));
        self.output.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn complete(&mut self) -> io::Result<()> {
        self.flush_buffer()?;
        let patch = std::mem::take(&mut self.start_patch);
        if let Some(start) = self
            .first_page
            .get_mut(..patch.len())
            .filter(|_| !patch.is_empty())
        {
            start.copy_from_slice(&patch);
            self.checksums[0] = seal::checksum(&self.first_page);
        }
        if self.options.sealed {
            self.output
                .write_all(&seal::encode(&self.path, self.length, &self.checksums))?;
        }
        if !patch.is_empty() {
            self.output.seek(SeekFrom::Start(0))?;
            self.output.write_all(&patch)?;
        }
        self.output.sync()
    }

    /// Writes the seal, syncs the file and renames it to its final path. A file written in place is
    /// durable only after the caller has synced its directory.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if a system call fails. Then the final path holds what it held before, except
    /// that the new file may be there if only syncing the directory failed. A file written in place
    /// is left as it is.
    pub fn finish(mut self) -> Result<()> {
        self.complete().map_err(PathError::at(&self.path))?;
        if self.temporary.path.as_os_str().is_empty() {
            return Ok(());
        }
        let fs = self.options.fs.clone();
        fs.rename(&self.temporary.path, &self.path)
            .map_err(PathError::at(&self.path))?;
        self.temporary.path = PathBuf::new();
        match self.path.parent() {
            Some(directory) => Ok(fs.sync_dir(directory).map_err(PathError::at(directory))?),
            None => Ok(()),
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == BUFFER_SIZE {
            self.flush_buffer()?;
        }
        let taken = bytes.len().min(BUFFER_SIZE - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        self.length += taken as u64;
        Ok(taken)
    }

    /// Does nothing: only [`Writer::finish`] makes the file visible and durable.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a whole file to `path` atomically.
///
/// # Errors
/// As [`Writer::finish`].
pub fn atomic_write(options: &WriteOptions, path: &Path, contents: &[u8]) -> Result<()> {
    let mut writer = Writer::create(options, path)?;
    writer.write_all(contents).map_err(PathError::at(path))?;
    writer.finish()
}
