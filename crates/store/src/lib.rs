//! A collection: article text, metadata, a BM25 index, vectors and an HNSW graph, changed by atomic
//! commits.
//!
//! This crate takes embedded articles ([`ingest::pipeline::EmbeddedArticle`]), stores them, and
//! returns ranked passages. [`Collection`] is a consistent snapshot: [`Reader`] searches and
//! fetches, [`Listing`] lists. [`Writer`] changes a collection, and [`Maintenance`] looks after its
//! files if there are any. [`open`] and [`create`] take a [`Location`]: a folder on this
//! machine ([`local`]), or a server behind the trait [`Remote`].
//!
//! A local collection keeps its records in tantivy and its vectors in immutable segments beside it.
//! Our [`Manifest`] is the payload of tantivy's commit, so renaming one small file is the only
//! moment at which anything changes. A crash at any other moment leaves the previous commit.
//!
//! This crate never embeds, never combines the dense and the lexical ranking, and never prints.

#![deny(missing_docs)]

mod analysis;
pub mod collection;
mod error;
pub mod filter;
mod language;
pub mod local;
mod location;
mod manifest;

pub use analysis::AnalyzerVersion;
pub use analysis::fuzzy::Correction;
pub use collection::{
    ArticleMeta, Catalog, CheckReport, Collection, CompactReport, DenseSearch, Facet, FacetValue,
    Listing, Maintenance, PassageKey, PassageRef, Progress, QueryInterpretation, Reader, Salvage,
    ScoredPassage, Stats, Step, StoredArticle, StoredPassage, WordScore, Writer,
};
pub use error::{Error, LocationError, RemoteCause, Result};
pub use filter::{Filter, FilterError};
pub use language::{Language, UnknownLanguage};
pub use local::DamageReport;
pub use location::{Location, Remote};
pub use manifest::{FORMAT, Fusion, FusionMethod, Manifest, SegmentEntry};

use local::LocalCollection;

/// Opens the collection at `location`.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NewerFormat`], [`Error::Damaged`], or [`Error::Remote`] when a
/// server cannot be reached.
pub fn open(location: &Location) -> Result<Box<dyn Collection>> {
    match location {
        Location::Local(folder) => Ok(Box::new(LocalCollection::open(folder)?)),
        Location::Remote(remote) => remote.open(),
    }
}

/// Creates an empty collection at `location`, for vectors of `model` and text in `language`.
///
/// # Errors
/// [`Error::Occupied`] when the location already holds something, or an error when it cannot be
/// written.
pub fn create(
    location: &Location,
    model: ingest::ModelInfo,
    chunking: ingest::Chunking,
    graph: index::Params,
    language: Language,
) -> Result<Box<dyn Collection>> {
    let manifest = Manifest::new(model, chunking, graph, language);
    match location {
        Location::Local(folder) => Ok(Box::new(LocalCollection::create(folder, manifest)?)),
        Location::Remote(remote) => remote.create(manifest),
    }
}

/// Checks every file of the collection at `location` and returns one problem per damaged file.
/// Works on collections that are too damaged to open.
///
/// # Errors
/// When there is no collection, its format is not supported, or its commit is unreadable.
pub fn find_damage(location: &Location) -> Result<Vec<String>> {
    match location {
        Location::Local(folder) => local::find_damage(folder),
        Location::Remote(_) => Ok(Vec::new()),
    }
}

/// Makes a new commit without the damaged files and keeps everything else.
/// [`Collection::salvage`] then lists the articles that have to be indexed again.
///
/// # Errors
/// As for [`find_damage`], and [`Error::Locked`] when another process is writing, or an I/O error
/// such as a full disk. Either the last commit or the new one is in place then, and calling this
/// again continues the repair.
pub fn remove_damage(location: &Location) -> Result<DamageReport> {
    match location {
        Location::Local(folder) => local::remove_damage(folder),
        // Its servers keep replicas. Indexing the source of an incomplete article again restores
        // what is missing of it.
        Location::Remote(_) => Ok(DamageReport::default()),
    }
}

/// Whether there is a collection at `location`.
///
/// # Errors
/// [`Error::Remote`] when the server does not answer.
pub fn exists(location: &Location) -> Result<bool> {
    match location {
        Location::Local(folder) => Ok(LocalCollection::exists(folder)),
        Location::Remote(remote) => remote.exists(),
    }
}
