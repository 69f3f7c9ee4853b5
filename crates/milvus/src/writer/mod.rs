//! Writes to a collection: implements [`store::Writer`].
//!
//! Row keys depend only on the contents, so writes are idempotent: failed calls are retried, and an
//! interrupted command can be repeated. A new version of an article is written before the old one
//! is deleted, and its first page last; until then readers see the old version. Only versions that
//! existed when writing began are deleted, each by its fingerprint and its passages first, so a
//! version that another writer adds meanwhile is safe unless it is the very same one. An
//! interrupted writer leaves the article in a state that the next writer recognizes as unfinished.

#[cfg(test)]
mod tests;
mod versions;

use crate::client::Client;
use crate::expression::{self, Fields};
use crate::manifest_row::{ManifestRow, read_newest};
use crate::proto::{Delete, FieldData, Flush, Upsert};
use crate::reader::{RowReader, SCAN_ROWS};
use crate::rows::{self, PageRow, PassageRow};
use crate::schema::{self, ARTICLE, FINGERPRINT, KEY, MANIFEST_KEY};
use ingest::Chunking;
use ingest::pipeline::EmbeddedArticle;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use store::{CompactReport, Error, Fusion, Progress, Result, Writer};

/// Limits of one message; servers accept 64 MB.
const MAX_MESSAGE_BYTES: usize = 8 << 20;

const MAX_MESSAGE_ROWS: usize = 1_000;

/// A writer for a collection. Several writers may run at once: they do not damage each other's
/// articles, and of the same article the last one to write wins.
pub struct MilvusWriter {
    client: Arc<Client>,
    manifest_row: ManifestRow,
    /// The metadata fields that have been written.
    written_fields: Fields,
    passages: Vec<PassageRow>,
    pages: Vec<PageRow>,
    /// The ids of the articles in `passages` and `pages`.
    pending_ids: HashSet<String>,
    /// The ids of articles to delete on commit.
    deleted: Vec<String>,
    changed: bool,
    /// Whether the settings in the manifest have changed, not only articles.
    settings_changed: bool,
}

/// Microseconds since 1970; orders the versions of an article.
fn now_micros() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_micros() as i64)
}

impl MilvusWriter {
    pub fn new(client: Arc<Client>, manifest_row: ManifestRow) -> Self {
        Self {
            client,
            written_fields: manifest_row.fields.clone(),
            manifest_row,
            passages: Vec::new(),
            pages: Vec::new(),
            pending_ids: HashSet::new(),
            deleted: Vec::new(),
            changed: false,
            settings_changed: false,
        }
    }

    /// Drops the pending rows of an article; whether there were any. Some servers keep both rows if
    /// one message has the same key twice.
    fn discard_pending(&mut self, id: &str) -> bool {
        let was_pending = self.pending_ids.remove(id);
        if was_pending {
            self.passages.retain(|row| !row.belongs_to(id));
            self.pages.retain(|row| row.article != id);
        }
        was_pending
    }

    /// A reader that sees the last change of this writer.
    fn reader(&self) -> RowReader {
        RowReader {
            client: self.client.clone(),
            timestamp: self.manifest_row.read_timestamp,
        }
    }

    fn upsert(&mut self, collection: &str, columns: Vec<FieldData>, rows: usize) -> Result<()> {
        let request = Upsert {
            collection_name: collection.to_owned(),
            fields_data: columns,
            num_rows: rows as u32,
        };
        let result = self.client.write(request)?;
        self.manifest_row.read_timestamp = self.manifest_row.read_timestamp.max(result.timestamp);
        Ok(())
    }

    fn delete_rows(&mut self, collection: &str, expr: String) -> Result<()> {
        // Some servers delete everything for an empty expression.
        debug_assert!(!expr.is_empty());
        let result = self.client.write(Delete {
            collection_name: collection.to_owned(),
            expr,
        })?;
        self.manifest_row.read_timestamp = self.manifest_row.read_timestamp.max(result.timestamp);
        Ok(())
    }

    fn write_passages(&mut self) -> Result<()> {
        let dimensions = self.manifest_row.manifest.model.dimensions;
        let (rows, name) = (
            std::mem::take(&mut self.passages),
            self.client.location().collection.clone(),
        );
        let mut rows = rows.as_slice();
        while !rows.is_empty() {
            let (mut count, mut bytes) = (0, 0);
            while count < rows.len().min(MAX_MESSAGE_ROWS)
                && (count == 0 || bytes + rows[count].message_bytes() <= MAX_MESSAGE_BYTES)
            {
                bytes += rows[count].message_bytes();
                count += 1;
            }
            let (chunk, rest) = rows.split_at(count);
            let mut columns = PassageRow::columns(chunk, dimensions);
            if self.client.capabilities.full_text_search {
                columns.push(PassageRow::stems_column(chunk));
            }
            self.upsert(&name, columns, chunk.len())?;
            rows = rest;
        }
        Ok(())
    }

    fn write_pages(&mut self) -> Result<()> {
        let (rows, name) = (
            std::mem::take(&mut self.pages),
            self.client.location().articles_collection(),
        );
        // A page has at most 65,535 bytes.
        for rows in rows.chunks(MAX_MESSAGE_BYTES / schema::MAX_STRING_BYTES) {
            self.upsert(&name, PageRow::columns(rows), rows.len())?;
        }
        Ok(())
    }

    /// Writes new metadata fields, each as a row.
    fn write_fields(&mut self) -> Result<()> {
        let new = self
            .manifest_row
            .fields
            .iter()
            .filter(|(name, counts)| self.written_fields.get(*name) != Some(counts));
        let records = new.map(|(name, counts)| serde_json::json!({ name: counts }).to_string());
        let mut rows: Vec<PageRow> = records
            .map(|record| PageRow::without_article(-rows::row_key("", "", &record, 0), record))
            .collect();
        if let Some(row) = rows
            .iter()
            .find(|row| row.record.len() > schema::MAX_STRING_BYTES)
        {
            let name = &row.record[..row.record.floor_char_boundary(100)];
            return Err(self.client.error(format!(
                "the name of a field has {} bytes: {name}…",
                row.record.len()
            )));
        }
        let name = self.client.location().articles_collection();
        while !rows.is_empty() {
            let chunk = rows.split_off(rows.len().saturating_sub(MAX_MESSAGE_ROWS));
            self.upsert(&name, PageRow::columns(&chunk), chunk.len())?;
        }
        self.written_fields.clone_from(&self.manifest_row.fields);
        Ok(())
    }

    /// Writes the manifest, which makes the changes a commit.
    fn write_manifest(&mut self) -> Result<()> {
        if let Some(newest) = read_newest(&self.client)? {
            // Another writer may have committed since.
            self.manifest_row.read_timestamp =
                self.manifest_row.read_timestamp.max(newest.read_timestamp);
            if !self.settings_changed {
                self.manifest_row.manifest = newest.manifest;
            }
        }
        self.put_manifest()
    }

    /// Writes this manifest without looking at the newest one.
    pub fn put_manifest(&mut self) -> Result<()> {
        self.manifest_row.commit = now_micros();
        // Serializing strings and numbers cannot fail.
        let record = serde_json::to_string(&self.manifest_row).unwrap_or_default();
        let row = PageRow {
            written: self.manifest_row.commit,
            ..PageRow::without_article(MANIFEST_KEY, record)
        };
        let name = self.client.location().articles_collection();
        self.upsert(&name, PageRow::columns(&[row]), 1)?;
        self.settings_changed = false;
        Ok(())
    }
}

impl Writer for MilvusWriter {
    fn put(&mut self, article: EmbeddedArticle) -> Result<()> {
        let dimensions = self.manifest_row.manifest.model.dimensions;
        for (ordinal, passage) in article.passages.iter().enumerate() {
            let missing = || Error::MissingVector {
                article: article.article.id.clone(),
                ordinal,
            };
            index::check_unit(passage.vector.as_ref().ok_or_else(missing)?, dimensions)?;
        }
        self.discard_pending(&article.article.id);
        let pages = PageRow::from_article(&article, now_micros());
        self.pending_ids.insert(article.article.id.clone());
        expression::merge_fields(
            &mut self.manifest_row.fields,
            &expression::metadata_terms(&article.article).1,
        );
        self.passages.extend(PassageRow::from_article(
            article,
            self.manifest_row.analyzer,
            self.manifest_row.manifest.language,
        )?);
        self.pages.extend(pages);
        self.changed = true;
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<bool> {
        if !self.discard_pending(id) && self.reader().versions_of(&[id])?.is_empty() {
            return Ok(false);
        }
        self.deleted.push(id.to_owned());
        self.changed = true;
        Ok(true)
    }

    fn set_chunking(&mut self, chunking: Chunking) {
        self.settings_changed |= self.manifest_row.manifest.chunking != chunking;
        self.manifest_row.manifest.chunking = chunking;
    }

    fn set_fusion(&mut self, fusion: Option<Fusion>) {
        self.settings_changed |= self.manifest_row.manifest.fusion != fusion;
        self.manifest_row.manifest.fusion = fusion;
    }

    fn set_model_name(&mut self, name: &str) {
        self.settings_changed |= self.manifest_row.manifest.model.name != name;
        name.clone_into(&mut self.manifest_row.manifest.model.name);
    }

    fn pending(&self) -> usize {
        self.passages.len()
    }

    fn commit(&mut self) -> Result<()> {
        if !self.changed && !self.settings_changed {
            return Ok(());
        }
        let written = std::mem::take(&mut self.pending_ids);
        let replaced = self.replaced_versions()?;
        self.write_fields()?;
        self.write_passages()?;
        self.write_pages()?;
        self.delete_where(&replaced)?;
        let deleted = std::mem::take(&mut self.deleted);
        // An article that was deleted and then put again stays.
        let deleted: Vec<&str> = deleted
            .iter()
            .filter(|id| !written.contains(*id))
            .map(String::as_str)
            .collect();
        let versions = self.mark_being_deleted(&deleted)?;
        self.delete_where(&versions)?;
        self.write_manifest()?;
        self.changed = false;
        Ok(())
    }

    fn merge(&mut self, _: usize, _: &Progress<'_>) -> Result<()> {
        self.commit()?;
        // Rows that are not flushed are searched by brute force, or in a temporary index that loses
        // some. If the server limits the rate of flushes (clusters allow one in ten seconds), it
        // flushes by itself some minutes later.
        let location = self.client.location();
        self.client.write_unless_rate_limited(Flush {
            collection_names: vec![location.collection.clone(), location.articles_collection()],
        })?;
        Ok(())
    }

    fn compact(&mut self, threads: usize, progress: &Progress<'_>) -> Result<CompactReport> {
        self.commit()?;
        let reader = self.reader();
        let versions = reader.all_versions()?;
        let location = self.client.location().clone();
        let mut dropped = 0;
        // Interrupted writers leave older versions and parts of articles. Rows that another writer
        // is writing right now look the same.
        for (name, is_passages) in [
            (location.articles_collection(), false),
            (location.collection, true),
        ] {
            let mut orphans: Vec<i64> = Vec::new();
            reader.for_each_page(
                &name,
                "key > 0",
                &[KEY, ARTICLE, FINGERPRINT],
                SCAN_ROWS,
                &mut |columns| {
                    let (keys, articles) = (columns.longs(KEY), columns.strings(ARTICLE));
                    for ((key, article), fingerprint) in
                        keys.iter().zip(articles).zip(columns.strings(FINGERPRINT))
                    {
                        if versions
                            .get(article)
                            .is_none_or(|article| article.fingerprint != *fingerprint)
                        {
                            orphans.push(*key);
                        }
                    }
                    Ok(())
                },
            )?;
            for chunk in orphans.chunks(MAX_MESSAGE_ROWS) {
                let list = chunk
                    .iter()
                    .map(i64::to_string)
                    .collect::<Vec<_>>()
                    .join(", ");
                self.delete_rows(&name, format!("{KEY} in [{list}]"))?;
                self.changed = true;
            }
            if is_passages {
                dropped = orphans.len();
            }
        }
        self.merge(threads, progress)?;
        Ok(CompactReport {
            dropped,
            segments_before: 1,
            segments_after: 1,
        })
    }
}
