//! The manifest, and the fields that articles have.

use crate::expression::{self, Fields};
use crate::reading::query;
use crate::schema::{KEY, MANIFEST, RECORD};
use crate::wire::Wire;
use serde::{Deserialize, Serialize};
use store::{Manifest, Result};

/// The manifest's row, and those of the fields.
const NO_ARTICLES: &str = "key <= 0";

/// What the manifest's row says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub manifest: Manifest,
    /// The fields that articles have, or had: each in a row of its own, so that of several writers none overwrites another's.
    #[serde(skip)]
    pub fields: Fields,
    /// Milvus's time of the last change: whoever reads as of then sees it.
    pub after: u64,
    /// Changes with every commit.
    pub commit: i64,
}

/// The newest manifest, and the fields that there are; `None` where there is no manifest.
pub fn newest(wire: &Wire) -> Result<Option<Head>> {
    let unread = |error: serde_json::Error| wire.wrong(format!("its manifest does not read: {error}"));
    let columns = query(wire, &wire.location().articles(), NO_ARTICLES, &[KEY, RECORD], None, 0)?;
    let (mut head, mut fields) = (None, Fields::new());
    for (key, record) in columns.numbers(KEY).iter().zip(columns.strings(RECORD)) {
        match *key {
            MANIFEST => head = Some(serde_json::from_str::<Head>(record).map_err(unread)?),
            _ => expression::join(&mut fields, &serde_json::from_str(record).map_err(unread)?),
        }
    }
    Ok(head.map(|head| Head { fields, ..head }))
}
