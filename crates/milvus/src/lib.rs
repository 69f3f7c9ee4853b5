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
mod client;
mod collection;
mod columns;
mod expression;
mod location;
mod manifest_row;
mod proto;
mod reader;
mod rows;
mod schema;
mod search;
mod writer;

pub use location::{Access, Location, SCHEME};
pub use schema::IndexKind;

use client::Client;
use collection::MilvusCollection;
use manifest_row::{ManifestRow, read_newest};
use reader::{FIRST_PAGES, RowReader};
use std::sync::Arc;
use store::{Collection, Error, Manifest, Remote, Result};
use writer::MilvusWriter;

/// From now on locations that begin with `milvus://` are opened here.
pub fn register(access: Access, index: Option<IndexKind>) {
    store::register(SCHEME, Box::new(MilvusBackend { access, index }));
}

/// Removes a collection, and all that is in it; no error where there is none.
///
/// # Errors
/// When the server refuses, or does not answer.
pub fn remove(location: &str, access: &Access) -> Result<()> {
    let location = Location::parse(location).map_err(|problem| Error::Location { problem })?;
    schema::drop_collections(&Client::open(&location, access)?)
}

struct MilvusBackend {
    access: Access,
    index: Option<IndexKind>,
}

impl MilvusBackend {
    fn connect(&self, location: &str) -> Result<Client> {
        let parsed = Location::parse(location);
        let location = parsed.map_err(|problem| Error::Location { problem })?;
        Client::open(&location, &self.access)
    }
}

impl Remote for MilvusBackend {
    fn open(&self, location: &str) -> Result<Box<dyn Collection>> {
        Ok(Box::new(MilvusCollection::open(Arc::new(self.connect(location)?))?))
    }

    fn create(&self, location: &str, manifest: Manifest) -> Result<Box<dyn Collection>> {
        let client = Arc::new(self.connect(location)?);
        if exists(&client)? {
            return Err(Error::Occupied { path: location.into() });
        }
        // The graphs of milvus-lite lose rows under filters, and it is not meant for collections that need one.
        let default = if client.capabilities.is_lite { IndexKind::Flat } else { IndexKind::Hnsw };
        let index_kind = self.index.unwrap_or(default);
        // The manifest last: until it is there, there is no collection, and this can be done again.
        schema::create_articles(&client)?;
        let rows = RowReader { client: client.clone(), timestamp: 0 };
        if rows.count(&client.location().articles_collection(), FIRST_PAGES)? > 0 {
            return Err(client.error(format!(
                "articles without passages are in {}; drop it",
                client.location().articles_collection()
            )));
        }
        schema::create_passages(&client, manifest.model.dimensions, manifest.graph, index_kind)?;
        let manifest_row = ManifestRow { manifest, fields: Default::default(), read_timestamp: 0, commit: 0 };
        MilvusWriter::new(client.clone(), manifest_row).put_manifest()?;
        Ok(Box::new(MilvusCollection::open(client)?))
    }

    fn exists(&self, location: &str) -> Result<bool> {
        exists(&self.connect(location)?)
    }
}

/// Whether there is a collection of that name, ours or another: one that was not made to its end is none.
fn exists(client: &Client) -> Result<bool> {
    let is_there = schema::exists(client, &client.location().collection)?;
    Ok(is_there
        && !(schema::exists(client, &client.location().articles_collection())? && read_newest(client)?.is_none()))
}
