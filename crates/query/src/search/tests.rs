use super::*;
use crate::RerankOptions;
use crate::rerank::ScoreCombination;
use ingest::pipeline::{EmbeddedArticle, Passage};
use ingest::{Article, ByteSpan, Chunking, Fingerprint, ModelInfo};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Scores passages by length and records its calls.
struct RecordingReranker(Arc<Mutex<Vec<Call>>>);

/// The passages to score, and the deadline.
type Call = (Vec<String>, Instant);

impl Reranker for RecordingReranker {
    fn name(&self) -> &str {
        "recorder"
    }

    fn score_combination(&self) -> ScoreCombination {
        ScoreCombination::Override
    }

    fn scores(
        &mut self,
        _: &str,
        passages: &[String],
        deadline: Instant,
    ) -> crate::Result<Vec<f32>> {
        self.0.lock().unwrap().push((passages.to_vec(), deadline));
        Ok(passages
            .iter()
            .map(|passage| passage.len() as f32)
            .collect())
    }
}

#[test]
fn rerank_budget_is_shared_when_the_lists_are_deepened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let model = ModelInfo {
        name: "test".into(),
        hash: "0".into(),
        dimensions: 2,
        window: 64,
        query_prefix: String::new(),
        passage_prefix: String::new(),
    };
    let created = store::create(
        &path.into(),
        model,
        Chunking::default(),
        Default::default(),
        store::Language::English,
    );
    let mut collection = created.unwrap();
    let mut writer = collection.writer().unwrap();
    for number in 0..2000usize {
        // Many near-duplicates rank above everything else.
        let text = match number {
            0..1900 => {
                let words = (0..60).map(|word| format!("word{word}"));
                let more = (0..number % 19).map(|_| "wind".to_owned());
                words
                    .chain(more)
                    .fold("kite hill wind".to_owned(), |text, word| text + " " + &word)
            }
            _ => format!(
                "kite {number} {}",
                "and much else besides ".repeat(number % 7 + 1)
            ),
        };
        let span = ByteSpan::new(0, text.len());
        let passage = Passage {
            span,
            line: 1,
            fingerprint: Fingerprint::of([text.as_bytes()]),
            vector: Some(vec![1.0, 0.0]),
        };
        let article = Article {
            id: format!("{number:04}"),
            title: String::new(),
            path: String::new(),
            text,
            body: vec![span],
            record_line: None,
            metadata: Default::default(),
            questions: Vec::new(),
        };
        let fingerprint = article.fingerprint("");
        writer
            .put(EmbeddedArticle {
                article,
                fingerprint,
                passages: vec![passage],
            })
            .unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    collection.refresh().unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let reranker: Box<dyn Reranker> = Box::new(RecordingReranker(calls.clone()));
    let mut searcher = Searcher::new(&*collection, None)
        .unwrap()
        .with_reranker(Some(reranker));
    let options = Options {
        mode: Mode::Lexical,
        k: 20,
        collapse: true,
        rerank: Some(RerankOptions {
            top: 400,
            time_budget: Duration::from_secs(600),
        }),
        ..Options::default()
    };
    let response = searcher.search("kite hill wind", &options).unwrap();
    assert_eq!(response.hits.len(), 20);
    let calls = calls.lock().unwrap();
    let passages: usize = calls.iter().map(|(passages, _)| passages.len()).sum();
    assert_eq!(passages, 400, "no passage is scored twice");
    assert!(
        calls.iter().all(|(_, deadline)| *deadline == calls[0].1),
        "one deadline"
    );
    assert!(calls.len() > 1, "the lists were deepened");
}
