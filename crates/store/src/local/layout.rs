//! Paths in a collection's folder.

use crate::manifest::FORMAT;
use crate::{Error, Result};
use disk::{FileSystem, PathError, WriteOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The marker file in the root of every collection.
pub const COLLECTION_MARKER: &str = "nigh.collection";

/// The first format whose files end in a checksum footer, which `disk` and FORMAT.md call a seal.
const FIRST_CHECKSUMMED_FORMAT: u64 = 3;

/// The folder and format of one collection.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    disk: Arc<dyn FileSystem>,
    format: u64,
}

impl Layout {
    /// The layout of a new collection, in the newest format.
    pub fn new(root: &Path, disk: Arc<dyn FileSystem>) -> Self {
        Self {
            root: root.to_owned(),
            disk,
            format: FORMAT,
        }
    }

    /// The layout of an existing collection, in the format that its marker names.
    pub fn read(root: &Path, disk: Arc<dyn FileSystem>) -> Result<Self> {
        let mut layout = Self::new(root, disk);
        layout.format = layout.read_marker()?;
        Ok(layout)
    }

    /// Reads the marker again: another collection may have been put in this one's place.
    pub fn reload(&self) -> Result<Self> {
        Self::read(&self.root, self.disk.clone())
    }

    /// The collection's format.
    pub fn format(&self) -> u64 {
        self.format
    }

    /// How its files are written: through which disk, and whether with a checksum footer.
    pub fn files(&self) -> WriteOptions {
        WriteOptions {
            fs: self.disk.clone(),
            sealed: self.format >= FIRST_CHECKSUMMED_FORMAT,
        }
    }

    /// The disk that all changes go through.
    pub fn disk(&self) -> &dyn FileSystem {
        &*self.disk
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The marker file, which makes the folder a collection and names its format.
    pub fn marker(&self) -> PathBuf {
        self.root.join(COLLECTION_MARKER)
    }

    /// The file that the writer locks.
    pub fn lock(&self) -> PathBuf {
        self.root.join("writer.lock")
    }

    /// The salvage journal: articles read out of damaged files and not put back yet.
    pub fn salvaged(&self) -> PathBuf {
        self.root.join("salvaged.jsonl")
    }

    /// Bytes that callers store to save work; deleting it is safe.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// tantivy's index directory.
    pub fn text(&self) -> PathBuf {
        self.root.join("text")
    }

    /// The directory of vector segments.
    pub fn vectors(&self) -> PathBuf {
        self.root.join("vectors")
    }

    pub fn vector_file(&self, segment: u64) -> PathBuf {
        self.vectors().join(format!("{segment:08}.vec"))
    }

    pub fn graph_file(&self, segment: u64) -> PathBuf {
        self.vectors().join(format!("{segment:08}.graph"))
    }

    /// The same folder in another format, for collections whose marker is damaged.
    pub fn with_format(&self, format: u64) -> Self {
        Self {
            format,
            ..self.clone()
        }
    }

    /// The marker's contents.
    fn marker_text(&self) -> String {
        format!("nigh collection, format {}\n", self.format)
    }

    /// Writes the marker, which makes the folder a collection.
    pub fn write_marker(&self) -> Result<()> {
        // A line for people to read, so without a checksum footer.
        let files = WriteOptions {
            sealed: false,
            ..self.files()
        };
        Ok(disk::atomic_write(
            &files,
            &self.marker(),
            self.marker_text().as_bytes(),
        )?)
    }

    /// Fails if the folder holds data but no marker, as after the marker was lost. The empty
    /// remains of an interrupted creation are fine.
    pub fn ensure_no_unmarked_data(&self) -> Result<()> {
        let files = [self.text(), self.vectors()]
            .into_iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten();
        let is_data = |path: &Path| {
            path.extension()
                .is_some_and(|kind| kind == "store" || kind == "vec")
        };
        let has_data = files
            .filter_map(|entry| Some(entry.ok()?.path()))
            .any(|path| is_data(&path));
        // Checked last: another process may have created it since.
        if has_data && !self.marker().exists() {
            let problem = "the file is missing, but the folder holds a collection";
            return Err(Error::damaged(self.marker(), problem));
        }
        Ok(())
    }

    /// Reads the format from the marker.
    fn read_marker(&self) -> Result<u64> {
        let path = self.marker();
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.ensure_no_unmarked_data()?;
                return Err(Error::NotFound {
                    location: self.root.display().to_string(),
                });
            }
            Err(error) => return Err(PathError::at(path)(error).into()),
        };
        let number = text
            .strip_prefix("nigh collection, format ")
            .and_then(|rest| rest.trim().parse::<u64>().ok());
        let format = number.filter(|&format| self.with_format(format).marker_text() == text);
        match format {
            Some(found @ 1..=FORMAT) => Ok(found),
            Some(found) if found > FORMAT => Err(Error::NewerFormat {
                location: self.root.display().to_string(),
                found,
                known: FORMAT,
            }),
            _ => Err(Error::damaged(
                path,
                format!(
                    "expected {:?}, found {:?}",
                    self.marker_text(),
                    text.chars().take(60).collect::<String>()
                ),
            )),
        }
    }
}
