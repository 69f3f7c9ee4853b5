//! Searches: filters, the server's searches, and exact search on collections with a graph.

use crate::client::parameter;
use crate::expression::{self, Fields, Terms};
use crate::proto::{DataType, PlaceholderGroup, PlaceholderValue, Search};
use crate::reader::{RowReader, SCAN_ROWS, article_in};
use crate::schema::{ARTICLE, BM25, KEY};
use prost::Message;
use std::collections::HashSet;
use store::filter::explain::MAX_VALUES;
use store::filter::{ID, Matcher, Value};
use store::{Filter, PassageKey, Result, ScoredPassage};

/// The most results of one search; Milvus allows no more.
const MAX_RESULTS: usize = 16_384;
/// The most articles that an expression lists by id.
const MAX_LISTED_ARTICLES: usize = 20_000;

/// Searches the passages of a collection as of the reader's timestamp.
pub struct Searcher<'a> {
    pub reader: &'a RowReader,
    /// The metadata fields of the articles.
    pub fields: &'a Fields,
}

impl Searcher<'_> {
    /// The filter as a Milvus expression; `None` for no filter. A filter that Milvus cannot express
    /// is evaluated here, and the expression lists the matching articles by id.
    fn filter_expression(&self, filter: Option<&Filter>) -> Result<Option<String>> {
        let Some(filter) = filter else {
            return Ok(None);
        };
        let known: Vec<&str> = self.fields.keys().map(String::as_str).collect();
        filter.ensure_fields_exist(&known)?;
        if let Some(expression) = expression::to_expression(filter, self.fields) {
            return Ok(Some(expression));
        }
        // Evaluate the filter on the metadata terms of every article.
        let mut allowed = Vec::new();
        self.reader
            .for_each_metadata(ARTICLE, &mut |columns, at, terms| {
                let id = self.reader.cell(columns.strings(ARTICLE), at, ARTICLE)?;
                if matches_filter(filter, id, terms) {
                    allowed.push(id.clone());
                }
                Ok(())
            })?;
        if allowed.len() > MAX_LISTED_ARTICLES {
            return Err(self.reader.client.error(format!(
                "Milvus cannot express the filter {filter}, and it matches too many articles to list ({}); \
                 words, numbers, dates and a * at the end of a word are fine",
                allowed.len()
            )));
        }
        Ok(Some(article_in(&allowed)))
    }

    /// Searches `field` for a query value, best results first.
    pub fn search(
        &self,
        field: &str,
        metric: &str,
        params: &str,
        query: (DataType, Vec<u8>),
        k: usize,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>> {
        let placeholder = PlaceholderValue {
            tag: "$0".to_owned(),
            kind: query.0.into(),
            values: vec![query.1],
        };
        let response = self.reader.client.read(Search {
            collection_name: self.reader.passages().to_owned(),
            expr: self.filter_expression(filter)?.unwrap_or_default(),
            placeholder_group: PlaceholderGroup {
                placeholders: vec![placeholder],
            }
            .encode_to_vec(),
            dsl_type: 1,
            // With no output fields milvus-lite returns all of them.
            output_fields: vec![KEY.to_owned()],
            search_params: vec![
                parameter("anns_field", field),
                parameter("topk", k.clamp(1, MAX_RESULTS)),
                parameter("params", params),
                parameter("metric_type", metric),
                parameter("round_decimal", -1),
            ],
            guarantee_timestamp: self.reader.timestamp,
            nq: 1,
        })?;
        let results = response.results.unwrap_or_default();
        let keys = results
            .ids
            .and_then(|ids| ids.longs)
            .unwrap_or_default()
            .data;
        let candidates = keys.into_iter().zip(results.scores);
        let mut candidates: Vec<_> = candidates
            .map(|(key, score)| ScoredPassage {
                key: PassageKey(key as u64),
                score,
            })
            .collect();
        if metric == BM25 {
            // The sign of BM25 scores depends on the server.
            candidates
                .iter_mut()
                .for_each(|candidate| candidate.score = candidate.score.abs());
        }
        candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        Ok(candidates)
    }

    /// The exact nearest vectors by brute force, for collections whose server has an approximate
    /// graph.
    pub fn scan(
        &self,
        all: &Vectors,
        vector: &[f32],
        k: usize,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>> {
        let allowed = match self.filter_expression(filter)? {
            None => None,
            Some(expr) => {
                let mut allowed: HashSet<i64> = HashSet::new();
                self.reader.for_each_page(
                    self.reader.passages(),
                    &expr,
                    &[KEY],
                    SCAN_ROWS,
                    &mut |columns| {
                        allowed.extend(columns.longs(KEY));
                        Ok(())
                    },
                )?;
                Some(allowed)
            }
        };
        let rows = all.keys.iter().zip(all.flat.chunks_exact(vector.len()));
        let rows = rows.filter(|(key, _)| {
            allowed
                .as_ref()
                .is_none_or(|allowed| allowed.contains(*key))
        });
        let dot = index::distance::dot();
        let mut candidates: Vec<ScoredPassage> = rows
            .map(|(key, row)| ScoredPassage {
                key: PassageKey(*key as u64),
                score: dot(vector, row),
            })
            .collect();
        candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        candidates.truncate(k);
        Ok(candidates)
    }

    /// Whether any passage passes the filter.
    pub fn has_match(&self, filter: &Filter) -> Result<bool> {
        let allowed = self.filter_expression(Some(filter))?.unwrap_or_default();
        Ok(self.reader.count(self.reader.passages(), &allowed)? > 0)
    }

    /// Up to [`MAX_VALUES`] values of a field, with repetitions.
    pub fn values(&self, field: &str) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        self.reader
            .for_each_metadata(ARTICLE, &mut |columns, at, terms| {
                if values.len() >= MAX_VALUES {
                    return Ok(());
                }
                if field == ID {
                    let id = self.reader.cell(columns.strings(ARTICLE), at, ARTICLE)?;
                    values.push(Value::Text(id.clone()));
                }
                values.extend(expression::field_values(terms, field));
                Ok(())
            })?;
        values.truncate(MAX_VALUES);
        Ok(values)
    }
}

/// All vectors of a collection, in key order.
pub struct Vectors {
    pub keys: Vec<i64>,
    /// Row-major, one row for each key.
    pub flat: Vec<f32>,
}

/// Whether an article's metadata terms pass a filter.
fn matches_filter(filter: &Filter, id: &str, terms: &Terms) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| matches_filter(part, id, terms)),
        Filter::Or(parts) => parts.iter().any(|part| matches_filter(part, id, terms)),
        Filter::Not(part) => !matches_filter(part, id, terms),
        Filter::Clause(clause) => {
            let matcher = Matcher::new(clause);
            match clause.field.as_str() {
                ID => matcher.matches(&Value::Text(id.to_owned())),
                field => {
                    expression::field_values(terms, field).any(|value| matcher.matches(&value))
                }
            }
        }
    }
}
