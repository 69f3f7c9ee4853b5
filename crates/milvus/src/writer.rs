//! Changing a collection.
//!
//! What is written has a key that only depends on what it is, so that writing it twice is writing it once: a call that
//! failed is repeated, and a writer that was stopped is started again. A new version of an article is written before the
//! old one is deleted, and its first page last of all: until then the old one is meant.

use crate::collection::{Head, MilvusCollection};
use crate::expression::{self, quoted};
use crate::proto::{Delete, FieldData, Flush, Upsert};
use crate::rows::{PageRow, PassageRow};
use crate::schema::{self, ARTICLE, FINGERPRINT, KEY, MANIFEST};
use crate::wire::Wire;
use ingest::Chunking;
use ingest::pipeline::EmbeddedArticle;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use store::{Change, CompactReport, Error, Fusion, Progress, Result, Writer};

/// How much goes into one message: servers take 64 MB.
const MESSAGE_BYTES: usize = 8 << 20;
const MESSAGE_ROWS: usize = 1_000;
/// How many articles one expression names.
const NAMED: usize = 200;

/// The writer of a collection. Two of them at once do not harm each other's articles; of the same article the last one
/// stays.
pub struct MilvusWriter {
    wire: Arc<Wire>,
    head: Head,
    /// The fingerprints that each article has there, the one that is meant first.
    there: HashMap<String, Vec<String>>,
    passages: Vec<PassageRow>,
    pages: Vec<PageRow>,
    /// Articles of which only the version with this fingerprint is to stay, or none.
    outdated: HashMap<String, Option<String>>,
    changed: bool,
}

/// Microseconds since 1970: which of two versions is the later one.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as i64)
}

impl MilvusWriter {
    pub fn open(collection: &MilvusCollection) -> Result<Self> {
        let there = collection.cards()?.into_iter().map(|(id, card)| {
            let versions = std::iter::once(card.fingerprint).chain(card.older);
            (id, versions.collect())
        });
        let there: HashMap<String, Vec<String>> = there.collect();
        // What a writer that was stopped left undone.
        let outdated = there.iter().filter(|(_, versions)| versions.len() > 1);
        let outdated = outdated.map(|(id, versions)| (id.clone(), versions.first().cloned())).collect();
        Ok(Self {
            wire: collection.wire.clone(),
            head: collection.head.clone(),
            there,
            passages: Vec::new(),
            pages: Vec::new(),
            outdated,
            changed: false,
        })
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

    fn delete_outdated(&mut self) -> Result<()> {
        let outdated: Vec<_> = std::mem::take(&mut self.outdated).into_iter().collect();
        let names = [self.wire.location().articles(), self.wire.location().collection.clone()];
        for some in outdated.chunks(NAMED) {
            let parts = some.iter().map(|(id, keep)| match keep {
                Some(keep) => format!("({ARTICLE} == {} and {FINGERPRINT} != {})", quoted(id), quoted(keep)),
                None => format!("({ARTICLE} == {})", quoted(id)),
            });
            let expr = parts.collect::<Vec<_>>().join(" or ");
            for name in &names {
                self.delete_rows(name, expr.clone())?;
            }
        }
        Ok(())
    }

    /// Writes the manifest: from then on it is this commit.
    pub fn write_head(&mut self) -> Result<()> {
        self.head.commit = now();
        // Strings and numbers: writing them as JSON cannot fail.
        let record = serde_json::to_string(&self.head).unwrap_or_default();
        let row = PageRow {
            key: MANIFEST,
            article: String::new(),
            fingerprint: String::new(),
            path: String::new(),
            record,
            page: 0,
            pages: 1,
            passages: 0,
            questions: 0,
            written: self.head.commit,
            facts: serde_json::Map::new(),
        };
        if row.record.len() > schema::LONGEST {
            return Err(self.wire.wrong("the articles have more fields than the manifest has room for"));
        }
        let name = self.wire.location().articles();
        self.upsert(&name, PageRow::columns(&[row]), 1)
    }

    /// A writer of an empty collection.
    pub fn of_new(wire: Arc<Wire>, head: Head) -> Self {
        let (there, outdated) = (HashMap::new(), HashMap::new());
        Self { wire, head, there, passages: Vec::new(), pages: Vec::new(), outdated, changed: true }
    }
}

impl Writer for MilvusWriter {
    fn put(&mut self, article: EmbeddedArticle) -> Result<Change> {
        let dimensions = self.head.manifest.model.dimensions;
        for (ordinal, passage) in article.passages.iter().enumerate() {
            let missing = || Error::MissingVector { article: article.article.id.clone(), ordinal };
            index::check_unit(passage.vector.as_ref().ok_or_else(missing)?, dimensions)?;
        }
        let id = article.article.id.clone();
        let print = article.fingerprint.to_string();
        let pages = PageRow::of(&article, now());
        expression::join(&mut self.head.fields, &expression::facts(&article.article).1);
        self.passages.extend(PassageRow::of(article, self.head.manifest.language)?);
        self.pages.extend(pages);
        self.changed = true;
        match self.there.insert(id.clone(), vec![print.clone()]) {
            Some(before) => {
                if before.iter().any(|other| *other != print) {
                    self.outdated.insert(id, Some(print));
                }
                Ok(Change::Updated)
            }
            None => Ok(Change::Added),
        }
    }

    fn delete(&mut self, id: &str) -> Result<bool> {
        if self.there.remove(id).is_none() {
            return Ok(false);
        }
        // What was put and not yet written is not written.
        let gone: HashSet<i64> = self.passages.iter().filter(|row| row.is_of(id)).map(|row| row.key).collect();
        self.passages.retain(|row| !gone.contains(&row.key));
        self.pages.retain(|row| row.article != id);
        self.outdated.insert(id.to_owned(), None);
        self.changed = true;
        Ok(true)
    }

    fn forget_salvaged(&mut self) -> Result<()> {
        Ok(())
    }

    fn set_chunking(&mut self, chunking: Chunking) {
        self.changed |= self.head.manifest.chunking != chunking;
        self.head.manifest.chunking = chunking;
    }

    fn set_builder(&mut self, _: index::Builder) {
        // The server builds.
    }

    fn set_memory(&mut self, _: Option<u64>) {}

    fn set_fusion(&mut self, fusion: Option<Fusion>) {
        self.changed |= self.head.manifest.fusion != fusion;
        self.head.manifest.fusion = fusion;
    }

    fn pending(&self) -> usize {
        self.passages.len()
    }

    fn commit(&mut self) -> Result<()> {
        if !self.changed && self.outdated.is_empty() {
            return Ok(());
        }
        self.write_passages()?;
        self.write_pages()?;
        self.delete_outdated()?;
        self.write_head()?;
        self.changed = false;
        Ok(())
    }

    fn merge_in_background(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn merge(&mut self, _: usize, _: &Progress<'_>) -> Result<()> {
        self.commit()?;
        // Rows that were not flushed are looked through one by one, or in a makeshift index that loses some.
        let location = self.wire.location();
        self.wire.change(Flush { collection_names: vec![location.collection.clone(), location.articles()] })?;
        Ok(())
    }

    fn compact(&mut self, threads: usize, progress: &Progress<'_>) -> Result<CompactReport> {
        self.commit()?;
        // Passages of articles that were never written to their end.
        let collection = MilvusCollection::open(self.wire.clone())?;
        let cards = collection.cards()?;
        let mut strays: Vec<i64> = Vec::new();
        collection.each_row(&[KEY, ARTICLE, FINGERPRINT], &mut |columns| {
            let (keys, articles) = (columns.numbers(KEY), columns.strings(ARTICLE));
            for ((key, article), print) in keys.iter().zip(articles).zip(columns.strings(FINGERPRINT)) {
                if cards.get(article).is_none_or(|card| card.fingerprint != *print) {
                    strays.push(*key);
                }
            }
            Ok(())
        })?;
        let name = self.wire.location().collection.clone();
        for some in strays.chunks(MESSAGE_ROWS) {
            let list = some.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
            self.delete_rows(&name, format!("{KEY} in [{list}]"))?;
        }
        if !strays.is_empty() {
            self.write_head()?;
        }
        self.merge(threads, progress)?;
        Ok(CompactReport { dropped: strays.len(), segments_before: 1, segments_after: 1 })
    }
}
