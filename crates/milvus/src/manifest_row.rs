//! The row with the manifest, and the rows with the metadata fields.

use crate::client::Client;
use crate::expression::{self, Fields};
use crate::reader::query;
use crate::schema::{KEY, MANIFEST_KEY, RECORD};
use serde::{Deserialize, Serialize};
use store::{AnalyzerVersion, Manifest, Result};

/// The manifest has key 0, field rows have negative keys.
const NON_ARTICLE_ROWS: &str = "key <= 0";

/// The manifest as stored in its row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestRow {
    pub manifest: Manifest,
    /// The metadata fields that articles have or had. Each is a row of its own, so that concurrent
    /// writers do not overwrite each other's.
    #[serde(skip)]
    pub fields: Fields,
    /// Milvus' timestamp of the last change: reads as of this time see it.
    #[serde(rename = "after")]
    pub read_timestamp: u64,
    /// The analyzer of the passages' terms. Absent from collections made before there were two.
    #[serde(default = "first_analyzer")]
    pub analyzer: AnalyzerVersion,
    /// Differs between commits: the time of the commit in microseconds.
    pub commit: i64,
}

fn first_analyzer() -> AnalyzerVersion {
    AnalyzerVersion::V1
}

/// Reads the newest manifest with the metadata fields; `None` if there is no manifest.
pub fn read_newest(client: &Client) -> Result<Option<ManifestRow>> {
    let malformed =
        |error: serde_json::Error| client.error(format!("cannot read its manifest: {error}"));
    let columns = query(
        client,
        &client.location().articles_collection(),
        NON_ARTICLE_ROWS,
        &[KEY, RECORD],
        None,
        0,
    )?;
    let (mut manifest_row, mut fields) = (None, Fields::new());
    for (key, record) in columns.longs(KEY).iter().zip(columns.strings(RECORD)) {
        match *key {
            MANIFEST_KEY => {
                manifest_row = Some(serde_json::from_str::<ManifestRow>(record).map_err(malformed)?)
            }
            _ => expression::merge_fields(
                &mut fields,
                &serde_json::from_str(record).map_err(malformed)?,
            ),
        }
    }
    Ok(manifest_row.map(|mut manifest_row| {
        // Earlier versions wrote the number of rows as a segment.
        manifest_row.manifest.segments.clear();
        ManifestRow {
            fields,
            ..manifest_row
        }
    }))
}
