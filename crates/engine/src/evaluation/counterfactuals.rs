//! Tests of possible causes of misses: what would have been found in other circumstances.

use crate::Result;
use eval::needs::Place;
use eval::{Level, Need};
use ingest::chunk::CONTEXT_DIVISOR;
use ingest::{ByteSpan, Embedder, Role};
use query::near_duplicates::{are_near_duplicates, shingles};
use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use store::{Collection, StoredArticle};

/// The vectors of the parts of a passage.
type PartVectors = Vec<Vec<f32>>;

/// Tests what would have been found if passages had not been truncated or split, and whether a copy
/// of what was missed was found.
pub struct Counterfactuals<'a> {
    collection: &'a dyn Collection,
    /// The vectors by article and span. Empty if nothing had to be embedded.
    vectors: Mutex<HashMap<(String, ByteSpan), PartVectors>>,
    articles: Mutex<HashMap<String, Arc<StoredArticle>>>,
}

/// The most windows embedded of one passage.
const MAX_WINDOWS: usize = 64;
/// The most articles kept in memory.
const MAX_CACHED_ARTICLES: usize = 4096;

impl<'a> Counterfactuals<'a> {
    pub fn new(collection: &'a dyn Collection) -> Self {
        Self {
            collection,
            vectors: Mutex::default(),
            articles: Mutex::default(),
        }
    }

    /// Whether one of `results`, ids of the given level, has a copy of what meets the need: of its
    /// passages, or of its article where that as a whole was judged.
    pub fn has_copy(&self, need: &Need, level: Level, results: &[&str]) -> Result<bool> {
        let whole =
            level == Level::Article || need.locations.iter().all(|place| place.span.is_none());
        let (mut judged, mut judged_places) = (Vec::new(), HashSet::new());
        for stored in self.stored_places(need) {
            let (place, stored) = stored?;
            if whole {
                judged.push(stored.article.text.clone());
                judged_places.insert(place.article.as_str());
            } else {
                let numbers = place.passages.iter().filter_map(|id| passage_number(id));
                let spans = numbers.filter_map(|(_, number)| stored.passages.get(number));
                judged.extend(spans.map(|span| span.of(&stored.article.text).to_owned()));
                judged_places.extend(place.passages.iter().map(String::as_str));
            }
        }
        let judged: Vec<_> = judged
            .iter()
            .map(|text| (text.len(), LazyCell::new(|| shingles(text))))
            .collect();
        for result in results {
            let passage = passage_number(result).filter(|_| level == Level::Answer);
            let article = passage.map_or(*result, |(article, _)| article);
            if judged_places.contains(if whole { article } else { result }) {
                continue;
            }
            let Some(stored) = self.article(article)? else {
                continue;
            };
            let text = match passage.filter(|_| !whole) {
                Some((_, number)) => match stored.passages.get(number) {
                    Some(span) => span.of(&stored.article.text),
                    None => continue,
                },
                None => stored.article.text.as_str(),
            };
            let found = LazyCell::new(|| shingles(text));
            // Most texts differ in length too much to be copies.
            if judged.iter().any(|(bytes, judged)| {
                2 * bytes.min(&text.len()) >= *bytes.max(&text.len())
                    && are_near_duplicates(judged, &found)
            }) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The best cosine of the truncated parts of the passages that hold a need.
    pub fn best_truncated_cosine(
        &self,
        embedder: &mut dyn Embedder,
        need: &Need,
        query: &[f32],
    ) -> Result<Option<f32>> {
        let mut best = None;
        for stored in self.stored_places(need) {
            let (place, stored) = stored?;
            let holds = |passage: &&ByteSpan| {
                place
                    .span
                    .is_none_or(|span| eval::needs::covers(**passage, span))
            };
            for passage in stored.passages.iter().filter(holds) {
                let vectors = self.cached(&place.article, *passage, || {
                    self.embed_truncated(embedder, &stored, *passage)
                })?;
                best = max_cosine(best, &vectors, query);
            }
        }
        Ok(best)
    }

    /// The best cosine of the need's answer, embedded as a whole; `None` if some passage holds it
    /// whole.
    pub fn best_unsplit_cosine(
        &self,
        embedder: &mut dyn Embedder,
        need: &Need,
        query: &[f32],
    ) -> Result<Option<f32>> {
        let mut best = None;
        for stored in self.stored_places(need) {
            let (place, stored) = stored?;
            let Some(span) = place.span else {
                return Ok(None);
            };
            if stored
                .passages
                .iter()
                .any(|passage| passage.start <= span.start && span.end <= passage.end)
            {
                return Ok(None);
            }
            let text = span.of(&stored.article.text);
            let vectors = self.cached(&place.article, span, || {
                Ok(vec![embedder.embed(text, Role::Passage)?.vector])
            })?;
            best = max_cosine(best, &vectors, query);
        }
        Ok(best)
    }

    /// The places of a need with their articles, as far as these are in the collection.
    fn stored_places<'n>(
        &self,
        need: &'n Need,
    ) -> impl Iterator<Item = Result<(&'n Place, Arc<StoredArticle>)>> {
        need.locations.iter().filter_map(|place| {
            let stored = self.article(&place.article).transpose()?;
            Some(stored.map(|stored| (place, stored)))
        })
    }

    /// Computes the vectors of a span once.
    fn cached(
        &self,
        article: &str,
        span: ByteSpan,
        make: impl FnOnce() -> Result<PartVectors>,
    ) -> Result<PartVectors> {
        let key = (article.to_owned(), span);
        if let Some(cached) = self
            .vectors
            .lock()
            .ok()
            .and_then(|cached| cached.get(&key).cloned())
        {
            return Ok(cached);
        }
        let vectors = make()?;
        if let Ok(mut cached) = self.vectors.lock() {
            cached.insert(key, vectors.clone());
        }
        Ok(vectors)
    }

    /// The vectors of the part of a passage beyond the model's window, one per window.
    fn embed_truncated(
        &self,
        embedder: &mut dyn Embedder,
        stored: &StoredArticle,
        passage: ByteSpan,
    ) -> Result<PartVectors> {
        let (tokenizer, max_tokens) = (
            embedder.tokenizer().clone(),
            embedder.model().max_passage_tokens(),
        );
        let (article, text) = (&stored.article, passage.of(&stored.article.text));
        let mut vectors = Vec::new();
        // A passage is embedded with its title, or with a context of at most a share of the window.
        // So most passages are known to fit without chunking their article again.
        let context = tokenizer
            .count(&article.title)
            .max(max_tokens / CONTEXT_DIVISOR);
        if tokenizer.count(text) + context > max_tokens {
            let chunking = self.collection.manifest().chunking;
            let cuts = chunking.chunk(article, max_tokens, &|text| tokenizer.count(text));
            let embedded = cuts
                .into_iter()
                .find(|cut| cut.span == passage)
                .map(|cut| cut.embedded_text(article));
            let embedded = embedded.unwrap_or_else(|| text.to_owned());
            let mut rest = tokenizer.truncated_suffix(&embedded, max_tokens);
            while !rest.trim().is_empty() && vectors.len() < MAX_WINDOWS {
                vectors.push(embedder.embed(rest, Role::Passage)?.vector);
                rest = tokenizer.truncated_suffix(rest, max_tokens);
            }
        }
        Ok(vectors)
    }

    /// An article, kept in memory for the next need in it.
    fn article(&self, id: &str) -> Result<Option<Arc<StoredArticle>>> {
        if let Some(cached) = self
            .articles
            .lock()
            .ok()
            .and_then(|cached| cached.get(id).cloned())
        {
            return Ok(Some(cached));
        }
        let Some(stored) = self.collection.article(id)?.map(Arc::new) else {
            return Ok(None);
        };
        if let Ok(mut cached) = self.articles.lock()
            && cached.len() < MAX_CACHED_ARTICLES
        {
            cached.insert(id.to_owned(), stored.clone());
        }
        Ok(Some(stored))
    }
}

/// The highest of `best` and the cosines of `vectors` with the query.
fn max_cosine(best: Option<f32>, vectors: &PartVectors, query: &[f32]) -> Option<f32> {
    let cosines = vectors
        .iter()
        .map(|vector| index::distance::dot()(vector, query));
    best.into_iter().chain(cosines).reduce(f32::max)
}

/// The article and number of the passage `article#number`.
fn passage_number(id: &str) -> Option<(&str, usize)> {
    let (article, number) = id.rsplit_once('#')?;
    Some((article, number.parse().ok()?))
}
