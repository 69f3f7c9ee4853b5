//! Where a job is kept on disk: a folder of its own with a record of its state, and the files that
//! it works on.

use super::Job;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The record of the job's state.
const RECORD: &str = "job.json";
/// Locked by the process that the job belongs to.
const LOCK: &str = "lock";
/// The files that the job works on.
const FILES: &str = "files";
/// An HTML page about the result.
const REPORT: &str = "report.html";

/// A job as it is kept on disk.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    pub job: Job,
    /// What it does.
    pub task: Value,
}

/// The folder of a job. Dropped without a record, as by an upload that breaks off, it is removed.
#[derive(Debug)]
pub struct JobFolder {
    path: PathBuf,
    _lock: File,
}

impl JobFolder {
    /// Makes the folder of a new job.
    pub fn create(parent: &Path, id: &str) -> io::Result<Self> {
        let path = parent.join(id);
        fs::create_dir_all(&path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.try_lock()?;
        Ok(Self { path, _lock: lock })
    }

    /// The folders of jobs that no process works on.
    pub fn abandoned(parent: &Path) -> io::Result<Vec<Self>> {
        let entries = match fs::read_dir(parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            // Without a lock file it is not a job's, or it is just being made.
            let Ok(lock) = File::open(path.join(LOCK)) else {
                continue;
            };
            if lock.try_lock().is_ok() {
                found.push(Self { path, _lock: lock });
            }
        }
        Ok(found)
    }

    /// The id of its job.
    pub fn id(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Where the job's files are.
    pub fn files(&self) -> PathBuf {
        self.path.join(FILES)
    }

    pub fn read(&self) -> io::Result<Record> {
        Ok(serde_json::from_slice(&fs::read(self.path.join(RECORD))?)?)
    }

    /// Writes the record, at once and for good.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.as_file().sync_all()?;
        file.persist(self.path.join(RECORD))?;
        sync_folder(&self.path)?;
        self.path.parent().map_or(Ok(()), sync_folder)
    }

    /// Deletes the job's files: it needs them no more.
    pub fn remove_files(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.files()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    pub fn write_report(&self, page: &str) -> io::Result<()> {
        fs::write(self.path.join(REPORT), page)
    }

    pub fn read_report(&self) -> io::Result<String> {
        fs::read_to_string(self.path.join(REPORT))
    }

    /// Deletes the folder.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

impl Drop for JobFolder {
    fn drop(&mut self) {
        if !self.path.join(RECORD).exists() {
            // What cannot be deleted now is deleted at the next start.
            let _ = self.remove();
        }
    }
}

/// Makes the names of the files in a folder durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    // On other systems a folder cannot be opened as a file.
    if cfg!(unix) {
        File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}
