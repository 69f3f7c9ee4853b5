//! Lexical search: BM25 over passages and titles, a bonus for adjacent query words that are
//! adjacent in the passage, and fuzzy expansion of query words that no passage has.

mod v1;
mod v2;

use super::Snapshot;
use super::filter_eval::DocSetQuery;
use crate::analysis::{AnalyzerVersion, TextField};
use crate::collection::{PassageKey, QueryInterpretation, ScoredPassage, WordScore};
use crate::{Filter, Result};
use std::collections::HashMap;
use std::sync::Arc;
use tantivy::collector::TopDocs;
use tantivy::query::{
    Bm25StatisticsProvider, BooleanQuery, BoostQuery, Occur, PhraseQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, Searcher, Term};

/// The weight of BM25 in the title field. Titles are also part of the text field, so this comes on
/// top. A higher weight improves lexical search alone, but worsens hybrid search on SciFact.
/// nDCG@10 with weights 0, .1 and .25, of lexical and then of hybrid search: SciFact .684, .689,
/// .695 and .736, .737, .730; its training queries .696, .700, .702 and .732, .735, .733; Cranfield
/// .358, .365, .377 and .411, .415, .416.
const TITLE_BOOST: f32 = 0.1;
/// The weight of BM25 of a phrase of two adjacent words, and the number of best passages it is
/// added to. It raises nDCG@10 of lexical search alone by .003 on SciFact and by .001 on its
/// training queries and on Cranfield.
const PHRASE_BOOST: f32 = 0.05;
const PHRASE_DEPTH: usize = 300;
/// The longest run of equal scores at that depth that is read in full.
const MAX_PHRASE_TIES: usize = 100_000;
/// Of a longer query only the rarest words are searched for: the others discriminate little and
/// cost much.
const MAX_QUERY_WORDS: usize = 48;
/// The number of analyzed queries that are cached.
const QUERY_CACHE_SIZE: usize = 64;

/// A query as index terms.
#[derive(Debug, Default)]
pub struct AnalyzedQuery {
    /// The terms to search for.
    terms: Vec<WeightedTerm>,
    /// Pairs of adjacent stems.
    pairs: Vec<[String; 2]>,
    interpretation: QueryInterpretation,
}

/// A term to search for.
#[derive(Debug)]
struct WeightedTerm {
    /// The word as the query has it.
    word: String,
    /// The term as the index has it.
    term: String,
    field: TextField,
    weight: f32,
}

/// Analyzed queries by their texts.
pub type QueryCache = HashMap<String, Arc<AnalyzedQuery>>;

impl Snapshot {
    pub fn search_lexical(
        &self,
        text: &str,
        k: usize,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>> {
        let allowed = filter
            .map(|filter| self.evaluate_filter(filter))
            .transpose()?;
        if k == 0 || self.manifest.segments.is_empty() {
            return Ok(Vec::new());
        }
        let analyzed = self.analyze_query(text)?;
        if analyzed.terms.is_empty() {
            return Ok(Vec::new());
        }
        let query = self.any_of(
            self.all_term_queries(&analyzed),
            allowed.as_ref().map(|allowed| allowed.documents.clone()),
        );
        let mut hits = if analyzed.pairs.is_empty() {
            self.top_passages(&query, k)?
        } else {
            self.top_passages_with_ties(&query, k.max(PHRASE_DEPTH))?
        };
        // Equal passages get the bonus together, whatever `k` is and whichever segments they are in.
        let depth = match hits.get(PHRASE_DEPTH - 1) {
            Some(&(_, _, last)) => hits.partition_point(|(_, _, score)| *score >= last),
            None => hits.len(),
        };
        if depth > 0 && !analyzed.pairs.is_empty() {
            let documents =
                DocSetQuery::from_addresses(self, hits[..depth].iter().map(|(_, at, _)| *at));
            let bonus: HashMap<DocAddress, f32> = self
                .top_passages(
                    &self.any_of(self.all_pair_queries(&analyzed), Some(documents)),
                    depth,
                )?
                .into_iter()
                .map(|(_, at, score)| (at, score))
                .collect();
            hits[..depth]
                .iter_mut()
                .for_each(|(_, at, score)| *score += bonus.get(at).unwrap_or(&0.0));
        }
        let mut candidates: Vec<ScoredPassage> = hits
            .into_iter()
            .map(|(key, _, score)| ScoredPassage {
                key: PassageKey(key),
                score,
            })
            .collect();
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        candidates.truncate(k);
        Ok(candidates)
    }

    /// For each passage, the contributions of the query words to its score, largest first.
    pub fn explain_lexical(&self, text: &str, keys: &[PassageKey]) -> Result<Vec<Vec<WordScore>>> {
        let addresses = keys
            .iter()
            .map(|key| self.address(*key))
            .collect::<Result<Vec<_>>>()?;
        let mut all = vec![Vec::new(); keys.len()];
        let analyzed = self.analyze_query(text)?;
        let documents = DocSetQuery::from_addresses(self, addresses.iter().copied());
        let mut add = |query: Box<dyn Query>,
                       word: &str,
                       found_as: &str,
                       place: &'static str|
         -> Result<()> {
            let query = self.any_of(vec![query], Some(documents.clone()));
            for (_, at, score) in self.top_passages(&query, keys.len())? {
                for (_, scores) in addresses
                    .iter()
                    .zip(&mut all)
                    .filter(|(address, _)| **address == at)
                {
                    scores.push(WordScore {
                        word: word.to_owned(),
                        found_as: found_as.to_owned(),
                        place,
                        score,
                    });
                }
            }
            Ok(())
        };
        for term in &analyzed.terms {
            let shown = term
                .term
                .trim_start_matches(crate::analysis::VARIANT_MARKER);
            for (query, place) in self.term_queries(term) {
                add(query, &term.word, shown, place)?;
            }
        }
        for pair in &analyzed.pairs {
            add(
                self.pair_query(pair),
                &pair.join(" "),
                &pair.join(" "),
                "together",
            )?;
        }
        all.iter_mut()
            .for_each(|scores| scores.sort_by(|a, b| b.score.total_cmp(&a.score)));
        Ok(all)
    }

    /// How a query is interpreted.
    pub fn interpret_query(&self, text: &str) -> Result<QueryInterpretation> {
        Ok(self.analyze_query(text)?.interpretation.clone())
    }

    /// The terms of a query, by the analyzer that the collection was indexed with. Recent queries
    /// are cached.
    fn analyze_query(&self, text: &str) -> Result<Arc<AnalyzedQuery>> {
        if let Some(cached) = self
            .query_cache
            .lock()
            .ok()
            .and_then(|cache| cache.get(text).cloned())
        {
            return Ok(cached);
        }
        let analyzed = Arc::new(match AnalyzerVersion::of_format(self.manifest.format) {
            AnalyzerVersion::V1 => self.analyze_query_v1(text)?,
            AnalyzerVersion::V2 => self.analyze_query_v2(text)?,
        });
        if let Ok(mut cache) = self.query_cache.lock() {
            if cache.len() >= QUERY_CACHE_SIZE {
                cache.clear();
            }
            cache.insert(text.to_owned(), analyzed.clone());
        }
        Ok(analyzed)
    }

    /// The number of passages with a term. Deleted ones count until their segment is merged, as
    /// they do in BM25.
    fn doc_freq(&self, field: TextField, term: &str) -> Result<u64> {
        let Some(field) = self.schema_field(field) else {
            return Ok(0);
        };
        self.searcher
            .doc_freq(&Term::from_field_text(field, term))
            .map_err(self.text_error())
    }

    fn schema_field(&self, field: TextField) -> Option<Field> {
        match field {
            TextField::Stems => Some(self.fields.stems),
            TextField::Words => self.fields.words,
            TextField::WholeTitle => self.fields.whole_title,
        }
    }

    /// The queries for a term, each with the name of the field that it searches.
    fn term_queries(&self, term: &WeightedTerm) -> Vec<(Box<dyn Query>, &'static str)> {
        let of = |field: Field, weight: f32| -> Box<dyn Query> {
            let query = TermQuery::new(
                Term::from_field_text(field, &term.term),
                IndexRecordOption::WithFreqs,
            );
            if weight == 1.0 {
                Box::new(query)
            } else {
                Box::new(BoostQuery::new(Box::new(query), weight))
            }
        };
        let place = match term.field {
            TextField::Stems => "text",
            TextField::Words => "exact",
            TextField::WholeTitle => "title",
        };
        let heading = self
            .fields
            .title_stems
            .filter(|_| term.field == TextField::Stems);
        let own = self
            .schema_field(term.field)
            .map(|field| (of(field, term.weight), place));
        own.into_iter()
            .chain(heading.map(|heading| (of(heading, term.weight * TITLE_BOOST), "title")))
            .collect()
    }

    /// The phrase query for two adjacent stems.
    fn pair_query(&self, pair: &[String; 2]) -> Box<dyn Query> {
        let terms = pair
            .iter()
            .map(|term| Term::from_field_text(self.fields.stems, term));
        Box::new(BoostQuery::new(
            Box::new(PhraseQuery::new(terms.collect())),
            PHRASE_BOOST,
        ))
    }

    fn all_term_queries(&self, analyzed: &AnalyzedQuery) -> Vec<Box<dyn Query>> {
        analyzed
            .terms
            .iter()
            .flat_map(|term| self.term_queries(term))
            .map(|(query, _)| query)
            .collect()
    }

    fn all_pair_queries(&self, analyzed: &AnalyzedQuery) -> Vec<Box<dyn Query>> {
        analyzed
            .pairs
            .iter()
            .map(|pair| self.pair_query(pair))
            .collect()
    }

    /// The disjunction of `queries`, restricted to `documents` if given.
    fn any_of(&self, queries: Vec<Box<dyn Query>>, documents: Option<DocSetQuery>) -> BooleanQuery {
        let any = BooleanQuery::new(
            queries
                .into_iter()
                .map(|query| (Occur::Should, query))
                .collect(),
        );
        match documents {
            None => any,
            Some(documents) => {
                let parts: Vec<(Occur, Box<dyn Query>)> = vec![
                    (Occur::Must, Box::new(documents)),
                    (Occur::Must, Box::new(any)),
                ];
                BooleanQuery::new(parts)
            }
        }
    }

    /// The `k` best passages of a query, best first, and more if all that tie with number
    /// [`PHRASE_DEPTH`] would not be among them.
    fn top_passages_with_ties(
        &self,
        query: &BooleanQuery,
        k: usize,
    ) -> Result<Vec<(u64, DocAddress, f32)>> {
        let mut limit = k + 1;
        loop {
            let hits = self.top_passages(query, limit)?;
            let score = |at: usize| hits.get(at).map(|(_, _, score)| *score);
            let is_cut = score(limit - 1).is_some() && score(limit - 1) == score(PHRASE_DEPTH - 1);
            if !is_cut || limit > MAX_PHRASE_TIES {
                return Ok(hits);
            }
            limit *= 2;
        }
    }

    /// The `k` best passages of a query, best first: key, document, score.
    fn top_passages(&self, query: &BooleanQuery, k: usize) -> Result<Vec<(u64, DocAddress, f32)>> {
        // tantivy panics on a limit of 0.
        if k == 0 {
            return Ok(Vec::new());
        }
        let keys = &self.ids()?.keys;
        let passages = keys
            .0
            .iter()
            .flatten()
            .map(|column| u64::from(column.values.num_vals()))
            .sum();
        let statistics = PassageStatistics {
            searcher: &self.searcher,
            passages,
        };
        let top = TopDocs::with_limit(k).order_by_score();
        let hits = self
            .searcher
            .search_with_statistics_provider(query, &top, &statistics)
            .map_err(self.text_error())?;
        Ok(hits
            .into_iter()
            .filter_map(|(score, at)| Some((keys.number(at)?, at, score)))
            .collect())
    }
}

/// BM25 statistics over passages only. Article documents have no words in these fields, and
/// counting them would halve the average length.
struct PassageStatistics<'a> {
    searcher: &'a Searcher,
    /// Includes deleted passages until their text segment is merged, as tantivy's token counts and
    /// document frequencies do.
    passages: u64,
}

impl Bm25StatisticsProvider for PassageStatistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.searcher.total_num_tokens(field)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.passages)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.searcher.doc_freq(term)
    }
}
