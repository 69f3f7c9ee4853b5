//! Changing a collection.
//!
//! What is written has a key that only depends on what it is, so that writing it twice is writing it once: a call that
//! failed is repeated, and a writer that was stopped is started again. A new version of an article is written before the
//! old one is deleted, and its first page last of all: until then the old one is meant. Deleted are only versions that were
//! there when writing began, each by its name and its passages first: what another writer makes of an article meanwhile is not
//! hit, unless it is that very version again. A writer that was stopped in between leaves an article that is seen to have something left to do.

use crate::collection::MilvusCollection;
use crate::expression::{self, Fields, quoted};
use crate::head::{Head, newest};
use crate::proto::{Delete, FieldData, Flush, Upsert};
use crate::reading::{GOING, PAGE_ROWS, Rows};
use crate::rows::{self, PageRow, PassageRow};
use crate::schema::{self, ARTICLE, FINGERPRINT, KEY, MANIFEST};
use crate::wire::Wire;
use ingest::Chunking;
use ingest::pipeline::EmbeddedArticle;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use store::{CompactReport, Error, Fusion, Progress, Result, Writer};

/// How much goes into one message: servers take 64 MB.
const MESSAGE_BYTES: usize = 8 << 20;
const MESSAGE_ROWS: usize = 1_000;
/// How many articles one expression names.
const NAMED: usize = 200;

/// The writer of a collection. Two of them at once do not harm each other's articles; of the same article the last one
/// is meant.
pub struct MilvusWriter {
    wire: Arc<Wire>,
    head: Head,
    /// The fields that are there.
    known: Fields,
    passages: Vec<PassageRow>,
    pages: Vec<PageRow>,
    /// The articles that these rows are of.
    waiting: HashSet<String>,
    /// Articles that are to go.
    deleted: Vec<String>,
    changed: bool,
    /// Whether the manifest is changed, too, and not only the articles.
    has_settings: bool,
}

/// The condition that it is of a version of an article.
fn version(id: &str, fingerprint: &str) -> String {
    format!("({ARTICLE} == {} and {FINGERPRINT} == {})", quoted(id), quoted(fingerprint))
}

/// Microseconds since 1970: which of two versions is the later one.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as i64)
}

impl MilvusWriter {
    pub fn of(collection: &MilvusCollection) -> Self {
        Self::new(collection.rows.wire.clone(), collection.head.clone())
    }

    pub fn new(wire: Arc<Wire>, head: Head) -> Self {
        Self {
            wire,
            known: head.fields.clone(),
            head,
            passages: Vec::new(),
            pages: Vec::new(),
            waiting: HashSet::new(),
            deleted: Vec::new(),
            changed: false,
            has_settings: false,
        }
    }

    /// Leaves out what waits to be written of an article; whether there was any. Some servers keep two rows of one key
    /// that come in one message.
    fn forget(&mut self, id: &str) -> bool {
        let was_waiting = self.waiting.remove(id);
        if was_waiting {
            self.passages.retain(|row| !row.is_of(id));
            self.pages.retain(|row| row.article != id);
        }
        was_waiting
    }

    /// What is there as of the last change.
    fn rows(&self) -> Rows {
        Rows { wire: self.wire.clone(), after: self.head.after }
    }

    fn upsert(&mut self, collection: &str, columns: Vec<FieldData>, rows: usize) -> Result<()> {
        let request = Upsert { collection_name: collection.to_owned(), fields_data: columns, num_rows: rows as u32 };
        let done = self.wire.change(request)?;
        self.head.after = self.head.after.max(done.timestamp);
        Ok(())
    }

    fn delete_rows(&mut self, collection: &str, expr: String) -> Result<()> {
        // An empty one would delete everything on some servers.
        debug_assert!(!expr.is_empty());
        let done = self.wire.change(Delete { collection_name: collection.to_owned(), expr })?;
        self.head.after = self.head.after.max(done.timestamp);
        Ok(())
    }

    fn write_passages(&mut self) -> Result<()> {
        let (dimensions, has_words) = (self.head.manifest.model.dimensions, self.wire.abilities.words);
        let (rows, name) = (std::mem::take(&mut self.passages), self.wire.location().collection.clone());
        let mut rows = rows.as_slice();
        while !rows.is_empty() {
            let (mut count, mut bytes) = (0, 0);
            while count < rows.len().min(MESSAGE_ROWS) && (count == 0 || bytes + rows[count].bytes() <= MESSAGE_BYTES) {
                bytes += rows[count].bytes();
                count += 1;
            }
            let (some, rest) = rows.split_at(count);
            self.upsert(&name, PassageRow::columns(some, dimensions, has_words), some.len())?;
            rows = rest;
        }
        Ok(())
    }

    fn write_pages(&mut self) -> Result<()> {
        let (rows, name) = (std::mem::take(&mut self.pages), self.wire.location().articles());
        // A page has 65,535 bytes at most.
        for rows in rows.chunks(MESSAGE_BYTES / schema::LONGEST) {
            self.upsert(&name, PageRow::columns(rows), rows.len())?;
        }
        Ok(())
    }

    /// Makes the pages that wait later than what is there of their articles, whatever clocks say, and gives the
    /// versions that they replace, as conditions.
    fn replaced(&mut self) -> Result<Vec<String>> {
        let written: BTreeMap<&str, &str> =
            self.pages.iter().map(|row| (row.article.as_str(), row.fingerprint.as_str())).collect();
        let ids: Vec<&str> = written.keys().copied().collect();
        let there = self.rows().cards_of(&ids)?;
        let older = there.iter().flat_map(|(id, card)| card.versions().map(move |print| (id, print)));
        let older = older.filter(|(id, print)| written.get(id.as_str()) != Some(&print.as_str()));
        let replaced = older.map(|(id, print)| version(id, print)).collect();
        for row in &mut self.pages {
            if let Some(card) = there.get(&row.article) {
                row.written = row.written.max(card.written + 1);
            }
        }
        Ok(replaced)
    }

    /// Says of articles that they are being deleted, so that nobody takes them for whole any more, and gives their
    /// versions, as conditions.
    fn going(&mut self, ids: &[&str]) -> Result<Vec<String>> {
        let (mut rows, mut versions) = (Vec::new(), Vec::new());
        for (id, card) in self.rows().cards_of(ids)? {
            for print in card.versions() {
                versions.push(version(&id, print));
                let (article, fingerprint, path) = (id.clone(), print.clone(), card.path.clone());
                let row = PageRow::about_all(rows::key(&id, print, "page", 0), String::new());
                rows.push(PageRow { article, fingerprint, path, passages: GOING, written: card.written, ..row });
            }
        }
        let name = self.wire.location().articles();
        for some in rows.chunks(MESSAGE_ROWS) {
            self.upsert(&name, PageRow::columns(some), some.len())?;
        }
        Ok(versions)
    }

    /// Where an article is, in the order in which it is deleted: while its first page is there, somebody sees it.
    fn places(&self) -> [String; 2] {
        [self.wire.location().collection.clone(), self.wire.location().articles()]
    }

    /// Deletes all for which one of these conditions holds.
    fn delete_where(&mut self, conditions: &[String]) -> Result<()> {
        for some in conditions.chunks(NAMED) {
            for name in self.places() {
                self.delete_rows(&name, some.join(" or "))?;
            }
        }
        Ok(())
    }

    /// Writes the fields that are new, each as a row.
    fn write_fields(&mut self) -> Result<()> {
        let new = self.head.fields.iter().filter(|(name, kinds)| self.known.get(*name) != Some(kinds));
        let records = new.map(|(name, kinds)| serde_json::json!({ name: kinds }).to_string());
        let mut rows: Vec<PageRow> =
            records.map(|record| PageRow::about_all(-rows::key("", "", &record, 0), record)).collect();
        if let Some(row) = rows.iter().find(|row| row.record.len() > schema::LONGEST) {
            let name = &row.record[..row.record.floor_char_boundary(100)];
            return Err(self.wire.wrong(format!("a name of a field of {} bytes: {name}…", row.record.len())));
        }
        let name = self.wire.location().articles();
        while !rows.is_empty() {
            let some = rows.split_off(rows.len().saturating_sub(MESSAGE_ROWS));
            self.upsert(&name, PageRow::columns(&some), some.len())?;
        }
        self.known.clone_from(&self.head.fields);
        Ok(())
    }

    /// Writes the manifest: from then on it is this commit.
    fn write_head(&mut self) -> Result<()> {
        if let Some(newest) = newest(&self.wire)? {
            // Another writer may have been there since.
            self.head.after = self.head.after.max(newest.after);
            if !self.has_settings {
                self.head.manifest = newest.manifest;
            }
        }
        self.put_head()
    }

    /// Writes the manifest as it is here.
    pub fn put_head(&mut self) -> Result<()> {
        self.head.commit = now();
        // Strings and numbers: writing them as JSON cannot fail.
        let record = serde_json::to_string(&self.head).unwrap_or_default();
        let row = PageRow { written: self.head.commit, ..PageRow::about_all(MANIFEST, record) };
        let name = self.wire.location().articles();
        self.upsert(&name, PageRow::columns(&[row]), 1)?;
        self.has_settings = false;
        Ok(())
    }
}

impl Writer for MilvusWriter {
    fn put(&mut self, article: EmbeddedArticle) -> Result<()> {
        let dimensions = self.head.manifest.model.dimensions;
        for (ordinal, passage) in article.passages.iter().enumerate() {
            let missing = || Error::MissingVector { article: article.article.id.clone(), ordinal };
            index::check_unit(passage.vector.as_ref().ok_or_else(missing)?, dimensions)?;
        }
        self.forget(&article.article.id);
        let pages = PageRow::of(&article, now());
        self.waiting.insert(article.article.id.clone());
        expression::join(&mut self.head.fields, &expression::facts(&article.article).1);
        self.passages.extend(PassageRow::of(article, self.head.manifest.language)?);
        self.pages.extend(pages);
        self.changed = true;
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<bool> {
        if !self.forget(id) && self.rows().cards_of(&[id])?.is_empty() {
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
        self.has_settings |= self.head.manifest.chunking != chunking;
        self.head.manifest.chunking = chunking;
    }

    fn set_builder(&mut self, _: index::Builder) {
        // The server builds.
    }

    fn set_memory(&mut self, _: Option<u64>) {}

    fn set_fusion(&mut self, fusion: Option<Fusion>) {
        self.has_settings |= self.head.manifest.fusion != fusion;
        self.head.manifest.fusion = fusion;
    }

    fn pending(&self) -> usize {
        self.passages.len()
    }

    fn commit(&mut self) -> Result<()> {
        if !self.changed && !self.has_settings {
            return Ok(());
        }
        let written = std::mem::take(&mut self.waiting);
        let replaced = self.replaced()?;
        self.write_fields()?;
        self.write_passages()?;
        self.write_pages()?;
        self.delete_where(&replaced)?;
        let deleted = std::mem::take(&mut self.deleted);
        // One that was deleted and put again since stays.
        let deleted: Vec<&str> = deleted.iter().filter(|id| !written.contains(*id)).map(String::as_str).collect();
        let going = self.going(&deleted)?;
        self.delete_where(&going)?;
        self.write_head()?;
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
        // Rows that were not flushed are looked through one by one, or in a makeshift index that loses some. Where that was
        // asked too often (once in ten seconds is what clusters allow) the server does it by itself some minutes later.
        let location = self.wire.location();
        self.wire.offer(Flush { collection_names: vec![location.collection.clone(), location.articles()] })?;
        Ok(())
    }

    fn compact(&mut self, threads: usize, progress: &Progress<'_>) -> Result<CompactReport> {
        self.commit()?;
        let rows = self.rows();
        let cards = rows.all_cards()?;
        let location = self.wire.location().clone();
        let mut dropped = 0;
        // What stopped writers left: older versions, and parts of articles that were never written to their end. Those of
        // a writer that is at work look the same.
        for (name, is_passages) in [(location.articles(), false), (location.collection, true)] {
            let mut strays: Vec<i64> = Vec::new();
            rows.pages(&name, "key > 0", &[KEY, ARTICLE, FINGERPRINT], PAGE_ROWS, &mut |columns| {
                let (keys, articles) = (columns.numbers(KEY), columns.strings(ARTICLE));
                for ((key, article), print) in keys.iter().zip(articles).zip(columns.strings(FINGERPRINT)) {
                    if cards.get(article).is_none_or(|card| card.fingerprint != *print) {
                        strays.push(*key);
                    }
                }
                Ok(())
            })?;
            for some in strays.chunks(MESSAGE_ROWS) {
                let list = some.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                self.delete_rows(&name, format!("{KEY} in [{list}]"))?;
                self.changed = true;
            }
            if is_passages {
                dropped = strays.len();
            }
        }
        self.merge(threads, progress)?;
        Ok(CompactReport { dropped, segments_before: 1, segments_after: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::tests::embedded;
    use crate::{Access, register};
    use store::{Collection, Language, Step};

    fn go_on(_: Step, _: usize, _: usize) -> std::ops::ControlFlow<()> {
        std::ops::ControlFlow::Continue(())
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
    fn made(name: &str) -> (String, Access, impl Fn() -> MilvusCollection) {
        let server = std::env::var("MILVUS_URI").unwrap();
        let (location, access) = (format!("{server}/{name}_{}", std::process::id()), Access::default());
        register(access.clone(), None);
        create(&location);
        let (at, by) = (location_of(&location), access.clone());
        let open = move || MilvusCollection::open(Arc::new(Wire::open(&at, &by).unwrap())).unwrap();
        (location, access, open)
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn what_a_stopped_writer_left_is_named_and_removed() {
        let (location, access, open) = made("stopped");
        let mut writer = MilvusWriter::of(&open());
        writer.put(embedded("old")).unwrap();
        writer.commit().unwrap();
        // Stopped before the old one was deleted, and the next before it had written its first page.
        let mut writer = MilvusWriter::of(&open());
        writer.put(embedded("new")).unwrap();
        writer.write_passages().unwrap();
        writer.write_pages().unwrap();
        writer.write_head().unwrap();
        let mut writer = MilvusWriter::of(&open());
        writer.put(embedded(&"newest ".repeat(30_000))).unwrap();
        writer.write_passages().unwrap();
        assert_eq!(writer.pages.pop().map(|row| row.page), Some(0));
        writer.write_pages().unwrap();
        writer.write_head().unwrap();

        let collection = open();
        let report = collection.check(&go_on).unwrap();
        assert_eq!(report.problems.len(), 2, "{:?}", report.problems);
        assert!(
            report.problems[0].contains("older version") && report.problems[1].contains("2 passages of no article")
        );
        assert_eq!(collection.article("a").unwrap().unwrap().article.text, "new");
        let known = collection.cards(&["a"]).unwrap();
        assert_ne!(known["a"].fingerprint, embedded("new").fingerprint, "it is to be put again");

        let mut writer = MilvusWriter::of(&collection);
        assert_eq!(writer.compact(1, &go_on).unwrap().dropped, 2);
        let collection = open();
        assert_eq!(collection.check(&go_on).unwrap().problems, Vec::<String>::new());
        assert_eq!(collection.cards(&["a"]).unwrap()["a"].fingerprint, embedded("new").fingerprint);
        let (articles, mut left) = (collection.rows.wire.location().articles(), 0);
        let mut count = |columns: &crate::columns::Columns| {
            left += columns.numbers(KEY).len();
            Ok(())
        };
        collection.rows.pages(&articles, "key > 0", &[KEY], PAGE_ROWS, &mut count).unwrap();
        assert_eq!(left, 1);
        crate::remove(&location, &access).unwrap();
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn writers_of_two_versions_at_once_leave_one_that_is_whole() {
        let (location, access, open) = made("versions");
        let mut first = MilvusWriter::of(&open());
        first.put(embedded("older")).unwrap();
        first.commit().unwrap();
        // By a clock that is years behind.
        first.put(embedded("old")).unwrap();
        first.pages[0].written = 5;
        first.commit().unwrap();
        assert_eq!(open().article("a").unwrap().unwrap().article.text, "old");
        // One is in the middle of its commit when the other comes and goes.
        let (mut one, mut other) = (MilvusWriter::of(&open()), MilvusWriter::of(&open()));
        one.put(embedded("one")).unwrap();
        let replaced = one.replaced().unwrap();
        one.write_passages().unwrap();
        other.put(embedded("other")).unwrap();
        other.commit().unwrap();
        one.write_pages().unwrap();
        one.delete_where(&replaced).unwrap();
        one.write_head().unwrap();

        let collection = open();
        let meant = collection.article("a").unwrap().unwrap().article.text;
        assert_eq!(meant, "other", "it was the last to be put");
        assert_eq!(collection.keys().unwrap().len(), 2, "passages of both, none of the old");
        // Whoever comes with it again is told that there is something to do, and it is there once.
        assert_ne!(collection.cards(&["a"]).unwrap()["a"].fingerprint, embedded(&meant).fingerprint);
        let mut writer = MilvusWriter::of(&collection);
        writer.put(embedded(&meant)).unwrap();
        writer.commit().unwrap();
        let collection = open();
        assert_eq!(collection.check(&go_on).unwrap().problems, Vec::<String>::new());
        assert_eq!(
            (collection.article("a").unwrap().unwrap().article.text, collection.keys().unwrap().len()),
            (meant, 1)
        );
        crate::remove(&location, &access).unwrap();
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn a_deletion_that_was_stopped_has_something_left_to_delete() {
        let (location, access, open) = made("deletion");
        let mut writer = MilvusWriter::of(&open());
        writer.put(embedded("text")).unwrap();
        writer.commit().unwrap();
        let stopped = || {
            let mut writer = MilvusWriter::of(&open());
            let going = writer.going(&["a"]).unwrap();
            writer.delete_rows(&writer.places()[0], going.join(" or ")).unwrap();
        };
        stopped();
        // Who deletes it again finds it, and who puts it finds that it is not as it was.
        let mut writer = MilvusWriter::of(&open());
        assert!(writer.delete("a").unwrap());
        writer.commit().unwrap();
        assert!(open().article("a").unwrap().is_none() && open().keys().unwrap().is_empty());
        writer.put(embedded("text")).unwrap();
        writer.commit().unwrap();
        stopped();
        assert!(open().check(&go_on).unwrap().problems[0].contains("deletion was stopped"));
        assert_ne!(open().cards(&["a"]).unwrap()["a"].fingerprint, embedded("text").fingerprint);
        let mut writer = MilvusWriter::of(&open());
        writer.put(embedded("text")).unwrap();
        writer.commit().unwrap();
        assert_eq!(open().check(&go_on).unwrap().problems, Vec::<String>::new());
        assert_eq!((open().cards(&["a"]).unwrap().len(), open().keys().unwrap().len()), (1, 1));
        crate::remove(&location, &access).unwrap();
    }

    #[test]
    #[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
    fn a_creation_that_was_stopped_is_gone_on_with() {
        let (location, access, open) = made("creation");
        let wire = Wire::open(&location_of(&location), &access).unwrap();
        // Before there was a manifest, and before there was any place for passages.
        let parts = [wire.location().collection.clone(), wire.location().articles()];
        for dropped in [0, 1] {
            let mut writer = MilvusWriter::of(&open());
            writer.delete_rows(&parts[1], format!("{KEY} == {MANIFEST}")).unwrap();
            for part in &parts[..dropped] {
                wire.change(crate::proto::DropCollection { collection_name: part.clone() }).unwrap();
            }
            assert!(!store::exists(&location).unwrap(), "{dropped}");
            let wire = Wire::open(&location_of(&location), &access).unwrap();
            assert!(matches!(MilvusCollection::open(Arc::new(wire)), Err(Error::NotFound { .. })), "{dropped}");
            create(&location);
            assert!(store::exists(&location).unwrap() && open().keys().unwrap().is_empty(), "{dropped}");
        }
        crate::remove(&location, &access).unwrap();
    }
}
