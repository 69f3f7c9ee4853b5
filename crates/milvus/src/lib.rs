//! A collection on a Milvus cluster: what [`store::Collection`] says, with the server's shards, replicas and indexes behind it.
//!
//! [`register`] makes `milvus://HOST[:PORT]/[DATABASE/]COLLECTION` a location like any other. Passages, spans, metadata and
//! answers are those of a local collection. What differs: Milvus has no commits, so a reader can see a change passage by
//! passage, and an interrupted one until the same command has gone on or the collection was compacted; scores of words are those of the server's BM25,
//! over the same stems.
//!
//! This crate never embeds, never ranks beyond one list, never prints.

#![deny(missing_docs)]

mod check;
mod collection;
mod columns;
mod expression;
mod head;
mod location;
mod proto;
mod reading;
mod rows;
mod schema;
mod search;
mod wire;
mod writer;

pub use location::{Access, Location, SCHEME};

use collection::MilvusCollection;
use head::{Head, newest};
use reading::{FIRST_PAGES, Rows};
use std::sync::Arc;
use store::{Collection, Error, Manifest, Remote, Result};
use wire::Wire;
use writer::MilvusWriter;

/// What builds the index of a new collection's vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// A graph.
    Hnsw,
    /// None: every vector is looked at.
    Flat,
}

/// From now on locations that begin with `milvus://` are opened here.
pub fn register(access: Access, index: Option<IndexKind>) {
    store::register(SCHEME, Box::new(Milvus { access, index }));
}

/// Removes a collection, and all that is in it; no error where there is none.
///
/// # Errors
/// When the server refuses, or does not answer.
pub fn remove(location: &str, access: &Access) -> Result<()> {
    let location = Location::parse(location).map_err(|problem| Error::Location { problem })?;
    schema::remove(&Wire::open(&location, access)?)
}

struct Milvus {
    access: Access,
    index: Option<IndexKind>,
}

impl Milvus {
    fn connect(&self, location: &str) -> Result<Wire> {
        let parsed = Location::parse(location);
        let location = parsed.map_err(|problem| Error::Location { problem })?;
        Wire::open(&location, &self.access)
    }
}

impl Remote for Milvus {
    fn open(&self, location: &str) -> Result<Box<dyn Collection>> {
        Ok(Box::new(MilvusCollection::open(Arc::new(self.connect(location)?))?))
    }

    fn create(&self, location: &str, manifest: Manifest) -> Result<Box<dyn Collection>> {
        let wire = Arc::new(self.connect(location)?);
        if exists(&wire)? {
            return Err(Error::Occupied { path: location.into() });
        }
        let is_flat = match self.index {
            Some(kind) => kind == IndexKind::Flat,
            // Its graphs lose rows under conditions, and it is no place for so many that it would matter.
            None => wire.abilities.lite,
        };
        // The manifest last: until it is there, there is no collection, and this can be done again.
        schema::create_articles(&wire)?;
        let rows = Rows { wire: wire.clone(), after: 0 };
        if rows.counted(&wire.location().articles(), FIRST_PAGES)? > 0 {
            return Err(wire.wrong(format!("articles without passages are in {}; drop it", wire.location().articles())));
        }
        schema::create_passages(&wire, manifest.model.dimensions, manifest.graph, is_flat)?;
        let head = Head { manifest, fields: Default::default(), after: 0, commit: 0 };
        MilvusWriter::new(wire.clone(), head).put_head()?;
        Ok(Box::new(MilvusCollection::open(wire)?))
    }

    fn exists(&self, location: &str) -> Result<bool> {
        exists(&self.connect(location)?)
    }
}

/// Whether there is a collection of that name, ours or another: one that was not made to its end is none.
fn exists(wire: &Wire) -> Result<bool> {
    let is_there = schema::has(wire, &wire.location().collection)?;
    Ok(is_there && !(schema::has(wire, &wire.location().articles())? && newest(wire)?.is_none()))
}
