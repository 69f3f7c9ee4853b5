//! From all candidates to the hits: reranked, copies folded together, unlike one another.

use crate::fuse::{self, standard};
use crate::rank::{Ranked, sort};
use crate::rerank::{Place, Reranker};
use crate::search::Reranked;
use crate::{Mode, Options, Reranking, Result, copies, diversify};
use index::distance::dot;
use std::collections::HashSet;
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

/// Chooses `k` hits from candidates, best first.
pub fn select(
    collection: &dyn Collection,
    reranker: Option<&mut (dyn Reranker + '_)>,
    question: &str,
    mut ranked: Vec<Ranked>,
    options: &Options,
) -> Result<Selected> {
    let meaning = match options.mode {
        Mode::Dense => 1.0,
        _ => fuse::in_use(collection, options).dense,
    };
    let rerank = match (reranker, options.rerank) {
        (Some(reranker), Some(how)) => Some(rerank(collection, reranker, question, &mut ranked, how, meaning)?),
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

/// Scores the best again and orders them anew; the others follow below. `meaning` is what nearness in meaning counts.
fn rerank(
    collection: &dyn Collection,
    reranker: &mut dyn Reranker,
    question: &str,
    ranked: &mut [Ranked],
    how: Reranking,
    meaning: f32,
) -> Result<Reranked> {
    let begun = Instant::now();
    let of = ranked.len().min(how.top);
    let keys: Vec<PassageKey> = ranked[..of].iter().map(|passage| passage.key).collect();
    let texts = collection.fetch(&keys)?.into_iter().map(|passage| {
        if passage.text.starts_with(&passage.title) {
            passage.text
        } else {
            format!("{} {}", passage.title, passage.text)
        }
    });
    let texts: Vec<String> = texts.collect();
    let scores = reranker.scores(question, &texts, begun + how.budget)?;
    let (head, rest) = ranked.split_at_mut(scores.len().min(of));
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
