//! The files under a job's roots, and the language of their text.

use super::IndexJob;
use crate::Omitted;
use ingest::read::{Item, Limits};
use ingest::walk::{IngestItem, Walk, WalkEntry};
use std::ops::ControlFlow;
use std::time::SystemTime;
use store::Language;
use store::local::LocalCollection;

/// The files under the roots of an [`IndexJob`].
pub struct Scan {
    pub(super) walk: Walk,
    /// The names of the files in the collection, in the order of the walk.
    pub(super) names: Vec<String>,
    pub(super) started: SystemTime,
}

impl Scan {
    /// Walks the roots.
    pub fn new(job: &IndexJob<'_>) -> Self {
        let started = SystemTime::now();
        let walk = Walk::new(job.roots, LocalCollection::exists);
        let names = walk
            .files
            .iter()
            .map(|file| job.names.name(&file.path))
            .collect();
        Self {
            walk,
            names,
            started,
        }
    }

    /// What was left out, if there is no file to index at all; otherwise `None`.
    pub fn omitted_if_empty(&self, job: &IndexJob<'_>) -> Option<Omitted> {
        let mut omitted = Omitted::default();
        for (name, entry) in self.files() {
            match IngestItem::from_entry(entry.clone(), job.format, name.to_owned()) {
                IngestItem::Unsupported(source, kind) => omitted.unsupported(source.name, kind),
                _ => return None,
            }
        }
        omitted.leave_out(&self.walk.skipped, job.names);
        self.walk.errors.is_empty().then_some(omitted)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &WalkEntry)> {
        self.names.iter().map(String::as_str).zip(&self.walk.files)
    }
}

/// The most articles, and bytes of each, that language detection reads.
const MAX_SAMPLES: usize = 200;
const MAX_SAMPLE_BYTES: usize = 4000;

/// Detects the language of the first articles; [`Language::Other`] if it cannot be told.
pub fn detect_language(job: &IndexJob<'_>, scan: &Scan) -> Language {
    let mut texts: Vec<String> = Vec::new();
    for (name, entry) in scan.files() {
        let IngestItem::Source(source) =
            IngestItem::from_entry(entry.clone(), job.format, name.to_owned())
        else {
            continue;
        };
        // Failures are reported when the file is indexed. Files that are slow to read are not worth
        // reading twice.
        let limits = Limits {
            seconds: 1,
            ..job.plan.limits
        };
        let _ = ingest::read::read(&source, limits, job.plan.sandbox.as_deref(), &mut |item| {
            if let Item::Article(article) = item {
                let body = article
                    .body
                    .iter()
                    .map(|span| span.of(&article.text))
                    .collect::<Vec<_>>()
                    .join("\n");
                texts.push(body[..body.floor_char_boundary(MAX_SAMPLE_BYTES)].to_owned());
            }
            if texts.len() < MAX_SAMPLES {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if texts.len() >= MAX_SAMPLES {
            break;
        }
    }
    Language::detect(texts.iter().map(String::as_str)).unwrap_or(Language::Other)
}
