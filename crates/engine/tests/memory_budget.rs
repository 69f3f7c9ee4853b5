//! The memory budget limits the size of segments.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use engine::{NoProgress, indexing};
use ingest::embed;
use ingest::pipeline::PipelineOptions;
use ingest::walk::IngestItem;
use ingest::{Article, ByteSpan, Chunking};
use store::Language;

fn article(number: usize) -> IngestItem {
    let text = format!("note {number}");
    IngestItem::Article(Box::new(Article {
        id: text.clone(),
        title: String::new(),
        path: text.clone(),
        body: vec![ByteSpan::new(0, text.len())],
        text,
        record_line: None,
        metadata: Default::default(),
        questions: Vec::new(),
    }))
}

/// The rows of the largest segment after 6,000 articles were added. `memory` gives the budget, if
/// there is one.
fn largest_segment(memory: impl Fn(usize, index::Params) -> Option<u64>) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let embedder = embed::load("static").unwrap();
    let (model, params) = (embedder.model().clone(), index::Params::default());
    let location = folder.path().join("c").into();
    let memory = memory(model.dimensions, params);
    let mut collection = store::create(
        &location,
        model,
        Chunking::default(),
        params,
        Language::English,
    )
    .unwrap();
    let mut plan = PipelineOptions::new(Chunking::default(), 1);
    if let Some(memory) = memory {
        plan = plan.with_memory_budget(memory);
    }
    indexing::add(
        &mut *collection,
        embedder,
        (0..6_000).map(article),
        &plan,
        &NoProgress::default(),
    )
    .unwrap();
    collection
        .manifest()
        .segments
        .iter()
        .map(|segment| segment.rows)
        .max()
        .unwrap()
}

#[test]
fn graph_is_limited_to_half_of_the_memory_budget() {
    assert_eq!(largest_segment(|_, _| None), 6_000);
    let limited = largest_segment(|dimensions, params| {
        Some(2 * index::graph::estimate_build_memory(5_000, dimensions, params))
    });
    assert!(limited <= 5_000, "{limited}");
}
