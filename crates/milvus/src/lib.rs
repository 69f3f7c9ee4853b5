//! Stores a collection on a Milvus cluster: an implementation of [`store::Collection`].
//!
//! [`Backend::locate`] makes locations of the URLs `milvus://HOST[:PORT]/[DATABASE/]COLLECTION`.
//! Passages, spans, metadata and search results are those of a local collection, with two
//! differences. Milvus has no commits: a reader can see part of a change, and part of an
//! interrupted one until it is repeated or the collection is compacted. Lexical scores come
//! from the server's BM25, over the terms of the local analysis.
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

pub use location::{Access, SCHEME};
pub use schema::IndexKind;

use client::Client;
use collection::MilvusCollection;
use location::CollectionUrl;
use manifest_row::{ManifestRow, read_newest};
use reader::{FIRST_PAGES, RowReader};
use std::sync::Arc;
use store::{AnalyzerVersion, Collection, Error, Location, Manifest, Remote, Result};
use writer::MilvusWriter;

/// The settings that all collections on Milvus share.
#[derive(Debug, Clone, Default)]
pub struct Backend {
    /// How to connect.
    pub access: Access,
    /// The index for the vectors of new collections: by default HNSW, or flat on milvus-lite.
    pub index: Option<IndexKind>,
}

impl Backend {
    /// The location with this URL. Nothing is asked of the server.
    ///
    /// # Errors
    /// [`Error::Location`] if the URL is malformed.
    pub fn locate(&self, url: &str) -> Result<Location> {
        Ok(Location::Remote(Arc::new(MilvusLocation {
            parsed: CollectionUrl::parse(url)?,
            url: url.to_owned(),
            backend: self.clone(),
        })))
    }
}

/// Deletes a collection and all its data. It is no error if there is none.
///
/// # Errors
/// [`store::Error::Location`] for a malformed location, [`store::Error::Remote`] if the server
/// refuses or does not respond.
pub fn remove(url: &str, access: &Access) -> Result<()> {
    schema::drop_collections(&Client::open(&CollectionUrl::parse(url)?, access)?)
}

/// A collection on a server, existing or not.
struct MilvusLocation {
    /// The URL as it was given.
    url: String,
    parsed: CollectionUrl,
    backend: Backend,
}

impl MilvusLocation {
    fn connect(&self) -> Result<Client> {
        Client::open(&self.parsed, &self.backend.access)
    }
}

impl std::fmt::Display for MilvusLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url)
    }
}

impl Remote for MilvusLocation {
    fn open(&self) -> Result<Box<dyn Collection>> {
        let client = Arc::new(self.connect()?);
        Ok(Box::new(MilvusCollection::open(client)?))
    }

    fn create(&self, manifest: Manifest) -> Result<Box<dyn Collection>> {
        let client = Arc::new(self.connect()?);
        if exists(&client)? {
            return Err(Error::Occupied {
                location: self.url.clone(),
            });
        }
        // The graphs of milvus-lite lose rows under filters, and it is not meant for collections
        // that need one.
        let default = if client.capabilities.is_lite {
            IndexKind::Flat
        } else {
            IndexKind::Hnsw
        };
        let index_kind = self.backend.index.unwrap_or(default);
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
            analyzer: AnalyzerVersion::V2,
            commit: 0,
        };
        MilvusWriter::new(client.clone(), manifest_row).put_manifest()?;
        Ok(Box::new(MilvusCollection::open(client)?))
    }

    fn exists(&self) -> Result<bool> {
        exists(&self.connect()?)
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
