//! Articles with their vectors out of a collection, and into another one.

use crate::articles::{COMMIT_EVERY, COMMIT_PASSAGES, merge_in_background};
use crate::skipped::unusable;
use crate::text::counted;
use crate::{Amount, Error, Result, Skipped, Steps, Watch};
use exchange::Header;
use ingest::pipeline::EmbeddedArticle;
use serde::Serialize;
use std::time::Instant;
use store::{Collection, Writer};

/// So many articles, or articles with so many passages, are compared with the collection at once.
const BATCH_ARTICLES: usize = 200;
const BATCH_PASSAGES: usize = 1_000;

/// What was written.
#[derive(Debug, Default, Serialize)]
pub struct Exported {
    /// Articles.
    pub articles: usize,
    /// Their passages.
    pub passages: usize,
}

/// Writes all of a collection.
///
/// # Errors
/// When it cannot be read, `out` refuses, or `watch` says to stop.
pub fn export(collection: &dyn Collection, out: &mut exchange::Writer, watch: &dyn Watch) -> Result<Exported> {
    let mut done = Exported::default();
    each(collection, watch, "writing", &mut |article| {
        out.put(&article)?;
        done.articles += 1;
        done.passages += article.passages.len();
        Ok(())
    })?;
    Ok(done)
}

/// Hands over every article of a collection.
fn each(
    collection: &dyn Collection,
    watch: &dyn Watch,
    what: &'static str,
    take: &mut dyn FnMut(EmbeddedArticle) -> Result<()>,
) -> Result<()> {
    watch.begin(what, Amount::Items(collection.stats()?.articles as u64));
    let (mut failed, mut done) = (None, 0);
    let read = collection.each_article(&mut |article| {
        let taken = if watch.stopped() { Err(Error::Stopped) } else { take(article) };
        done += 1;
        watch.done(done);
        // The collection only hears that it is to stop.
        taken.map_err(|error| {
            failed = Some(error);
            store::Error::Stopped
        })
    });
    watch.end();
    match failed {
        Some(error) => Err(error),
        None => Ok(read?),
    }
}

/// What came in.
#[derive(Debug, Default, Serialize)]
pub struct Imported {
    /// Articles there were.
    pub articles: usize,
    /// Of these, those that were not in the collection before.
    pub added: usize,
    /// Those that took the place of another with their id.
    pub updated: usize,
    /// Those that were there already.
    pub unchanged: usize,
    /// Those that could not be taken.
    #[serde(flatten)]
    pub skipped: Skipped,
    /// Passages of added and updated articles.
    pub passages: usize,
    /// How long it took.
    pub seconds: f64,
    /// It was told to stop before all was in.
    pub interrupted: bool,
}

/// Where articles come from.
pub enum Origin<'a> {
    /// Another collection.
    Collection(&'a dyn Collection),
    /// A file.
    File(Box<exchange::Reader>),
}

impl Origin<'_> {
    /// What is the same for all of them.
    pub fn header(&self) -> Header {
        match self {
            Self::Collection(collection) => header(*collection),
            Self::File(reader) => reader.header().clone(),
        }
    }
}

/// What is the same for all articles of a collection.
pub fn header(collection: &dyn Collection) -> Header {
    let manifest = collection.manifest();
    Header::new(manifest.model.clone(), manifest.chunking, manifest.language)
}

/// Adds articles, or puts them in the place of those with their ids; those that are there unchanged are left alone.
/// Deletes none. What is done is committed every few seconds, and the same call goes on from there.
///
/// # Errors
/// When the collection is another model's, cannot be written, or the file ends being one; what is wrong with an article alone is only reported.
pub fn import(
    collection: &mut dyn Collection,
    from: Origin<'_>,
    threads: usize,
    watch: &dyn Watch,
) -> Result<Imported> {
    let (theirs, ours) = (from.header().model, &collection.manifest().model);
    if !theirs.agrees_with(ours) {
        return Err(Error::unusable(format!(
            "the collection was made with the model {:?} ({}), and these articles with {:?} ({}). Make a new collection with -c for them",
            ours.name, ours.hash, theirs.name, theirs.hash
        )));
    }
    let begun = Instant::now();
    let writer = collection.writer()?;
    // Another writer may have committed since the collection was opened; from here on none can.
    collection.refresh()?;
    let mut taking =
        Taking { into: collection, writer, waiting: Vec::new(), done: Imported::default(), committed: Instant::now() };
    let mut taken = match from {
        Origin::Collection(source) => each(source, watch, "copying", &mut |article| taking.take(article, watch)),
        Origin::File(reader) => taking.all(*reader, watch),
    };
    if matches!(taken, Ok(()) | Err(Error::Stopped)) {
        taken = taking.write(watch).and(taken);
    }
    let Taking { mut writer, mut done, .. } = taking;
    let finish = (|| {
        match taken {
            Err(Error::Stopped) => done.interrupted = true,
            taken => taken?,
        }
        writer.commit()?;
        if !done.interrupted {
            let steps = Steps::of(watch);
            match writer.merge(threads, &|step, done, of| steps.show(step, done, of)) {
                // All articles are in; whoever writes next merges.
                Err(store::Error::Stopped) => done.interrupted = true,
                merged => merged?,
            }
        }
        Ok(())
    })();
    drop(writer);
    finish.map_err(|error| Error::Partly(Box::new(error)))?;
    collection.refresh()?;
    done.seconds = begun.elapsed().as_secs_f64();
    Ok(done)
}

struct Taking<'a> {
    into: &'a dyn Collection,
    writer: Box<dyn Writer>,
    /// Articles that were not yet compared with what is there.
    waiting: Vec<EmbeddedArticle>,
    done: Imported,
    committed: Instant,
}

impl Taking<'_> {
    fn all(&mut self, reader: exchange::Reader, watch: &dyn Watch) -> Result<()> {
        watch.begin("reading", Amount::Items(0));
        for article in reader {
            if watch.stopped() {
                return Err(Error::Stopped);
            }
            match article {
                Ok(article) => self.take(article, watch)?,
                Err(error) if error.is_of_one_article() => self.done.skipped.add(unusable(error.to_string()), watch),
                Err(error) => return Err(error.into()),
            }
            watch.doing(&format!("reading: {}", counted(self.done.articles, "article")));
        }
        watch.end();
        Ok(())
    }

    fn take(&mut self, article: EmbeddedArticle, watch: &dyn Watch) -> Result<()> {
        self.done.articles += 1;
        self.waiting.push(article);
        let passages: usize = self.waiting.iter().map(|article| article.passages.len()).sum();
        if self.waiting.len() >= BATCH_ARTICLES || passages >= BATCH_PASSAGES {
            self.write(watch)?;
        }
        Ok(())
    }

    /// Puts in what waits.
    fn write(&mut self, watch: &dyn Watch) -> Result<()> {
        let ids: Vec<&str> = self.waiting.iter().map(|article| article.article.id.as_str()).collect();
        let there = self.into.cards(&ids)?;
        for article in std::mem::take(&mut self.waiting) {
            let card = there.get(&article.article.id);
            if card.is_some_and(|card| card.fingerprint == article.fingerprint) {
                self.done.unchanged += 1;
                continue;
            }
            let (id, passages) = (article.article.id.clone(), article.passages.len());
            match self.writer.put(article) {
                Ok(()) => *if card.is_some() { &mut self.done.updated } else { &mut self.done.added } += 1,
                // A vector that is none: the collection is as it was before this article.
                Err(store::Error::Index(error)) => {
                    self.done.skipped.add(unusable(format!("article {id:?}: {error}")), watch);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            self.done.passages += passages;
        }
        if self.writer.pending() >= COMMIT_PASSAGES || self.committed.elapsed() >= COMMIT_EVERY {
            self.writer.commit()?;
            self.committed = Instant::now();
            merge_in_background(&mut *self.writer, watch);
        }
        Ok(())
    }
}
