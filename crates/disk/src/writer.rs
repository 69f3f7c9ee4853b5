//! Writing a file, and giving it its name when it is whole.

use crate::files::{Disk, Output, System};
use crate::seal::{self, PAGE};
use crate::{Error, Result};
use std::io::{self, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is gathered before it goes to the system: a whole number of pages.
const BUFFER: usize = 64 * PAGE;

/// Where files are written, and how.
#[derive(Debug, Clone)]
pub struct Files {
    /// What writes them.
    pub disk: Arc<dyn Disk>,
    /// Whether they are sealed. Files of the first releases are not.
    pub sealed: bool,
}

impl Default for Files {
    fn default() -> Self {
        Self { disk: Arc::new(System), sealed: true }
    }
}

/// Writes one file from its beginning to its end.
pub struct Writer {
    files: Files,
    output: Box<dyn Output>,
    path: PathBuf,
    /// Where it is until it is whole; empty once there is nothing to clear away.
    temporary: Temporary,
    buffer: Vec<u8>,
    /// The checksums of the pages written.
    sums: Vec<u64>,
    /// The first page, which may yet change.
    first: Vec<u8>,
    /// What replaces its beginning.
    patch: Vec<u8>,
    length: u64,
}

/// A name that is removed again if the file is never finished.
struct Temporary {
    disk: Arc<dyn Disk>,
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Nothing to do about a failure here: an unfinished file is never opened.
            let _ = self.disk.remove(&self.path);
        }
    }
}

impl Writer {
    /// Begins a file that will be at `path` once [`Writer::finish`] has come back. Until then it is beside it,
    /// its extension `unfinished`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(files: &Files, path: &Path) -> Result<Self> {
        Self::at(files, path, path.with_extension("unfinished"))
    }

    /// Begins a file that is at `path` at once, for callers that name no file in what others read before it is
    /// finished and its folder synced.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn in_place(files: &Files, path: &Path) -> Result<Self> {
        Self::at(files, path, PathBuf::new())
    }

    fn at(files: &Files, path: &Path, temporary: PathBuf) -> Result<Self> {
        let place = if temporary.as_os_str().is_empty() { path } else { &temporary };
        let output = files.disk.create(place).map_err(Error::io(place))?;
        Ok(Self {
            files: files.clone(),
            output,
            path: path.to_owned(),
            temporary: Temporary { disk: files.disk.clone(), path: temporary },
            buffer: Vec::new(),
            sums: Vec::new(),
            first: Vec::new(),
            patch: Vec::new(),
            length: 0,
        })
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How much has been written.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What the file begins with instead of what was written there; no longer than a page, or than the file.
    pub fn replace_start(&mut self, start: Vec<u8>) {
        self.patch = start;
    }

    /// Hands on what is in the buffer: all of it at the end, else whole pages.
    fn hand_on(&mut self) -> io::Result<()> {
        if self.sums.is_empty() {
            self.first = self.buffer[..self.buffer.len().min(PAGE)].to_vec();
        }
        self.sums.extend(self.buffer.chunks(PAGE).map(seal::sum));
        self.output.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.hand_on()?;
        let patch = std::mem::take(&mut self.patch);
        if let Some(start) = self.first.get_mut(..patch.len()).filter(|_| !patch.is_empty()) {
            start.copy_from_slice(&patch);
            self.sums[0] = seal::sum(&self.first);
        }
        if self.files.sealed {
            self.output.write_all(&seal::encode(&self.path, self.length, &self.sums))?;
        }
        if !patch.is_empty() {
            self.output.seek(SeekFrom::Start(0))?;
            self.output.write_all(&patch)?;
        }
        self.output.sync()
    }

    /// Makes the file whole and durable, under its name. One written in place is durable when its folder is
    /// synced.
    ///
    /// # Errors
    /// When the system refuses; then there is no such file, or what had the name before still has it. Only where
    /// the folder itself cannot be synced may the new one be there. What was written in place is left as it is.
    pub fn finish(mut self) -> Result<()> {
        self.end().map_err(Error::io(&self.path))?;
        if self.temporary.path.as_os_str().is_empty() {
            return Ok(());
        }
        let disk = self.files.disk.clone();
        disk.rename(&self.temporary.path, &self.path).map_err(Error::io(&self.path))?;
        self.temporary.path = PathBuf::new();
        match self.path.parent() {
            Some(folder) => disk.sync_folder(folder).map_err(Error::io(folder)),
            None => Ok(()),
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == BUFFER {
            self.hand_on()?;
        }
        let taken = bytes.len().min(BUFFER - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        self.length += taken as u64;
        Ok(taken)
    }

    /// Nothing: what is written counts once it is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts a whole file at `path`, in one step.
///
/// # Errors
/// As for [`Writer::finish`].
pub fn write(files: &Files, path: &Path, contents: &[u8]) -> Result<()> {
    let mut writer = Writer::create(files, path)?;
    writer.write_all(contents).map_err(Error::io(path))?;
    writer.finish()
}
