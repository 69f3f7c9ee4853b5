//! Changing a collection.
//!
//! What is written has a key that only depends on what it is, so that writing it twice is writing it once: a call that
//! failed is repeated, and a writer that was stopped is started again. A new version of an article is written before the
//! old one is deleted, and its first page last of all: until then the old one is meant. Deleted are only versions that were
//! there when writing began, each by its name and its passages first: what another writer makes of an article meanwhile is not
//! hit, unless it is that very version again. A writer that was stopped in between leaves an article that is seen to have something left to do.

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

/// How much goes into one message: servers take 64 MB.
const MAX_MESSAGE_BYTES: usize = 8 << 20;
const MAX_MESSAGE_ROWS: usize = 1_000;
/// How many articles one expression names.
const MAX_VERSIONS_PER_DELETE: usize = 200;

/// The writer of a collection. Two of them at once do not harm each other's articles; of the same article the last one
/// is meant.
pub struct MilvusWriter {
    client: Arc<Client>,
    manifest_row: ManifestRow,
    /// The fields that are there.
    written_fields: Fields,
    passages: Vec<PassageRow>,
    pages: Vec<PageRow>,
    /// The articles that these rows are of.
    pending_ids: HashSet<String>,
    /// Articles that are to go.
    deleted: Vec<String>,
    changed: bool,
    /// Whether the manifest is changed, too, and not only the articles.
    settings_changed: bool,
}

/// The condition that it is of a version of an article.
fn version_expression(id: &str, fingerprint: &str) -> String {
    format!("({ARTICLE} == {} and {FINGERPRINT} == {})", quote(id), quote(fingerprint))
}

/// Microseconds since 1970: which of two versions is the later one.
fn now_micros() -> i64 {
    SystemTime::now_micros().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as i64)
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

    /// Leaves out what waits to be written of an article; whether there was any. Some servers keep two rows of one key
    /// that come in one message.
    fn discard_pending(&mut self, id: &str) -> bool {
        let was_pending = self.pending_ids.remove(id);
        if was_pending {
            self.passages.retain(|row| !row.belongs_to(id));
            self.pages.retain(|row| row.article != id);
        }
        was_pending
    }

    /// What is there as of the last change.
    fn reader(&self) -> RowReader {
        RowReader { client: self.client.clone(), timestamp: self.manifest_row.read_timestamp }
    }

    fn upsert(&mut self, collection: &str, columns: Vec<FieldData>, rows: usize) -> Result<()> {
        let request = Upsert { collection_name: collection.to_owned(), fields_data: columns, num_rows: rows as u32 };
        let result = self.client.write(request)?;
        self.manifest_row.read_timestamp = self.manifest_row.read_timestamp.max(result.timestamp);
        Ok(())
    }

    fn delete_rows(&mut self, collection: &str, expr: String) -> Result<()> {
        // An empty one would delete everything on chunk servers.
        debug_assert!(!expr.is_empty());
        let result = self.client.write(Delete { collection_name: collection.to_owned(), expr })?;
        self.manifest_row.read_timestamp = self.manifest_row.read_timestamp.max(result.timestamp);
        Ok(())
    }

    fn write_passages(&mut self) -> Result<()> {
        let dimensions = self.manifest_row.manifest.model.dimensions;
        let (rows, name) = (std::mem::take(&mut self.passages), self.client.location().collection.clone());
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
        let (rows, name) = (std::mem::take(&mut self.pages), self.client.location().articles_collection());
        // A page has 65,535 bytes at most.
        for rows in rows.chunks(MAX_MESSAGE_BYTES / schema::MAX_STRING_BYTES) {
            self.upsert(&name, PageRow::columns(rows), rows.len())?;
        }
        Ok(())
    }

    /// Makes the pages that wait later than what is there of their articles, whatever clocks say, and gives the
    /// versions that they replace, as conditions.
    fn replaced_versions(&mut self) -> Result<Vec<String>> {
        let written: BTreeMap<&str, &str> =
            self.pages.iter().map(|row| (row.article.as_str(), row.fingerprint.as_str())).collect();
        let ids: Vec<&str> = written.keys().copied().collect();
        let there = self.reader().versions_of(&ids)?;
        let older = there.iter().flat_map(|(id, card)| card.fingerprints().map(move |fingerprint| (id, fingerprint)));
        let older = older.filter(|(id, fingerprint)| written.get(id.as_str()) != Some(&fingerprint.as_str()));
        let replaced = older.map(|(id, fingerprint)| version_expression(id, fingerprint)).collect();
        for row in &mut self.pages {
            if let Some(card) = there.get(&row.article) {
                row.written = row.written.max(card.written + 1);
            }
        }
        Ok(replaced)
    }

    /// Says of articles that they are being deleted, so that nobody takes them for whole any more, and gives their
    /// versions, as conditions.
    fn mark_being_deleted(&mut self, ids: &[&str]) -> Result<Vec<String>> {
        let (mut rows, mut versions) = (Vec::new(), Vec::new());
        for (id, card) in self.reader().versions_of(ids)? {
            for fingerprint in card.fingerprints() {
                versions.push(version_expression(&id, fingerprint));
                let (article, fingerprint, path) = (id.clone(), fingerprint.clone(), card.path.clone());
                let row = PageRow::without_article(rows::row_key(&id, fingerprint, "page", 0), String::new());
                rows.push(PageRow {
                    article,
                    fingerprint,
                    path,
                    passages: BEING_DELETED,
                    written: card.written,
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

    /// Where an article is, in the order in which it is deleted: while its first page is there, somebody sees it.
    fn collections_in_delete_order(&self) -> [String; 2] {
        [self.client.location().collection.clone(), self.client.location().articles()]
    }

    /// Deletes all for which one of these conditions holds.
    fn delete_where(&mut self, conditions: &[String]) -> Result<()> {
        for chunk in conditions.chunks(MAX_VERSIONS_PER_DELETE) {
            for name in self.collections_in_delete_order() {
                self.delete_rows(&name, chunk.join(" or "))?;
            }
        }
        Ok(())
    }

    /// Writes the fields that are new, each as a row.
    fn write_fields(&mut self) -> Result<()> {
        let new =
            self.manifest_row.fields.iter().filter(|(name, counts)| self.written_fields.get(*name) != Some(counts));
        let records = new.map(|(name, counts)| serde_json::json!({ name: counts }).to_string());
        let mut rows: Vec<PageRow> =
            records.map(|record| PageRow::without_article(-rows::row_key("", "", &record, 0), record)).collect();
        if let Some(row) = rows.iter().find(|row| row.record.len() > schema::MAX_STRING_BYTES) {
            let name = &row.record[..row.record.floor_char_boundary(100)];
            return Err(self.client.error(format!("a name of a field of {} bytes: {name}…", row.record.len())));
        }
        let name = self.client.location().articles_collection();
        while !rows.is_empty() {
            let chunk = rows.split_off(rows.len().saturating_sub(MAX_MESSAGE_ROWS));
            self.upsert(&name, PageRow::columns(&chunk), chunk.len())?;
        }
        self.written_fields.clone_from(&self.manifest_row.fields);
        Ok(())
    }

    /// Writes the manifest: from then on it is this commit.
    fn write_manifest(&mut self) -> Result<()> {
        if let Some(newest) = read_newest(&self.client)? {
            // Another writer may have been there since.
            self.manifest_row.read_timestamp = self.manifest_row.read_timestamp.max(newest.read_timestamp);
            if !self.settings_changed {
                self.manifest_row.manifest = newest.manifest;
            }
        }
        self.put_manifest()
    }

    /// Writes the manifest as it is here.
    pub fn put_manifest(&mut self) -> Result<()> {
        self.manifest_row.commit = now_micros();
        // Strings and numbers: writing them as JSON cannot fail.
        let record = serde_json::to_string(&self.manifest_row).unwrap_or_default();
        let row = PageRow { written: self.manifest_row.commit, ..PageRow::without_article(MANIFEST_KEY, record) };
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
            let missing = || Error::MissingVector { article: article.article.id.clone(), ordinal };
            index::check_unit(passage.vector.as_ref().ok_or_else(missing)?, dimensions)?;
        }
        self.discard_pending(&article.article.id);
        let pages = PageRow::from_article(&article, now_micros());
        self.pending_ids.insert(article.article.id.clone());
        expression::merge_fields(&mut self.manifest_row.fields, &expression::metadata_terms(&article.article).1);
        self.passages.extend(PassageRow::from_article(article, self.manifest_row.manifest.language)?);
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
        // The server builds.
    }

    fn set_memory(&mut self, _: Option<u64>) {}

    fn set_fusion(&mut self, fusion: Option<Fusion>) {
        self.settings_changed |= self.manifest_row.manifest.fusion != fusion;
        self.manifest_row.manifest.fusion = fusion;
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
        // One that was deleted and put again since stays.
        let deleted: Vec<&str> = deleted.iter().filter(|id| !written.contains(*id)).map(String::as_str).collect();
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
        // RowReader that were not flushed are looked through one by one, or in a makeshift index that loses chunk. Where that was
        // asked too often (once in ten seconds is what clusters allow) the server does it by itself chunk minutes later.
        let location = self.client.location();
        self.client.write_unless_rate_limited(Flush {
            collection_names: vec![location.collection.clone(), location.articles()],
        })?;
        Ok(())
    }

    fn compact(&mut self, threads: usize, progress: &Progress<'_>) -> Result<CompactReport> {
        self.commit()?;
        let reader = self.reader();
        let cards = reader.all_versions()?;
        let location = self.client.location().clone();
        let mut dropped = 0;
        // What stopped writers left: older versions, and parts of articles that were never written to their end. Those of
        // a writer that is at work look the same.
        for (name, is_passages) in [(location.articles_collection(), false), (location.collection, true)] {
            let mut orphans: Vec<i64> = Vec::new();
            reader.for_each_page(&name, "key > 0", &[KEY, ARTICLE, FINGERPRINT], SCAN_ROWS, &mut |columns| {
                let (keys, articles) = (columns.longs(KEY), columns.strings(ARTICLE));
                for ((key, article), fingerprint) in keys.iter().zip(articles).zip(columns.strings(FINGERPRINT)) {
                    if cards.get(article).is_none_or(|card| card.fingerprint != *fingerprint) {
                        orphans.push(*key);
                    }
                }
                Ok(())
            })?;
            for chunk in orphans.chunks(MAX_MESSAGE_ROWS) {
                let list = chunk.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                self.delete_rows(&name, format!("{KEY} in [{list}]"))?;
                self.changed = true;
            }
            if is_passages {
                dropped = orphans.len();
            }
        }
        self.merge(threads, progress)?;
        Ok(CompactReport { dropped, segments_before: 1, segments_after: 1 })
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
        MilvusWriter::new(collection.reader.client.clone(), collection.manifest_row.clone())
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
        store::create(location, model, Chunking::default(), index::Params::default(), Language::English).unwrap();
    }

    /// A new collection, how to come to it, and what opens it.
    fn new_collection(name: &str) -> (String, Access, impl Fn() -> MilvusCollection) {
        let server = std::env::var("MILVUS_URI").unwrap();
        let (location, access) = (format!("{server}/{name}_{}", std::process::id()), Access::default());
        register(access.clone(), None);
        create(&location);
        let (at, by) = (location_of(&location), access.clone());
        let open = move || MilvusCollection::open(Arc::new(Client::open(&at, &by).unwrap())).unwrap();
        (location, access, open)
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn what_a_stopped_writer_left_is_named_and_removed() {
        let (location, access, open) = new_collection("stopped");
        let mut writer = writer_of(&open());
        writer.put(embedded("old")).unwrap();
        writer.commit().unwrap();
        // Stopped before the old one was deleted, and the next before it had written its first page.
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
            report.problems[0].contains("older version") && report.problems[1].contains("2 passages of no article")
        );
        assert_eq!(collection.article("a").unwrap().unwrap().article.text, "new");
        let known = collection.cards(&["a"]).unwrap();
        assert_ne!(known["a"].fingerprint, embedded("new").fingerprint, "it is to be put again");

        let mut writer = writer_of(&collection);
        assert_eq!(writer.compact(1, &ignore_progress).unwrap().dropped, 2);
        let collection = open();
        assert_eq!(collection.check(&ignore_progress).unwrap().problems, Vec::<String>::new());
        assert_eq!(collection.cards(&["a"]).unwrap()["a"].fingerprint, embedded("new").fingerprint);
        let (articles, mut left) = (collection.reader.client.location().articles_collection(), 0);
        let mut count = |columns: &crate::columns::Columns| {
            left += columns.longs(KEY).len();
            Ok(())
        };
        collection.reader.for_each_page(&articles, "key > 0", &[KEY], SCAN_ROWS, &mut count).unwrap();
        assert_eq!(left, 1);
        crate::remove(&location, &access).unwrap();
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn writers_of_two_versions_at_once_leave_one_that_is_whole() {
        let (location, access, open) = new_collection("versions");
        let mut first = writer_of(&open());
        first.put(embedded("older")).unwrap();
        first.commit().unwrap();
        // By a clock that is years behind.
        first.put(embedded("old")).unwrap();
        first.pages[0].written = 5;
        first.commit().unwrap();
        assert_eq!(open().article("a").unwrap().unwrap().article.text, "old");
        // One is in the middle of its commit when the other comes and goes.
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
        assert_eq!(meant, "other", "it was the last to be put");
        assert_eq!(collection.keys().unwrap().len(), 2, "passages of both, none of the old");
        // Whoever comes with it again is told that there is something to do, and it is there once.
        assert_ne!(collection.cards(&["a"]).unwrap()["a"].fingerprint, embedded(&meant).fingerprint);
        let mut writer = writer_of(&collection);
        writer.put(embedded(&meant)).unwrap();
        writer.commit().unwrap();
        let collection = open();
        assert_eq!(collection.check(&ignore_progress).unwrap().problems, Vec::<String>::new());
        assert_eq!(
            (collection.article("a").unwrap().unwrap().article.text, collection.keys().unwrap().len()),
            (meant, 1)
        );
        crate::remove(&location, &access).unwrap();
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn a_deletion_that_was_stopped_has_something_left_to_delete() {
        let (location, access, open) = new_collection("deletion");
        let mut writer = writer_of(&open());
        writer.put(embedded("text")).unwrap();
        writer.commit().unwrap();
        let stopped = || {
            let mut writer = writer_of(&open());
            let versions = writer.mark_being_deleted(&["a"]).unwrap();
            writer.delete_rows(&writer.collections_in_delete_order()[0], versions.join(" or ")).unwrap();
        };
        stopped();
        // Who deletes it again finds it, and who puts it finds that it is not as it was.
        let mut writer = writer_of(&open());
        assert!(writer.delete("a").unwrap());
        writer.commit().unwrap();
        assert!(open().article("a").unwrap().is_none() && open().keys().unwrap().is_empty());
        writer.put(embedded("text")).unwrap();
        writer.commit().unwrap();
        stopped();
        assert!(open().check(&ignore_progress).unwrap().problems[0].contains("deletion was stopped"));
        assert_ne!(open().cards(&["a"]).unwrap()["a"].fingerprint, embedded("text").fingerprint);
        let mut writer = writer_of(&open());
        writer.put(embedded("text")).unwrap();
        writer.commit().unwrap();
        assert_eq!(open().check(&ignore_progress).unwrap().problems, Vec::<String>::new());
        assert_eq!((open().cards(&["a"]).unwrap().len(), open().keys().unwrap().len()), (1, 1));
        crate::remove(&location, &access).unwrap();
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn a_creation_that_was_stopped_is_gone_on_with() {
        let (location, access, open) = new_collection("creation");
        let client = Client::open(&location_of(&location), &access).unwrap();
        // Before there was a manifest, and before there was any place for passages.
        let parts = [client.location().collection.clone(), client.location().articles()];
        for dropped in [0, 1] {
            let mut writer = writer_of(&open());
            writer.delete_rows(&parts[1], format!("{KEY} == {MANIFEST_KEY}")).unwrap();
            for part in &parts[..dropped] {
                client.write(crate::proto::DropCollection { collection_name: part.clone() }).unwrap();
            }
            assert!(!store::exists(&location).unwrap(), "{dropped}");
            let client = Client::open(&location_of(&location), &access).unwrap();
            assert!(matches!(MilvusCollection::open(Arc::new(client)), Err(Error::NotFound { .. })), "{dropped}");
            create(&location);
            assert!(store::exists(&location).unwrap() && open().keys().unwrap().is_empty(), "{dropped}");
        }
        crate::remove(&location, &access).unwrap();
    }
}
