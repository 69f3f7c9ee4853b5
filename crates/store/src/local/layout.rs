//! Where everything is in a collection's folder.

use crate::manifest::FORMAT;
use crate::{Error, Result};
use ingest::walk::COLLECTION_MARKER;
use std::path::{Path, PathBuf};

/// The paths in one collection.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
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

    /// What the marker holds.
    pub fn marker_text() -> String {
        format!("nigh collection, format {FORMAT}\n")
    }

    /// Sees that this is a collection of a format read here. Gives the format.
    pub fn format(&self) -> Result<u64> {
        let path = self.marker();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NotFound { path: self.root.clone() });
            }
            Err(error) => return Err(Error::io(path)(error)),
        };
        let format = text.strip_prefix("nigh collection, format ").and_then(|rest| rest.trim().parse::<u64>().ok());
        match format {
            Some(found @ 1..=FORMAT) => Ok(found),
            Some(found) if found > FORMAT => Err(Error::NewerFormat { path: self.root.clone(), found, known: FORMAT }),
            _ => Err(Error::damaged(
                path,
                format!("expected {:?}, found {:?}", Self::marker_text(), text.chars().take(60).collect::<String>()),
            )),
        }
    }
}
