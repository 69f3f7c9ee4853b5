//! Where everything is in a collection's folder.

use crate::manifest::FORMAT;
use crate::{Error, Result};
use disk::{Disk, Files};
use ingest::walk::COLLECTION_MARKER;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first format whose files are sealed.
const SEALED: u64 = 3;

/// The paths in one collection.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    format: u64,
}

impl Layout {
    /// That of a collection that is to be made.
    pub fn new(root: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { root: root.to_owned(), disk, format: FORMAT }
    }

    /// That of the collection that is there, if it is of a format read here.
    pub fn of(root: &Path, disk: Arc<dyn Disk>) -> Result<Self> {
        let mut layout = Self::new(root, disk);
        layout.format = layout.marked()?;
        Ok(layout)
    }

    /// The same, as it is there now: another collection may have been put in its place.
    pub fn again(&self) -> Result<Self> {
        Self::of(&self.root, self.disk.clone())
    }

    /// The collection's format.
    pub fn format(&self) -> u64 {
        self.format
    }

    /// How its files are written.
    pub fn files(&self) -> Files {
        Files { disk: self.disk.clone(), sealed: self.format >= SEALED }
    }

    /// What changes it.
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file that says that this is a collection, and of which format.
    pub fn marker(&self) -> PathBuf {
        self.root.join(COLLECTION_MARKER)
    }

    /// The file that the writer holds locked.
    pub fn lock(&self) -> PathBuf {
        self.root.join("writer.lock")
    }

    /// The articles that mending read out of damaged files and that are not put back yet.
    pub fn salvaged(&self) -> PathBuf {
        self.root.join("salvaged.jsonl")
    }

    /// What callers keep to save work. It can be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// tantivy's folder.
    pub fn text(&self) -> PathBuf {
        self.root.join("text")
    }

    /// The folder of vector segments.
    pub fn vectors(&self) -> PathBuf {
        self.root.join("vectors")
    }

    pub fn vector_file(&self, segment: u64) -> PathBuf {
        self.vectors().join(format!("{segment:08}.vec"))
    }

    pub fn graph_file(&self, segment: u64) -> PathBuf {
        self.vectors().join(format!("{segment:08}.graph"))
    }

    /// The same, should the collection be of another format than its marker can tell.
    pub fn of_format(&self, format: u64) -> Self {
        Self { format, ..self.clone() }
    }

    /// What the marker holds.
    fn marker_text(&self) -> String {
        format!("nigh collection, format {}\n", self.format)
    }

    /// Writes the marker, which makes the folder a collection.
    pub fn mark(&self) -> Result<()> {
        // A line for people to read, so without a seal.
        let files = Files { sealed: false, ..self.files() };
        Ok(disk::write(&files, &self.marker(), self.marker_text().as_bytes())?)
    }

    /// That there is nothing of a collection that has lost its marker; what a creation cut short left behind may be there.
    pub fn holds_nothing(&self) -> Result<()> {
        let files =
            [self.text(), self.vectors()].into_iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
        let holds = |path: &Path| path.extension().is_some_and(|kind| kind == "store" || kind == "vec");
        let some = files.filter_map(|entry| Some(entry.ok()?.path())).any(|path| holds(&path));
        // Looked at last: it may just have been made.
        if some && !self.marker().exists() {
            let problem = "it is not there, but a collection is; nigh check --repair makes it again";
            return Err(Error::damaged(self.marker(), problem));
        }
        Ok(())
    }

    /// The format that the marker says.
    fn marked(&self) -> Result<u64> {
        let path = self.marker();
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.holds_nothing()?;
                return Err(Error::NotFound { path: self.root.clone() });
            }
            Err(error) => return Err(Error::io(path)(error)),
        };
        let number = text.strip_prefix("nigh collection, format ").and_then(|rest| rest.trim().parse::<u64>().ok());
        let format = number.filter(|&format| self.of_format(format).marker_text() == text);
        match format {
            Some(found @ 1..=FORMAT) => Ok(found),
            Some(found) if found > FORMAT => Err(Error::NewerFormat { path: self.root.clone(), found, known: FORMAT }),
            _ => Err(Error::damaged(
                path,
                format!("expected {:?}, found {:?}", self.marker_text(), text.chars().take(60).collect::<String>()),
            )),
        }
    }
}
