//! All that a commit holds, gone through.

use super::Snapshot;
use super::opening::file_sizes;
use crate::collection::{ArticleMeta, Catalog, PassageKey, Stats};
use crate::local::records;
use crate::{Error, Result};
use ingest::Fingerprint;
use ingest::pipeline::{EmbeddedArticle, Passage};
use std::collections::{HashMap, HashSet};
use tantivy::{DocAddress, TantivyDocument};

impl Snapshot {
    /// Calls `visit` with the id and document address of every live article.
    fn for_each_article(&self, mut visit: impl FnMut(String, DocAddress) -> Result<()>) -> Result<()> {
        let ids = self.texts("id")?;
        for at in self.alive() {
            if let Some(id) = self.text_at(&ids, at)? {
                visit(id, at)?;
            }
        }
        Ok(())
    }

    /// Every article's id.
    pub fn article_ids(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        self.for_each_article(|id, _| {
            ids.push(id);
            Ok(())
        })?;
        Ok(ids)
    }

    /// The ids of articles whose passages, or their vectors, are not all there.
    pub fn incomplete(&self) -> Result<Vec<String>> {
        let names = self.names()?;
        let mut found: HashMap<String, usize> = HashMap::new();
        for (key, at) in self.live_addresses()? {
            if let Some(id) = self.parent(names, *at)?
                && self.missing_vectors()?.binary_search(key).is_err()
            {
                *found.entry(id).or_default() += 1;
            }
        }
        let mut incomplete = Vec::new();
        for id in self.article_ids()? {
            let expected = self.article(&id)?.map_or(0, |stored| stored.passages.len());
            if found.get(&id).copied().unwrap_or_default() != expected {
                incomplete.push(id);
            }
        }
        Ok(incomplete)
    }

    /// Every id that a passage gives as its article's.
    pub fn parents(&self) -> Result<HashSet<String>> {
        let names = self.names()?;
        let parents = self.live_addresses()?.iter().map(|(_, at)| self.parent(names, *at));
        parents.filter_map(Result::transpose).collect()
    }

    /// Every article with its passages and vectors, in the order in which they were added.
    pub fn for_each_embedded_article(&self, visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>) -> Result<()> {
        let (names, lines) = (self.names()?, &self.places()?.lines);
        let mut order: Vec<String> = Vec::new();
        let mut passages: HashMap<String, Vec<(u64, PassageKey, u64)>> = HashMap::new();
        for (key, at) in self.live_addresses()? {
            let (Some(id), Some(ordinal)) = (self.parent(names, *at)?, names.ordinals.number(*at)) else { continue };
            let place = (ordinal, PassageKey(*key), lines.number(*at).unwrap_or_default());
            match passages.get_mut(&id) {
                Some(places) => places.push(place),
                None => {
                    order.push(id.clone());
                    passages.insert(id, vec![place]);
                }
            }
        }
        let without = self.article_ids()?.into_iter().filter(|id| !passages.contains_key(id));
        order.extend(without);
        let cards = self.catalog()?.articles;
        let tags: Vec<_> = self.segments.iter().map(|segment| segment.vectors().tags()).collect();
        for id in order {
            let mut places = passages.remove(&id).unwrap_or_default();
            places.sort_unstable();
            let (stored, card) = match (self.article(&id)?, cards.get(&id)) {
                (Some(stored), Some(card)) if stored.passages.len() == places.len() => (stored, card),
                _ => return Err(Error::damaged(self.layout.root(), format!("article {id:?} is not whole"))),
            };
            let passages = stored.passages.into_iter().zip(places).map(|(span, (_, key, line))| {
                let (at, row) = self.row_of(key)?;
                let vectors = self.segments[at].vectors();
                let (tag, vector) = (tags[at][row as usize], vectors.vector(row).to_vec());
                vectors.intact()?;
                Ok(Passage { span, line, fingerprint: Fingerprint(tag), vector: Some(vector) })
            });
            let passages = passages.collect::<Result<_>>()?;
            visit(EmbeddedArticle { article: stored.article, fingerprint: card.fingerprint, passages })?;
        }
        Ok(())
    }

    pub fn corpus_fingerprint(&self) -> Result<Fingerprint> {
        let mut articles: Vec<(String, Fingerprint)> = Vec::new();
        self.for_each_article(|id, at| {
            let document: TantivyDocument = self.searcher.doc(at).map_err(self.text_error())?;
            let stored = self.fields.stored_article(&id, String::new(), &document);
            let fingerprint = stored.map_or(Fingerprint([0; 16]), |stored| stored.article.fingerprint(""));
            articles.push((id, fingerprint));
            Ok(())
        })?;
        articles.sort_unstable();
        Ok(Fingerprint::of(articles.iter().flat_map(|(id, of)| [id.as_bytes(), of.0.as_slice()])))
    }

    /// Reads what is known of the article of a document.
    fn card(&self) -> Result<impl Fn(DocAddress) -> Result<ArticleMeta>> {
        let fingerprints = self.columns(|segment| segment.fast_fields().bytes("fingerprint"))?;
        let sources = self.texts("source")?;
        Ok(move |at: DocAddress| {
            let mut bytes = Vec::new();
            if let Some(column) = fingerprints.at(at).and_then(Option::as_ref)
                && let Some(ord) = column.term_ords(at.doc_id).next()
            {
                column.ord_to_bytes(ord, &mut bytes).map_err(self.io_error())?;
            }
            Ok(ArticleMeta {
                fingerprint: records::fingerprint(&bytes).unwrap_or(Fingerprint([0; 16])),
                path: self.text_at(&sources, at)?.unwrap_or_default(),
            })
        })
    }

    pub fn cards(&self, ids: &[&str]) -> Result<HashMap<String, ArticleMeta>> {
        let (card, mut cards) = (self.card()?, HashMap::new());
        for id in ids {
            if let Some(at) = self.find(id)? {
                cards.insert((*id).to_owned(), card(at)?);
            }
        }
        Ok(cards)
    }

    pub fn catalog(&self) -> Result<Catalog> {
        let mut catalog = Catalog { keeps: true, ..Catalog::default() };
        let card = self.card()?;
        self.for_each_article(|id, at| {
            catalog.articles.insert(id, card(at)?);
            Ok(())
        })?;
        for segment in &self.segments {
            let tags = segment.vectors().tags();
            segment.vectors().intact()?;
            catalog.vectors.extend(tags.iter().map(|tag| Fingerprint(*tag)));
        }
        Ok(catalog)
    }

    /// How big the commit is, worked out once.
    pub fn stats(&self) -> Result<Stats> {
        if let Some(stats) = self.stats.get() {
            return Ok(stats.clone());
        }
        let stats = self.count()?;
        Ok(self.stats.get_or_init(|| stats).clone())
    }

    fn count(&self) -> Result<Stats> {
        // Only articles have this field.
        let questions = self.numbers("questions")?;
        let questions: Vec<u64> = self.alive().filter_map(|at| questions.number(at)).collect();
        let passages = self.live()?.documents.len();
        let health = self.segments.iter().filter_map(|segment| segment.graph()).map(index::Graph::health);
        Ok(Stats {
            articles: questions.len(),
            passages,
            questions: questions.iter().sum::<u64>() as usize,
            dead_vectors: self
                .live()?
                .rows
                .iter()
                .zip(&self.segments)
                .map(|(live, s)| s.vectors().rows() - live.count())
                .sum(),
            segments: self.segments.len(),
            graphs: self.segments.iter().filter(|segment| segment.graph().is_some()).count(),
            links_added: Some(health.clone().map(|health| health.linked).sum()),
            self_misses: Some(health.map(|health| health.lost).sum()),
            text_bytes: Some(file_sizes(&self.layout.text()).iter().sum()),
            vector_bytes: Some(file_sizes(&self.layout.vectors()).iter().sum()),
        })
    }
}
