//! Stores a collection on a Milvus cluster: an implementation of [`store::Collection`].
//!
//! After [`register`], `store` opens and creates collections at
//! `milvus://HOST[:PORT]/[DATABASE/]COLLECTION`. Passages, spans, metadata and search results are
//! those of a local collection, with two differences. Milvus has no commits: a reader can see part
//! of a change, and part of an interrupted one until it is repeated or the collection is compacted.
//! Lexical scores come from the server's BM25, over the same stems.
//!
//! This crate never embeds, never fuses result lists and never prints.

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

/// Makes `store` open `milvus://` locations with this crate. `index` is for the vectors of new
/// collections; by default it is HNSW, or flat on milvus-lite.
pub fn register(access: Access, index: Option<IndexKind>) {
    store::register(SCHEME, Box::new(MilvusBackend { access, index }));
}

/// Deletes a collection and all its data. It is no error if there is none.
///
/// # Errors
/// [`store::Error::Location`] for a malformed location, [`store::Error::Remote`] if the server
/// refuses or does not respond.
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
        Ok(Box::new(MilvusCollection::open(Arc::new(
            self.connect(location)?,
        ))?))
    }

    fn create(&self, location: &str, manifest: Manifest) -> Result<Box<dyn Collection>> {
        let client = Arc::new(self.connect(location)?);
        if exists(&client)? {
            return Err(Error::Occupied {
                path: location.into(),
            });
        }
        // The graphs of milvus-lite lose rows under filters, and it is not meant for collections
        // that need one.
        let default = if client.capabilities.is_lite {
            IndexKind::Flat
        } else {
            IndexKind::Hnsw
        };
        let index_kind = self.index.unwrap_or(default);
        // The manifest comes last: until it is written there is no collection, and creation can be
        // repeated.
        schema::create_articles(&client)?;
        let reader = RowReader {
            client: client.clone(),
            timestamp: 0,
        };
        if reader.count(&client.location().articles_collection(), FIRST_PAGES)? > 0 {
            return Err(client.error(format!(
                "{} has articles but there are no passages; drop it",
                client.location().articles_collection()
            )));
        }
        schema::create_passages(
            &client,
            manifest.model.dimensions,
            manifest.graph,
            index_kind,
        )?;
        let manifest_row = ManifestRow {
            manifest,
            fields: Default::default(),
            read_timestamp: 0,
            commit: 0,
        };
        MilvusWriter::new(client.clone(), manifest_row).put_manifest()?;
        Ok(Box::new(MilvusCollection::open(client)?))
    }

    fn exists(&self, location: &str) -> Result<bool> {
        exists(&self.connect(location)?)
    }
}

/// Whether a collection of that name exists, made by nigh or not. One without a manifest, whose
/// creation was interrupted, does not count.
fn exists(client: &Client) -> Result<bool> {
    let has_passages = schema::exists(client, &client.location().collection)?;
    Ok(has_passages
        && !(schema::exists(client, &client.location().articles_collection())?
            && read_newest(client)?.is_none()))
}
