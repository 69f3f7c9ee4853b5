//! Repairs damaged collections.

use crate::indexing::replace_articles;
use crate::model::load_model;
use crate::{Amount, Error, Progress, Result, StoreProgress};
use ingest::pipeline::PipelineOptions;
use ingest::walk::IngestItem;
use serde::Serialize;
use store::{CheckReport, Collection, DamageReport, Location, SegmentEntry};

/// The outcome of a repair.
#[derive(Debug, Serialize)]
pub struct RepairOutcome {
    /// The damage found, and the data that could not be recovered.
    #[serde(flatten)]
    pub damage: DamageReport,
    /// Articles written again with all their passages and vectors.
    pub put_back: usize,
    /// Passages embedded for these articles.
    pub embedded: usize,
    /// A full check of the repaired collection.
    pub check: CheckReport,
}

impl RepairOutcome {
    /// Whether nothing was lost and the final check found no problems.
    pub fn is_complete(&self) -> bool {
        self.damage.lost.is_empty() && self.damage.unnamed == 0 && self.check.problems.is_empty()
    }
}

/// Rebuilds the damaged parts of the collection at `location` from the intact ones: graphs from
/// vectors; vectors and the lexical index from texts, with the collection's own model. An article
/// is lost only if its own text is damaged, or if it is in a text segment whose list of deletions
/// cannot be read.
///
/// # Errors
/// When the commit itself is damaged; nothing has changed then. When another process writes to the
/// collection, the model cannot be loaded, or `progress` asks to stop; calling again resumes the
/// repair.
pub fn repair(
    location: &Location,
    threads: usize,
    progress: &dyn Progress,
) -> Result<RepairOutcome> {
    progress.start_stage("looking for damage", Amount::Items(1));
    let damage = store::remove_damage(location);
    progress.finish_stage();
    let damage = damage?;
    let mut collection = store::open(location)?;
    let (mut put_back, mut embedded) = (0, 0);
    if !articles_to_restore(&*collection)?.is_empty() {
        let model = &collection.manifest().model;
        let embedder = load_model(&*collection)?;
        if !embedder.model().is_compatible_with(model) {
            return Err(Error::unusable(format!(
                "the collection was made with another model named {:?} ({}; installed here is {})",
                model.name,
                model.hash,
                embedder.model().hash
            )));
        }
        let plan = PipelineOptions::new(collection.manifest().chunking, threads);
        let report = replace_articles(
            &mut *collection,
            embedder,
            &articles_to_restore,
            &plan,
            progress,
        )?;
        if report.interrupted {
            return Err(Error::PartiallyDone(Box::new(Error::Stopped)));
        }
        (put_back, embedded) = (report.added + report.updated, report.embedded);
    }
    let store_progress = StoreProgress::new(progress);
    let mut writer = collection.writer()?;
    if let Some(files) = writer.maintenance() {
        files.forget_salvaged()?;
    }
    if collection
        .manifest()
        .segments
        .iter()
        .any(SegmentEntry::needs_graph)
    {
        // Otherwise, the vectors of lost articles are kept: indexing their sources again then
        // embeds nothing.
        writer.merge(threads, &|step, done, of| {
            store_progress.update(step, done, of)
        })?;
    }
    drop(writer);
    collection.refresh()?;
    let check = collection.check(&|step, done, of| store_progress.update(step, done, of))?;
    Ok(RepairOutcome {
        damage,
        put_back,
        embedded,
        check,
    })
}

/// Incomplete articles, and those salvaged from damaged files.
fn articles_to_restore(collection: &dyn Collection) -> Result<Vec<IngestItem>> {
    let Some(salvage) = collection.salvage() else {
        return Ok(Vec::new());
    };
    let existing = collection.catalog()?.articles;
    // A salvaged article that exists again was restored before an interruption, or indexed since
    // from its source, and is newer.
    let mut articles: Vec<_> = salvage
        .salvaged()?
        .into_iter()
        .filter(|article| !existing.contains_key(&article.id))
        .collect();
    for id in salvage.incomplete()? {
        articles.extend(collection.article(&id)?.map(|stored| stored.article));
    }
    Ok(articles
        .into_iter()
        .map(|article| IngestItem::Article(Box::new(article)))
        .collect())
}
