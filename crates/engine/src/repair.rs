//! Making a damaged collection whole again.

use crate::articles::put;
use crate::model::model_of;
use crate::{Amount, Error, Result, Steps, Watch};
use ingest::pipeline::Plan;
use ingest::walk::Found;
use serde::Serialize;
use store::{CheckReport, Collection, Mended, SegmentEntry};

/// What repairing did.
#[derive(Debug, Serialize)]
pub struct Repaired {
    /// What was damaged and what of it is lost.
    #[serde(flatten)]
    pub mended: Mended,
    /// Articles that were put back, with all their passages and vectors.
    pub put_back: usize,
    /// Passages embedded for that.
    pub embedded: usize,
    /// A check of everything, afterwards.
    pub check: CheckReport,
}

impl Repaired {
    /// Whether nothing is lost and everything holds.
    pub fn is_whole(&self) -> bool {
        self.mended.lost.is_empty() && self.mended.unnamed == 0 && self.check.problems.is_empty()
    }
}

/// Rebuilds what is damaged in the collection at `location` from what is not: graphs from vectors, vectors and the
/// words' index from texts, with the collection's own model. Only articles whose own text is damaged are lost, or those
/// of a part of the text of which it does not read what was deleted.
///
/// # Errors
/// When the commit itself is damaged; then nothing has changed. When another process writes, the model cannot be
/// loaded or `watch` says to stop; then the same call goes on.
pub fn repair(location: &str, threads: usize, watch: &dyn Watch) -> Result<Repaired> {
    watch.begin("looking for damage", Amount::Items(1));
    let mended = store::mend(location);
    watch.end();
    let mended = mended?;
    let mut collection = store::open(location)?;
    let (mut put_back, mut embedded) = (0, 0);
    if !to_put_back(&*collection)?.is_empty() {
        let model = &collection.manifest().model;
        let embedder = model_of(&*collection)?;
        if !embedder.model().agrees_with(model) {
            return Err(Error::unusable(format!(
                "the collection was made with another model of the name {:?} ({}, here {})",
                model.name,
                model.hash,
                embedder.model().hash
            )));
        }
        let plan = Plan::new(collection.manifest().chunking, threads);
        let report = put(&mut *collection, embedder, &to_put_back, &plan, watch)?;
        if report.interrupted {
            return Err(Error::Partly(Box::new(Error::Stopped)));
        }
        (put_back, embedded) = (report.added + report.updated, report.embedded);
    }
    let steps = Steps::of(watch);
    let mut writer = collection.writer()?;
    writer.forget_salvaged()?;
    if collection.manifest().segments.iter().any(SegmentEntry::lacks_graph) {
        // Else the vectors of what is lost may stay: whoever indexes its source again need not embed it again.
        writer.merge(threads, &|step, done, of| steps.show(step, done, of))?;
    }
    drop(writer);
    collection.refresh()?;
    let check = collection.check(&|step, done, of| steps.show(step, done, of))?;
    Ok(Repaired { mended, put_back, embedded, check })
}

/// Articles that are not whole, and those read out of damaged files.
fn to_put_back(collection: &dyn Collection) -> Result<Vec<Found>> {
    let there = collection.catalogue()?.articles;
    // One that is there again was put back before a stop, or indexed from its source since, and that is newer.
    let mut articles: Vec<_> =
        collection.salvaged()?.into_iter().filter(|article| !there.contains_key(&article.id)).collect();
    for id in collection.incomplete()? {
        articles.extend(collection.article(&id)?.map(|stored| stored.article));
    }
    Ok(articles.into_iter().map(|article| Found::Article(Box::new(article))).collect())
}
