//! Scans over everything that a commit holds.

use super::Snapshot;
use super::open::file_sizes;
use crate::collection::{ArticleMeta, Catalog, PassageKey, Stats};
use crate::local::records;
use crate::{Error, Result};
use ingest::Fingerprint;
use ingest::pipeline::{EmbeddedArticle, Passage};
use std::collections::{HashMap, HashSet};
use tantivy::{DocAddress, TantivyDocument};

impl Snapshot {
    /// Calls `visit` with the id and document address of every live article.
    fn for_each_article_address(
        &self,
        mut visit: impl FnMut(String, DocAddress) -> Result<()>,
    ) -> Result<()> {
        let ids = self.text_columns("id")?;
        for at in self.live_addresses() {
            if let Some(id) = self.text_at(&ids, at)? {
                visit(id, at)?;
            }
        }
        Ok(())
    }

    /// The ids of all articles.
    pub fn article_ids(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        self.for_each_article_address(|id, _| {
            ids.push(id);
            Ok(())
        })?;
        Ok(ids)
    }

    /// The ids of articles with missing passages or vectors.
    pub fn incomplete(&self) -> Result<Vec<String>> {
        let ids = self.ids()?;
        let mut found: HashMap<String, usize> = HashMap::new();
        for (key, at) in self.live_passages()? {
            if let Some(id) = self.parent(ids, *at)?
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

    /// The article ids that live passages refer to, whether or not these articles exist.
    pub fn parents(&self) -> Result<HashSet<String>> {
        let ids = self.ids()?;
        let parents = self
            .live_passages()?
            .iter()
            .map(|(_, at)| self.parent(ids, *at));
        parents.filter_map(Result::transpose).collect()
    }

    /// Calls `visit` with every article, its passages and vectors, in the order in which they were
    /// added.
    pub fn for_each_embedded_article(
        &self,
        visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>,
    ) -> Result<()> {
        let (ids, lines) = (self.ids()?, &self.spans()?.lines);
        let mut order: Vec<String> = Vec::new();
        let mut passages: HashMap<String, Vec<(u64, PassageKey, u64)>> = HashMap::new();
        for (key, at) in self.live_passages()? {
            let (Some(id), Some(ordinal)) = (self.parent(ids, *at)?, ids.ordinals.number(*at))
            else {
                continue;
            };
            let passage = (
                ordinal,
                PassageKey(*key),
                lines.number(*at).unwrap_or_default(),
            );
            match passages.get_mut(&id) {
                Some(passages) => passages.push(passage),
                None => {
                    order.push(id.clone());
                    passages.insert(id, vec![passage]);
                }
            }
        }
        let without_passages = self
            .article_ids()?
            .into_iter()
            .filter(|id| !passages.contains_key(id));
        order.extend(without_passages);
        let meta = self.catalog()?.articles;
        let fingerprints: Vec<_> = self
            .segments
            .iter()
            .map(|segment| segment.vectors().fingerprints())
            .collect();
        for id in order {
            let mut parts = passages.remove(&id).unwrap_or_default();
            parts.sort_unstable();
            let (stored, meta) = match (self.article(&id)?, meta.get(&id)) {
                (Some(stored), Some(meta)) if stored.passages.len() == parts.len() => {
                    (stored, meta)
                }
                _ => {
                    return Err(Error::damaged(
                        self.layout.root(),
                        format!("article {id:?} is incomplete"),
                    ));
                }
            };
            let passages = stored
                .passages
                .into_iter()
                .zip(parts)
                .map(|(span, (_, key, line))| {
                    let (segment, row) = self.find_row(key)?;
                    let vectors = self.segments[segment].vectors();
                    let (fingerprint, vector) = (
                        fingerprints[segment][row as usize],
                        vectors.vector(row).to_vec(),
                    );
                    vectors.ensure_reads_valid()?;
                    Ok(Passage {
                        span,
                        line,
                        fingerprint: Fingerprint(fingerprint),
                        vector: Some(vector),
                    })
                });
            let passages = passages.collect::<Result<_>>()?;
            visit(EmbeddedArticle {
                article: stored.article,
                fingerprint: meta.fingerprint,
                passages,
            })?;
        }
        Ok(())
    }

    pub fn corpus_fingerprint(&self) -> Result<Fingerprint> {
        let mut articles: Vec<(String, Fingerprint)> = Vec::new();
        self.for_each_article_address(|id, at| {
            let document: TantivyDocument = self.searcher.doc(at).map_err(self.text_error())?;
            let stored = self.fields.stored_article(&id, String::new(), &document);
            let fingerprint = stored.map_or(Fingerprint([0; 16]), |stored| {
                stored.article.fingerprint("")
            });
            articles.push((id, fingerprint));
            Ok(())
        })?;
        articles.sort_unstable();
        Ok(Fingerprint::of(
            articles
                .iter()
                .flat_map(|(id, of)| [id.as_bytes(), of.0.as_slice()]),
        ))
    }

    /// Opens the columns of article metadata; the returned function reads one article's.
    fn meta_reader(&self) -> Result<impl Fn(DocAddress) -> Result<ArticleMeta>> {
        let fingerprints = self.columns(|segment| segment.fast_fields().bytes("fingerprint"))?;
        let sources = self.text_columns("source")?;
        Ok(move |at: DocAddress| {
            let mut bytes = Vec::new();
            if let Some(column) = fingerprints.of_segment(at).and_then(Option::as_ref)
                && let Some(ord) = column.term_ords(at.doc_id).next()
            {
                column
                    .ord_to_bytes(ord, &mut bytes)
                    .map_err(self.io_error())?;
            }
            Ok(ArticleMeta {
                fingerprint: records::fingerprint(&bytes).unwrap_or(Fingerprint([0; 16])),
                path: self.text_at(&sources, at)?.unwrap_or_default(),
            })
        })
    }

    pub fn article_meta(&self, ids: &[&str]) -> Result<HashMap<String, ArticleMeta>> {
        let (read, mut found) = (self.meta_reader()?, HashMap::new());
        for id in ids {
            if let Some(at) = self.find_article(id)? {
                found.insert((*id).to_owned(), read(at)?);
            }
        }
        Ok(found)
    }

    pub fn catalog(&self) -> Result<Catalog> {
        let mut catalog = Catalog {
            reuses_vectors: true,
            ..Catalog::default()
        };
        let read = self.meta_reader()?;
        self.for_each_article_address(|id, at| {
            catalog.articles.insert(id, read(at)?);
            Ok(())
        })?;
        for segment in &self.segments {
            let fingerprints = segment.vectors().fingerprints();
            segment.vectors().ensure_reads_valid()?;
            catalog.vectors.extend(
                fingerprints
                    .iter()
                    .map(|fingerprint| Fingerprint(*fingerprint)),
            );
        }
        Ok(catalog)
    }

    /// The size of the collection, computed once.
    pub fn stats(&self) -> Result<Stats> {
        if let Some(stats) = self.stats.get() {
            return Ok(stats.clone());
        }
        let stats = self.compute_stats()?;
        Ok(self.stats.get_or_init(|| stats).clone())
    }

    fn compute_stats(&self) -> Result<Stats> {
        // Only article documents have this field.
        let questions = self.number_columns("questions")?;
        let questions: Vec<u64> = self
            .live_addresses()
            .filter_map(|at| questions.number(at))
            .collect();
        let passages = self.live()?.documents.len();
        let health = self
            .segments
            .iter()
            .filter_map(|segment| segment.graph())
            .map(index::Graph::build_report);
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
            graphs: self
                .segments
                .iter()
                .filter(|segment| segment.graph().is_some())
                .count(),
            links_added: Some(health.clone().map(|health| health.links_added).sum()),
            self_misses: Some(health.map(|health| health.self_misses).sum()),
            text_bytes: Some(file_sizes(&self.layout.text()).iter().sum()),
            vector_bytes: Some(file_sizes(&self.layout.vectors()).iter().sum()),
        })
    }
}
