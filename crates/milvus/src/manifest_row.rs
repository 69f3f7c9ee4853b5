//! The manifest, and the fields that articles have.

use crate::client::Client;
use crate::expression::{self, Fields};
use crate::reader::query;
use crate::schema::{KEY, MANIFEST_KEY, RECORD};
use serde::{Deserialize, Serialize};
use store::{Manifest, Result};

/// The manifest's row, and those of the fields.
const NON_ARTICLE_ROWS: &str = "key <= 0";

/// What the manifest's row says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestRow {
    pub manifest: Manifest,
    /// The fields that articles have, or had: each in a row of its own, so that of several writers none overwrites another's.
    #[serde(skip)]
    pub fields: Fields,
    /// Milvus's time of the last change: whoever reads as of then sees it.
    #[serde(rename = "after")]
    pub read_timestamp: u64,
    /// Changes with every commit.
    pub commit: i64,
}

/// The newest manifest, and the fields that there are; `None` where there is no manifest.
pub fn read_newest(client: &Client) -> Result<Option<ManifestRow>> {
    let unread = |error: serde_json::Error| client.error(format!("its manifest does not read: {error}"));
    let columns = query(client, &client.location().articles_collection(), NON_ARTICLE_ROWS, &[KEY, RECORD], None, 0)?;
    let (mut manifest_row, mut fields) = (None, Fields::new());
    for (key, record) in columns.longs(KEY).iter().zip(columns.strings(RECORD)) {
        match *key {
            MANIFEST_KEY => manifest_row = Some(serde_json::from_str::<ManifestRow>(record).map_err(unread)?),
            _ => expression::merge_fields(&mut fields, &serde_json::from_str(record).map_err(unread)?),
        }
    }
    Ok(manifest_row.map(|manifest_row| ManifestRow { fields, ..manifest_row }))
}
