//! Searching: which rows a condition allows, the server's searches, and the exact one over what only has a graph there.

use crate::client::parameter;
use crate::expression::{self, Fields};
use crate::proto::{DataType, PlaceholderGroup, PlaceholderValue, Search};
use crate::reader::{FIRST_PAGES, RowReader, SCAN_ROWS, article_in};
use crate::schema::{ARTICLE, BM25, FACTS, KEY};
use prost::Message;
use serde_json::{Map, Value as Json};
use std::collections::HashSet;
use store::filter::explain::MAX_VALUES;
use store::filter::{ID, Matcher, Value};
use store::{Candidate, Error, Filter, PassageKey, Result};

/// More results a server does not give to one question.
const MAX_RESULTS: usize = 16_384;
/// What a condition that no server can be told may allow: so many articles are article_in instead.
const MAX_LISTED_ARTICLES: usize = 20_000;

/// Searches the passages of a collection as of the reader's timestamp.
pub struct Searcher<'a> {
    pub reader: &'a RowReader,
    /// The metadata fields of the articles.
    pub fields: &'a Fields,
}

impl Searcher<'_> {
    /// What of the server's rows a condition allows; `None` for all of them.
    fn allowed(&self, filter: Option<&Filter>) -> Result<Option<String>> {
        let Some(filter) = filter else { return Ok(None) };
        let known = self.fields;
        for clause in filter.clauses() {
            if clause.field != ID && !known.is_empty() && !known.contains_key(&clause.field) {
                let known = known.keys().map(String::as_str).chain([ID]).collect::<Vec<_>>().join(", ");
                return Err(Error::UnknownField { field: clause.field.clone(), known });
            }
        }
        if let Some(expression) = expression::to_expression(filter, known) {
            return Ok(Some(expression));
        }
        // What servers cannot be told is looked for here, and the articles article_in.
        let mut allowed = Vec::new();
        let fields = [KEY, ARTICLE, FACTS];
        self.reader.for_each_page(
            &self.reader.client.location().articles_collection(),
            FIRST_PAGES,
            &fields,
            SCAN_ROWS,
            &mut |columns| {
                for (at, id) in columns.strings(ARTICLE).iter().enumerate() {
                    let facts = self.reader.cell(columns.json(FACTS), at, FACTS)?;
                    let facts: Map<String, Json> = serde_json::from_slice(facts).unwrap_or_default();
                    if matches_filter(filter, id, &facts) {
                        allowed.push(id.clone());
                    }
                }
                Ok(())
            },
        )?;
        if allowed.len() > MAX_LISTED_ARTICLES {
            return Err(self.reader.client.error(format!(
                "the condition {filter} cannot be told to Milvus, and allows more articles than can be article_in ({}): \
                 words, numbers, dates and a * at the end of a word can",
                allowed.len()
            )));
        }
        Ok(Some(article_in(&allowed)))
    }

    /// The best of a search in `field` for what stands in `asked`.
    pub fn search(
        &self,
        field: &str,
        metric: &str,
        params: &str,
        asked: (DataType, Vec<u8>),
        k: usize,
        filter: Option<&Filter>,
    ) -> Result<Vec<Candidate>> {
        let placeholder = PlaceholderValue { tag: "$0".to_owned(), kind: asked.0.into(), values: vec![asked.1] };
        let answer = self.reader.client.read(Search {
            collection_name: self.reader.passages().to_owned(),
            expr: self.allowed(filter)?.unwrap_or_default(),
            placeholder_group: PlaceholderGroup { placeholders: vec![placeholder] }.encode_to_vec(),
            dsl_type: 1,
            // Of none the lightest server gives all.
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
        let results = answer.results.unwrap_or_default();
        let keys = results.ids.and_then(|ids| ids.longs).unwrap_or_default().data;
        let found = keys.into_iter().zip(results.scores);
        let mut found: Vec<_> = found.map(|(key, score)| Candidate { key: PassageKey(key as u64), score }).collect();
        if metric == BM25 {
            // Which sign they have is the server's business.
            found.iter_mut().for_each(|candidate| candidate.score = candidate.score.abs());
        }
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        Ok(found)
    }

    /// The nearest of all vectors, looked at here: what a graph on the server gives is not exact.
    pub fn scan(&self, all: &Vectors, vector: &[f32], k: usize, filter: Option<&Filter>) -> Result<Vec<Candidate>> {
        let allowed = match self.allowed(filter)? {
            None => None,
            Some(expr) => {
                let mut allowed: HashSet<i64> = HashSet::new();
                self.reader.for_each_page(self.reader.passages(), &expr, &[KEY], SCAN_ROWS, &mut |columns| {
                    allowed.extend(columns.longs(KEY));
                    Ok(())
                })?;
                Some(allowed)
            }
        };
        let rows = all.keys.iter().zip(all.flat.chunks_exact(vector.len()));
        let rows = rows.filter(|(key, _)| allowed.as_ref().is_none_or(|allowed| allowed.contains(*key)));
        let dot = index::distance::dot();
        let mut found: Vec<Candidate> =
            rows.map(|(key, row)| Candidate { key: PassageKey(*key as u64), score: dot(vector, row) }).collect();
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        found.truncate(k);
        Ok(found)
    }

    /// Whether any passage passes the filter.
    pub fn any_passes(&self, filter: &Filter) -> Result<bool> {
        let allowed = self.allowed(Some(filter))?.unwrap_or_default();
        Ok(self.reader.count(self.reader.passages(), &allowed)? > 0)
    }

    /// Up to [`MAX_VALUES`] values of a field, with repetitions.
    pub fn values(&self, field: &str) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        let fields = [KEY, ARTICLE, FACTS];
        self.reader.for_each_page(
            &self.reader.client.location().articles_collection(),
            FIRST_PAGES,
            &fields,
            SCAN_ROWS,
            &mut |columns| {
                if values.len() >= MAX_VALUES {
                    return Ok(());
                }
                if field == ID {
                    values.extend(columns.strings(ARTICLE).iter().cloned().map(Value::Text));
                }
                for facts in columns.json(FACTS) {
                    let facts: Map<String, Json> = serde_json::from_slice(facts).unwrap_or_default();
                    values.extend(expression::field_values(&facts, field));
                }
                Ok(())
            },
        )?;
        values.truncate(MAX_VALUES);
        Ok(values)
    }
}

/// All vectors in the order of their keys.
pub struct Vectors {
    pub keys: Vec<i64>,
    /// Row-major, one row for each key.
    pub flat: Vec<f32>,
}

/// Whether an article's facts pass a condition.
fn matches_filter(filter: &Filter, id: &str, facts: &Map<String, Json>) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| matches_filter(part, id, facts)),
        Filter::Or(parts) => parts.iter().any(|part| matches_filter(part, id, facts)),
        Filter::Not(part) => !matches_filter(part, id, facts),
        Filter::Is(clause) => {
            let matcher = Matcher::new(clause);
            match clause.field.as_str() {
                ID => matcher.matches(&Value::Text(id.to_owned())),
                field => expression::field_values(facts, field).any(|value| matcher.matches(&value)),
            }
        }
    }
}
