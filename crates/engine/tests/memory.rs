//! A budget of memory reaches what spends it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use engine::{Silent, articles};
use ingest::embed;
use ingest::pipeline::Plan;
use ingest::walk::Found;
use ingest::{Article, ByteSpan, Chunking};
use store::Language;

fn note(number: usize) -> Found {
    let text = format!("note {number}");
    Found::Article(Box::new(Article {
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

/// How many rows the largest segment has after so many notes were added.
fn largest(memory: impl Fn(usize, index::Params) -> Option<u64>) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let embedder = embed::load("static").unwrap();
    let (model, params) = (embedder.model().clone(), index::Params::default());
    let location = folder.path().join("c").to_string_lossy().into_owned();
    let memory = memory(model.dimensions, params);
    let mut collection = store::create(&location, model, Chunking::default(), params, Language::English).unwrap();
    let usual = Plan::new(Chunking::default(), 1);
    let plan = memory.map_or(usual, |memory| usual.within(memory));
    articles::add(&mut *collection, embedder, (0..6_000).map(note), &plan, &Silent::default()).unwrap();
    collection.manifest().segments.iter().map(|segment| segment.rows).max().unwrap()
}

#[test]
fn half_of_it_is_for_the_largest_graph() {
    assert_eq!(largest(|_, _| None), 6_000);
    let within = largest(|dimensions, params| Some(2 * index::graph::memory(5_000, dimensions, params)));
    assert!(within <= 5_000, "{within}");
}
