//! A collection: text, metadata, lexical index, vectors and graph behind one commit.
//!
//! [`Collection`] is all that the crates above know: a consistent snapshot to search and fetch
//! from, and a [`Writer`] to change it with. [`open`] and [`create`] give the collection behind a
//! location; that is a folder on this machine ([`local`]), or what was
//! [registered](register) for locations like its own.
//!
//! A local collection keeps its records in tantivy and its vectors in immutable segments beside it.
//! tantivy's commit carries our [`Manifest`], so one rename of one small file is the only moment at
//! which anything changes: a crash at any other leaves the last commit.
//!
//! This crate never embeds, never ranks beyond one list, never prints.

#![deny(missing_docs)]

mod analysis;
pub mod collection;
mod error;
pub mod filter;
mod language;
pub mod local;
mod manifest;
pub mod remote;

pub use analysis::near::Correction;
pub use collection::{
    ArticleCard, Candidate, Catalogue, CheckReport, Collection, CompactReport, DenseSearch, Facet, FacetValue,
    PassageKey, PassageRef, Progress, QuestionReading, Stats, Step, StoredArticle, StoredPassage, WordScore, Writer,
};
pub use error::{Error, Result};
pub use filter::{Filter, FilterError};
pub use language::Language;
pub use local::Mended;
pub use manifest::{FORMAT, Fusion, FusionMethod, Manifest, SegmentEntry};
pub use remote::{Remote, register};

/// Opens the collection at `location`.
///
/// # Errors
/// When there is none, it is damaged, or of a format this program does not read.
pub fn open(location: &str) -> Result<Box<dyn Collection>> {
    if let Some(remote) = remote::of(location)? {
        return remote.open(location);
    }
    Ok(Box::new(local::LocalCollection::open(location.as_ref())?))
}

/// Makes an empty collection at `location` for vectors of `model` and words of `language`.
///
/// # Errors
/// When something else is there already, or it cannot be written.
pub fn create(
    location: &str,
    model: ingest::ModelInfo,
    chunking: ingest::Chunking,
    graph: index::Params,
    language: Language,
) -> Result<Box<dyn Collection>> {
    let manifest = Manifest::new(model, chunking, graph, language);
    if let Some(remote) = remote::of(location)? {
        return remote.create(location, manifest);
    }
    Ok(Box::new(local::LocalCollection::create(location.as_ref(), manifest)?))
}

/// What is damaged in the collection at `location`, which may be too damaged to open: each names its file.
///
/// # Errors
/// When there is no collection, or it is of a format not read here, or nothing can be said of it.
pub fn survey(location: &str) -> Result<Vec<String>> {
    if remote::of(location)?.is_some() {
        return Ok(Vec::new());
    }
    local::survey(location.as_ref())
}

/// Leaves what is damaged out of a new commit, and keeps all else: see [`Collection::incomplete`] and
/// [`Collection::salvaged`] for what is then to be put back.
///
/// # Errors
/// As for [`survey`], and when another process writes or the disk is full; then the last commit is as it was, or the
/// new one is there. The same call goes on.
pub fn mend(location: &str) -> Result<Mended> {
    if remote::of(location)?.is_some() {
        // Its servers keep it whole. What is missing of an article, indexing its source again puts back.
        return Ok(Mended::default());
    }
    local::mend(location.as_ref())
}

/// Whether a collection is at `location`.
///
/// # Errors
/// When a server that would know does not answer.
pub fn exists(location: &str) -> Result<bool> {
    match remote::of(location)? {
        Some(remote) => remote.exists(location),
        None => Ok(local::LocalCollection::exists(location.as_ref())),
    }
}
