//! Writes to a collection: implements [`store::Writer`].
//!
//! Row keys depend only on the contents, so writes are idempotent: failed calls are retried, and an
//! interrupted command can be repeated. A new version of an article is written before the old one
//! is deleted, and its first page last; until then readers see the old version. Only versions that
//! existed when writing began are deleted, each by its fingerprint and its passages first, so a
//! version that another writer adds meanwhile is safe unless it is the very same one. An
//! interrupted writer leaves the article in a state that the next writer recognizes as unfinished.

use crate::client::Client;
use crate::expression::{self, Fields, quote};
use crate::manifest_row::{ManifestRow, read_newest};
use crate::proto::{Delete, FieldData, Flush, Upsert};
use crate::reader::{BEING_DELETED, RowReader, SCAN_ROWS};
use crate::rows::{self, PageRow, PassageRow};
use crate::schema::{self, ARTICLE, FINGERPRINT, KEY, MANIFEST_KEY};
use ingest::Chunking;
use ingest::pipeline::EmbeddedArticle;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use store::{CompactReport, Error, Fusion, Progress, Result, Writer};

/// Limits of one message; servers accept 64 MB.
const MAX_MESSAGE_BYTES: usize = 8 << 20;
const MAX_MESSAGE_ROWS: usize = 1_000;
/// The most versions that one delete expression lists.
const MAX_VERSIONS_PER_DELETE: usize = 200;

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

/// An expression for the rows of one version of an article.
fn version_expression(id: &str, fingerprint: &str) -> String {
    format!(
        "({ARTICLE} == {} and {FINGERPRINT} == {})",
        quote(id),
        quote(fingerprint)
    )
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

    /// Dates the pending pages after the versions that exist, even if a clock was wrong, and
    /// returns expressions for the versions that they replace.
    fn replaced_versions(&mut self) -> Result<Vec<String>> {
        let written: BTreeMap<&str, &str> = self
            .pages
            .iter()
            .map(|row| (row.article.as_str(), row.fingerprint.as_str()))
            .collect();
        let ids: Vec<&str> = written.keys().copied().collect();
        let existing = self.reader().versions_of(&ids)?;
        let older = existing.iter().flat_map(|(id, versions)| {
            versions
                .fingerprints()
                .map(move |fingerprint| (id, fingerprint))
        });
        let older = older
            .filter(|(id, fingerprint)| written.get(id.as_str()) != Some(&fingerprint.as_str()));
        let replaced = older
            .map(|(id, fingerprint)| version_expression(id, fingerprint))
            .collect();
        for row in &mut self.pages {
            if let Some(versions) = existing.get(&row.article) {
                row.written = row.written.max(versions.written + 1);
            }
        }
        Ok(replaced)
    }

    /// Marks articles as being deleted, so that nobody takes them for complete, and returns
    /// expressions for their versions.
    fn mark_being_deleted(&mut self, ids: &[&str]) -> Result<Vec<String>> {
        let (mut rows, mut versions) = (Vec::new(), Vec::new());
        for (id, article_versions) in self.reader().versions_of(ids)? {
            for fingerprint in article_versions.fingerprints() {
                versions.push(version_expression(&id, fingerprint));
                let (article, fingerprint, path) = (
                    id.clone(),
                    fingerprint.clone(),
                    article_versions.path.clone(),
                );
                let row = PageRow::without_article(
                    rows::row_key(&id, &fingerprint, "page", 0),
                    String::new(),
                );
                rows.push(PageRow {
                    article,
                    fingerprint,
                    path,
                    passages: BEING_DELETED,
                    written: article_versions.written,
                    ..row
                });
            }
        }
        let name = self.client.location().articles_collection();
        for chunk in rows.chunks(MAX_MESSAGE_ROWS) {
            self.upsert(&name, PageRow::columns(chunk), chunk.len())?;
        }
        Ok(versions)
    }

    /// The Milvus collections in the order of deletion: an article exists until its first page is
    /// deleted.
    fn collections_in_delete_order(&self) -> [String; 2] {
        [
            self.client.location().collection.clone(),
            self.client.location().articles_collection(),
        ]
    }

    /// Deletes the rows for which one of these expressions holds.
    fn delete_where(&mut self, expressions: &[String]) -> Result<()> {
        for chunk in expressions.chunks(MAX_VERSIONS_PER_DELETE) {
            for name in self.collections_in_delete_order() {
                self.delete_rows(&name, chunk.join(" or "))?;
            }
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

    fn forget_salvaged(&mut self) -> Result<()> {
        Ok(())
    }

    fn set_chunking(&mut self, chunking: Chunking) {
        self.settings_changed |= self.manifest_row.manifest.chunking != chunking;
        self.manifest_row.manifest.chunking = chunking;
    }

    fn set_builder(&mut self, _: index::Builder) {
        // The server builds the index.
    }

    fn set_memory_budget(&mut self, _: Option<u64>) {}

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

    fn merge_small(&mut self) -> Result<()> {
        Ok(())
    }

    fn merge_in_background(&mut self, _: usize) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::MilvusCollection;
    use crate::rows::tests::embedded;
    use crate::{Access, register};
    use store::{Collection, Language, Step};

    fn ignore_progress(_: Step, _: usize, _: usize) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Continue(())
    }

    fn writer_of(collection: &MilvusCollection) -> MilvusWriter {
        MilvusWriter::new(
            collection.reader.client.clone(),
            collection.manifest_row.clone(),
        )
    }

    fn location_of(location: &str) -> crate::Location {
        crate::Location::parse(location).unwrap()
    }

    fn create(location: &str) {
        let model = ingest::ModelInfo {
            name: "two".into(),
            hash: "two".into(),
            dimensions: 2,
            window: 9,
            query_prefix: String::new(),
            passage_prefix: String::new(),
        };
        store::create(
            location,
            model,
            Chunking::default(),
            index::Params::default(),
            Language::English,
        )
        .unwrap();
    }

    /// Creates a collection. Returns its location, its access, and a function that opens it.
    fn new_collection(name: &str) -> (String, Access, impl Fn() -> MilvusCollection) {
        let server = std::env::var("MILVUS_URI").unwrap();
        let (location, access) = (
            format!("{server}/{name}_{}", std::process::id()),
            Access::default(),
        );
        register(access.clone(), None);
        create(&location);
        let (parsed, open_access) = (location_of(&location), access.clone());
        let open = move || {
            MilvusCollection::open(Arc::new(Client::open(&parsed, &open_access).unwrap())).unwrap()
        };
        (location, access, open)
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn check_reports_and_compact_removes_what_an_interrupted_writer_left() {
        let (location, access, open) = new_collection("stopped");
        let mut writer = writer_of(&open());
        writer.put(embedded("old")).unwrap();
        writer.commit().unwrap();
        // The first was stopped before it deleted the old version, the second before it wrote its
        // first page.
        let mut writer = writer_of(&open());
        writer.put(embedded("new")).unwrap();
        writer.write_passages().unwrap();
        writer.write_pages().unwrap();
        writer.write_manifest().unwrap();
        let mut writer = writer_of(&open());
        writer.put(embedded(&"newest ".repeat(30_000))).unwrap();
        writer.write_passages().unwrap();
        assert_eq!(writer.pages.pop().map(|row| row.page), Some(0));
        writer.write_pages().unwrap();
        writer.write_manifest().unwrap();

        let collection = open();
        let report = collection.check(&ignore_progress).unwrap();
        assert_eq!(report.problems.len(), 2, "{:?}", report.problems);
        assert!(
            report.problems[0].contains("older version")
                && report.problems[1].contains("2 passages belong to no article")
        );
        assert_eq!(
            collection.article("a").unwrap().unwrap().article.text,
            "new"
        );
        let known = collection.article_meta(&["a"]).unwrap();
        assert_ne!(
            known["a"].fingerprint,
            embedded("new").fingerprint,
            "it has to be put again"
        );

        let mut writer = writer_of(&collection);
        assert_eq!(writer.compact(1, &ignore_progress).unwrap().dropped, 2);
        let collection = open();
        assert_eq!(
            collection.check(&ignore_progress).unwrap().problems,
            Vec::<String>::new()
        );
        assert_eq!(
            collection.article_meta(&["a"]).unwrap()["a"].fingerprint,
            embedded("new").fingerprint
        );
        let (articles, mut left) = (collection.reader.client.location().articles_collection(), 0);
        let mut count = |columns: &crate::columns::Columns| {
            left += columns.longs(KEY).len();
            Ok(())
        };
        collection
            .reader
            .for_each_page(&articles, "key > 0", &[KEY], SCAN_ROWS, &mut count)
            .unwrap();
        assert_eq!(left, 1);
        crate::remove(&location, &access).unwrap();
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn concurrent_writers_of_two_versions_leave_a_complete_one() {
        let (location, access, open) = new_collection("versions");
        let mut first = writer_of(&open());
        first.put(embedded("older")).unwrap();
        first.commit().unwrap();
        // With a clock that is years behind.
        first.put(embedded("old")).unwrap();
        first.pages[0].written = 5;
        first.commit().unwrap();
        assert_eq!(open().article("a").unwrap().unwrap().article.text, "old");
        // `other` commits while `one` is in the middle of its commit.
        let (mut one, mut other) = (writer_of(&open()), writer_of(&open()));
        one.put(embedded("one")).unwrap();
        let replaced = one.replaced_versions().unwrap();
        one.write_passages().unwrap();
        other.put(embedded("other")).unwrap();
        other.commit().unwrap();
        one.write_pages().unwrap();
        one.delete_where(&replaced).unwrap();
        one.write_manifest().unwrap();

        let collection = open();
        let meant = collection.article("a").unwrap().unwrap().article.text;
        assert_eq!(meant, "other", "it was put last");
        assert_eq!(
            collection.keys().unwrap().len(),
            2,
            "passages of both, none of the old"
        );
        // Put again, it is written, and exists once.
        assert_ne!(
            collection.article_meta(&["a"]).unwrap()["a"].fingerprint,
            embedded(&meant).fingerprint
        );
        let mut writer = writer_of(&collection);
        writer.put(embedded(&meant)).unwrap();
        writer.commit().unwrap();
        let collection = open();
        assert_eq!(
            collection.check(&ignore_progress).unwrap().problems,
            Vec::<String>::new()
        );
        assert_eq!(
            (
                collection.article("a").unwrap().unwrap().article.text,
                collection.keys().unwrap().len()
            ),
            (meant, 1)
        );
        crate::remove(&location, &access).unwrap();
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn an_interrupted_deletion_can_be_completed_or_overwritten() {
        let (location, access, open) = new_collection("deletion");
        let mut writer = writer_of(&open());
        writer.put(embedded("text")).unwrap();
        writer.commit().unwrap();
        let stopped = || {
            let mut writer = writer_of(&open());
            let versions = writer.mark_being_deleted(&["a"]).unwrap();
            writer
                .delete_rows(
                    &writer.collections_in_delete_order()[0],
                    versions.join(" or "),
                )
                .unwrap();
        };
        stopped();
        // Deleting it again finds it, and putting it again finds it changed.
        let mut writer = writer_of(&open());
        assert!(writer.delete("a").unwrap());
        writer.commit().unwrap();
        assert!(open().article("a").unwrap().is_none() && open().keys().unwrap().is_empty());
        writer.put(embedded("text")).unwrap();
        writer.commit().unwrap();
        stopped();
        assert!(
            open().check(&ignore_progress).unwrap().problems[0]
                .contains("deletion was interrupted")
        );
        assert_ne!(
            open().article_meta(&["a"]).unwrap()["a"].fingerprint,
            embedded("text").fingerprint
        );
        let mut writer = writer_of(&open());
        writer.put(embedded("text")).unwrap();
        writer.commit().unwrap();
        assert_eq!(
            open().check(&ignore_progress).unwrap().problems,
            Vec::<String>::new()
        );
        assert_eq!(
            (
                open().article_meta(&["a"]).unwrap().len(),
                open().keys().unwrap().len()
            ),
            (1, 1)
        );
        crate::remove(&location, &access).unwrap();
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn an_interrupted_creation_can_be_repeated() {
        let (location, access, open) = new_collection("creation");
        let client = Client::open(&location_of(&location), &access).unwrap();
        // Without a manifest, and then without the collection of passages, too.
        let parts = [
            client.location().collection.clone(),
            client.location().articles_collection(),
        ];
        for dropped in [0, 1] {
            let mut writer = writer_of(&open());
            writer
                .delete_rows(&parts[1], format!("{KEY} == {MANIFEST_KEY}"))
                .unwrap();
            for part in &parts[..dropped] {
                client
                    .write(crate::proto::DropCollection {
                        collection_name: part.clone(),
                    })
                    .unwrap();
            }
            assert!(!store::exists(&location).unwrap(), "{dropped}");
            let client = Client::open(&location_of(&location), &access).unwrap();
            assert!(
                matches!(
                    MilvusCollection::open(Arc::new(client)),
                    Err(Error::NotFound { .. })
                ),
                "{dropped}"
            );
            create(&location);
            assert!(
                store::exists(&location).unwrap() && open().keys().unwrap().is_empty(),
                "{dropped}"
            );
        }
        crate::remove(&location, &access).unwrap();
    }
}
