//! Test articles with vectors that depend on their text only, and the contents of a collection.
#![allow(dead_code, reason = "every test binary uses its own part")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should fail there"
)]

pub mod faulty_disk;

use ingest::pipeline::{EmbeddedArticle, Passage};
use ingest::{Article, ByteSpan, Chunking, ModelInfo};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use store::{Collection, DenseSearch, Language, Manifest, Step};

pub fn model() -> ModelInfo {
    ModelInfo {
        name: "test".into(),
        hash: "0".into(),
        dimensions: 4,
        window: 64,
        query_prefix: String::new(),
        passage_prefix: String::new(),
    }
}

pub fn manifest() -> Manifest {
    Manifest::new(
        model(),
        Chunking::default(),
        index::Params::default(),
        Language::English,
    )
}

/// A progress callback that never stops.
pub fn go_on(_: Step, _: usize, _: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A unit vector that depends on the text only, as a model's does.
pub fn vector(text: &str) -> Vec<f32> {
    let hash = ingest::Fingerprint::of([text.as_bytes()]).0;
    let raw: Vec<f32> = (0..4).map(|i| f32::from(hash[i]) - 127.5).collect();
    let norm = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    raw.into_iter().map(|x| x / norm).collect()
}

/// An article with one passage per line.
pub fn article(id: &str, text: &str) -> EmbeddedArticle {
    let mut start = 0;
    let mut spans = Vec::new();
    for line in text.split_inclusive('\n') {
        spans.push(ByteSpan::new(start, start + line.trim_end().len()));
        start += line.len();
    }
    let article = Article {
        id: id.into(),
        title: format!("Title of {id}"),
        path: format!("{id}.txt"),
        text: text.into(),
        body: vec![ByteSpan::new(0, text.len())],
        record_line: None,
        metadata: Default::default(),
        questions: Vec::new(),
    };
    let passages = spans.iter().map(|span| Passage {
        span: *span,
        line: article.line_at(span.start),
        fingerprint: model().fingerprint(span.of(text)),
        vector: Some(vector(span.of(text))),
    });
    EmbeddedArticle {
        fingerprint: article.fingerprint("test"),
        passages: passages.collect(),
        article,
    }
}

/// The text of every article, by id.
pub type Contents = BTreeMap<String, String>;

/// The contents of a collection, after asserting that it is sound and that every passage is found
/// by its vector and by its words.
pub fn contents(collection: &dyn Collection) -> store::Result<Contents> {
    let report = collection.check(&go_on)?;
    assert_eq!(report.problems, Vec::<String>::new());
    let mut contents = Contents::new();
    for id in collection.catalog()?.articles.into_keys() {
        let stored = collection.article(&id)?.unwrap();
        for span in &stored.passages {
            let passage = span.of(&stored.article.text);
            let nearest = collection.search_dense(&vector(passage), 1, DenseSearch::Exact, None)?;
            assert_eq!(collection.fetch(&[nearest[0].key])?[0].text, passage);
            let hits = collection.search_lexical(passage, 1000, None)?;
            let keys: Vec<_> = hits.iter().map(|hit| hit.key).collect();
            assert!(
                collection
                    .identify(&keys)?
                    .iter()
                    .any(|hit| hit.article_id == id),
                "{passage:?} of {id}"
            );
        }
        contents.insert(id, stored.article.text);
    }
    Ok(contents)
}

pub fn create(path: &Path) -> Box<dyn Collection> {
    store::create(
        &path.into(),
        model(),
        Chunking::default(),
        index::Params::default(),
        Language::English,
    )
    .unwrap()
}

pub fn open(path: &Path) -> Box<dyn Collection> {
    store::open(&path.into()).unwrap()
}

/// The passages that a lexical search finds, as `id#ordinal`.
pub fn lexical(collection: &dyn Collection, query: &str) -> Vec<String> {
    let found = collection.search_lexical(query, 10, None).unwrap();
    let keys: Vec<_> = found.iter().map(|c| c.key).collect();
    collection
        .identify(&keys)
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The texts of the `k` passages nearest to a text.
pub fn texts(collection: &dyn Collection, query: &str, k: usize) -> Vec<String> {
    let found = collection
        .search_dense(&vector(query), k, DenseSearch::Exact, None)
        .unwrap();
    let keys: Vec<_> = found.iter().map(|c| c.key).collect();
    collection
        .fetch(&keys)
        .unwrap()
        .into_iter()
        .map(|p| p.text)
        .collect()
}

pub fn assert_sound(collection: &dyn Collection) {
    let report = collection.check(&go_on).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}

/// A collection with these articles, and the folder that it is in.
pub fn collection_of(articles: &[(&str, &str)]) -> (tempfile::TempDir, Box<dyn Collection>) {
    let folder = tempfile::tempdir().unwrap();
    let mut collection = create(&folder.path().join("c"));
    let mut writer = collection.writer().unwrap();
    articles
        .iter()
        .for_each(|(id, text)| writer.put(article(id, text)).unwrap());
    writer.commit().unwrap();
    drop(writer);
    collection.refresh().unwrap();
    (folder, collection)
}
