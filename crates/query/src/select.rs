//! From all candidates to the hits: reranked, copies folded together, unlike one another.

use crate::fuse::{self, standard};
use crate::rank::{Ranked, sort};
use crate::rerank::{Place, Reranker};
use crate::search::Reranked;
use crate::{Mode, Options, Reranking, Result, copies, diversify};
use index::distance::dot;
use std::collections::{HashMap, HashSet};
use std::time::Instant;
use store::{Collection, PassageKey};

/// Copies are looked for under so many of the best hits: each candidate is compared with all of them.
const FOLDED: usize = 1000;

/// The hits, and what is known of them.
pub struct Selected {
    pub hits: Vec<Ranked>,
    /// The score of the first candidate that is no hit.
    pub next: Option<f32>,
    pub rerank: Option<Reranked>,
}

/// What was reranked of a question, from one look at its lists to the next, deeper one. The time for it is that of all.
#[derive(Default)]
pub struct Budget {
    begun: Option<Instant>,
    scores: HashMap<PassageKey, f32>,
}

/// Chooses `k` hits from candidates, best first.
pub fn select(
    collection: &dyn Collection,
    reranker: Option<&mut (dyn Reranker + '_)>,
    question: &str,
    mut ranked: Vec<Ranked>,
    budget: &mut Budget,
    options: &Options,
) -> Result<Selected> {
    let meaning = match options.mode {
        Mode::Dense => 1.0,
        _ => fuse::in_use(collection, options).dense,
    };
    let rerank = match (reranker, options.rerank) {
        (Some(reranker), Some(how)) => {
            Some(Rerank { reranker, question, how, meaning }.apply(collection, &mut ranked, budget)?)
        }
        _ => None,
    };
    let k = options.k;
    let mut selected = Selected { hits: ranked, next: None, rerank };
    if options.collapse {
        let k = if options.diverse.is_some() { usize::MAX } else { k };
        selected = collapse(collection, selected, k, options.mode)?;
    }
    match options.diverse {
        Some(unlike) => {
            let keys: Vec<PassageKey> = selected.hits.iter().map(|hit| hit.key).collect();
            selected.hits = diversify::choose(selected.hits, &collection.vectors(&keys)?, k, unlike);
        }
        None => {
            selected.next = selected.next.or(selected.hits.get(k).map(|next| next.score));
            selected.hits.truncate(k);
        }
    }
    Ok(selected)
}

/// How the best are scored again. `meaning` is what nearness in meaning counts.
struct Rerank<'a> {
    reranker: &'a mut dyn Reranker,
    question: &'a str,
    how: Reranking,
    meaning: f32,
}

impl Rerank<'_> {
    /// Scores the best again and orders them anew; the others follow below.
    fn apply(self, collection: &dyn Collection, ranked: &mut [Ranked], budget: &mut Budget) -> Result<Reranked> {
        let Self { reranker, question, how, meaning } = self;
        let begun = *budget.begun.get_or_insert_with(Instant::now);
        let of = ranked.len().min(how.top);
        let new: Vec<PassageKey> =
            ranked[..of].iter().map(|passage| passage.key).filter(|key| !budget.scores.contains_key(key)).collect();
        let deadline = begun + how.budget;
        // Some passages are scored whatever the time, but only once for a question.
        if !new.is_empty() && (budget.scores.is_empty() || Instant::now() < deadline) {
            let texts = collection.fetch(&new)?.into_iter().map(|passage| {
                if passage.text.starts_with(&passage.title) {
                    passage.text
                } else {
                    format!("{} {}", passage.title, passage.text)
                }
            });
            let texts: Vec<String> = texts.collect();
            budget.scores.extend(new.into_iter().zip(reranker.scores(question, &texts, deadline)?));
        }
        let scores: Vec<f32> =
            ranked[..of].iter().map_while(|passage| budget.scores.get(&passage.key).copied()).collect();
        let (head, rest) = ranked.split_at_mut(scores.len());
        let of_search = standard(head.iter().map(|passage| passage.score));
        let of_words = standard(head.iter().map(|passage| passage.parts.shares[1]));
        let scored = standard(scores.iter().copied());
        for (at, passage) in head.iter_mut().enumerate() {
            passage.rerank = Some(scores[at]);
            passage.score = match reranker.place() {
                Place::Alone => scores[at],
                Place::Beside(weight) => (1.0 - weight) * of_search[at] + weight * scored[at],
                Place::ForMeaning => (1.0 - meaning) * of_words[at] + meaning * scored[at],
            };
        }
        sort(head);
        if let (Some(lowest), Some(highest)) = (head.last().map(|p| p.score), rest.first().map(|p| p.score)) {
            rest.iter_mut().for_each(|passage| passage.score += lowest - 1.0 - highest);
        }
        let took_ms = (begun.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        Ok(Reranked { model: reranker.name().to_owned(), passages: head.len(), of, took_ms })
    }
}

/// Puts every copy of a better candidate under it.
fn collapse(collection: &dyn Collection, selected: Selected, k: usize, mode: Mode) -> Result<Selected> {
    let keys: Vec<PassageKey> = selected.hits.iter().map(|hit| hit.key).collect();
    let vectors = match collection.vectors(&keys) {
        // A search for words goes without: texts decide, vectors only spare reading most of them.
        Err(error) if mode == Mode::Lexical && error.is_damage() => None,
        vectors => Some(vectors?),
    };
    let far = |a: usize, b: usize| vectors.as_ref().is_some_and(|of| dot()(&of[a], &of[b]) < copies::NEAR);
    let mut hits: Vec<Ranked> = Vec::new();
    let (mut places, mut rows, mut next) = (Vec::<usize>::new(), Vec::<Option<HashSet<u64>>>::new(), None);
    let text_rows = |key| -> Result<HashSet<u64>> {
        let passages = collection.fetch(&[key])?;
        Ok(passages.first().map(|passage| copies::rows(&passage.text)).unwrap_or_default())
    };
    for (at, candidate) in selected.hits.into_iter().enumerate() {
        let mut own = None;
        let mut copy_of = None;
        for (hit, &place) in places.iter().enumerate().take(FOLDED) {
            if far(place, at) {
                continue;
            }
            if own.is_none() {
                own = Some(text_rows(candidate.key)?);
            }
            if rows[hit].is_none() {
                rows[hit] = Some(text_rows(hits[hit].key)?);
            }
            if let (Some(a), Some(b)) = (&own, &rows[hit])
                && copies::alike(a, b)
            {
                copy_of = Some(hit);
                break;
            }
        }
        match copy_of {
            Some(hit) => hits[hit].copies.push(candidate),
            None if hits.len() < k => {
                hits.push(candidate);
                places.push(at);
                rows.push(own);
            }
            None => next = next.or(Some(candidate.score)),
        }
    }
    Ok(Selected { hits, next, rerank: selected.rerank })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Searcher;
    use ingest::pipeline::{EmbeddedArticle, Passage};
    use ingest::{Article, ByteSpan, Chunking, Fingerprint, ModelInfo};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Scores by length, and keeps what it was asked.
    struct Recorder(Arc<Mutex<Vec<Asked>>>);

    /// Passages and the deadline.
    type Asked = (Vec<String>, Instant);

    impl Reranker for Recorder {
        fn name(&self) -> &str {
            "recorder"
        }

        fn place(&self) -> Place {
            Place::Alone
        }

        fn scores(&mut self, _: &str, passages: &[String], deadline: Instant) -> crate::Result<Vec<f32>> {
            self.0.lock().unwrap().push((passages.to_vec(), deadline));
            Ok(passages.iter().map(|passage| passage.len() as f32).collect())
        }
    }

    #[test]
    fn what_is_reranked_has_one_budget_however_deep_the_lists_are_read() {
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
        let made = store::create(
            path.to_str().unwrap(),
            model,
            Chunking::default(),
            Default::default(),
            store::Language::English,
        );
        let mut collection = made.unwrap();
        let mut writer = collection.writer().unwrap();
        for number in 0..2000usize {
            // Many copies in front of what else there is.
            let text = match number {
                0..1900 => {
                    let words = (0..60).map(|word| format!("word{word}"));
                    let more = (0..number % 19).map(|word| format!("more{word}"));
                    words.chain(more).fold("kite hill wind".to_owned(), |text, word| text + " " + &word)
                }
                _ => format!("kite {number} {}", "and much else besides ".repeat(number % 7 + 1)),
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
            writer.put(EmbeddedArticle { article, fingerprint, passages: vec![passage] }).unwrap();
        }
        writer.commit().unwrap();
        drop(writer);
        collection.refresh().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let recorder: Box<dyn Reranker> = Box::new(Recorder(asked.clone()));
        let mut searcher = Searcher::new(&*collection, None).unwrap().with_reranker(Some(recorder));
        let options = Options {
            mode: Mode::Lexical,
            k: 20,
            collapse: true,
            rerank: Some(Reranking { top: 400, budget: Duration::from_secs(600) }),
            ..Options::default()
        };
        let found = searcher.search("kite hill wind", &options).unwrap();
        assert_eq!(found.hits.len(), 20);
        let asked = asked.lock().unwrap();
        let passages: usize = asked.iter().map(|(passages, _)| passages.len()).sum();
        assert_eq!(passages, 400, "none is scored twice");
        assert!(asked.iter().all(|(_, deadline)| *deadline == asked[0].1), "one deadline");
        assert!(asked.len() > 1, "the first part of the lists was not enough");
    }
}
