//! Opening a commit: its manifest, its text index and its vector segments.

use crate::local::checksummed_directory::ChecksummedDirectory;
use crate::local::layout::Layout;
use crate::local::records::{self, Fields};
use crate::{Error, Manifest, Result};
use index::Segment;
use ingest::Fingerprint;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::index::SegmentComponent;
use tantivy::{Index, IndexMeta, SegmentMeta};

/// tantivy's files besides segments: the commit, and the list of files that it manages and will
/// remove some day.
pub const META: &str = "meta.json";
pub const MANAGED: &str = ".managed.json";

/// The file names of a text segment.
pub fn segment_files(segment: &SegmentMeta) -> Vec<PathBuf> {
    use SegmentComponent::{Delete, FastFields, FieldNorms, Positions, Postings, Store, Terms};
    let deleted = segment.has_deletes().then_some(Delete);
    let parts = [Postings, Positions, FastFields, FieldNorms, Terms, Store]
        .into_iter()
        .chain(deleted);
    parts.map(|part| segment.relative_path(part)).collect()
}

/// Opens tantivy's index of the newest commit with our tokenizers, and checks that schema and
/// format are as expected.
pub fn open_index(layout: &Layout) -> Result<(Index, Fields)> {
    let index = Index::open(ChecksummedDirectory::new(layout.text(), layout.files()))
        .map_err(Error::text(layout.root()))?;
    let (schema, fields) = records::schema(layout.format());
    if index.schema() != schema {
        return Err(Error::damaged(
            layout.text(),
            "its schema is not that of a nigh collection",
        ));
    }
    let manifest = read_manifest(layout, &load_metas(layout, &index)?)?;
    if manifest.format != layout.format() {
        let problem = format!(
            "format {} expected, as in {}, found {}",
            manifest.format,
            layout.text().display(),
            layout.format()
        );
        return Err(Error::damaged(layout.marker(), problem));
    }
    records::register_tokenizers(&index, manifest.language, layout.format());
    Ok((index, fields))
}

/// Reads the manifest from a commit's payload.
pub fn read_manifest(layout: &Layout, metas: &IndexMeta) -> Result<Manifest> {
    let path = || layout.text().join(META);
    let payload = metas
        .payload
        .as_deref()
        .ok_or_else(|| Error::damaged(path(), "its commit carries no manifest"))?;
    serde_json::from_str(payload)
        .map_err(|error| Error::damaged(path(), format!("its manifest cannot be parsed: {error}")))
}

pub fn load_metas(layout: &Layout, index: &Index) -> Result<IndexMeta> {
    index.load_metas().map_err(Error::text(layout.root()))
}

/// Identifies a commit by its opstamp and payload. Merging text segments changes neither.
pub fn commit_id(metas: &IndexMeta) -> Fingerprint {
    Fingerprint::of([
        &metas.opstamp.to_le_bytes()[..],
        metas.payload.as_deref().unwrap_or_default().as_bytes(),
    ])
}

/// Opens a vector segment and checks that its files are the ones that the commit names.
pub fn open_segment(layout: &Layout, entry: &crate::SegmentEntry) -> Result<Arc<Segment>> {
    let (vectors, graph) = (
        layout.vector_file(entry.number),
        layout.graph_file(entry.number),
    );
    let segment = Segment::open(&vectors, entry.graph.as_ref().map(|_| graph.as_path()))?;
    let found = segment.vectors().checksum();
    if found != entry.checksum || segment.vectors().rows() != entry.rows {
        return Err(Error::damaged(
            vectors,
            format!(
                "expected the file with checksum {}, found one with {found}",
                entry.checksum
            ),
        ));
    }
    if let (Some(graph_entry), Some(found)) = (
        &entry.graph,
        segment.graph().and_then(index::Graph::checksum),
    ) && found != graph_entry.checksum
    {
        return Err(Error::damaged(
            graph,
            format!(
                "expected the file with checksum {}, found one with {found}",
                graph_entry.checksum
            ),
        ));
    }
    Ok(Arc::new(segment))
}

/// The sizes in bytes of the files in a folder.
pub fn file_sizes(folder: &Path) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(|m| m.is_file())
        .map(|m| m.len())
        .collect()
}
