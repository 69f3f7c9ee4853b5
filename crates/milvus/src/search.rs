//! Searching: which rows a condition allows, the server's searches, and the exact one over what only has a graph there.

use crate::collection::MilvusCollection;
use crate::expression;
use crate::proto::{DataType, Placeholder, Placeholders, Search};
use crate::reading::{FIRST_PAGES, PAGE_ROWS, named};
use crate::schema::{ARTICLE, BM25, FACTS, KEY};
use crate::wire::parameter;
use prost::Message;
use serde_json::{Map, Value as Json};
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use store::filter::explain::{FieldValues, MAX_VALUES};
use store::filter::{ID, Matcher, Value};
use store::{Candidate, Collection, Error, Filter, PassageKey, Result};

/// More results a server does not give to one question.
const MOST_RESULTS: usize = 16_384;
/// What a condition that no server can be told may allow: so many articles are named instead.
const MOST_NAMED: usize = 20_000;

impl MilvusCollection {
    /// What of the server's rows a condition allows; `None` for all of them.
    fn allowed(&self, filter: Option<&Filter>) -> Result<Option<String>> {
        let Some(filter) = filter else { return Ok(None) };
        let known = &self.head.fields;
        for clause in filter.clauses() {
            if clause.field != ID && !known.is_empty() && !known.contains_key(&clause.field) {
                let known = known.keys().map(String::as_str).chain([ID]).collect::<Vec<_>>().join(", ");
                return Err(Error::UnknownField { field: clause.field.clone(), known });
            }
        }
        if let Some(expression) = expression::expression(filter, known) {
            return Ok(Some(expression));
        }
        // What servers cannot be told is looked for here, and the articles named.
        let mut allowed = Vec::new();
        let fields = [KEY, ARTICLE, FACTS];
        self.rows.pages(&self.rows.wire.location().articles(), FIRST_PAGES, &fields, PAGE_ROWS, &mut |columns| {
            for (at, id) in columns.strings(ARTICLE).iter().enumerate() {
                let facts = self.rows.part(columns.documents(FACTS), at, FACTS)?;
                let facts: Map<String, Json> = serde_json::from_slice(facts).unwrap_or_default();
                if holds(filter, id, &facts) {
                    allowed.push(id.clone());
                }
            }
            Ok(())
        })?;
        if allowed.len() > MOST_NAMED {
            return Err(self.rows.wire.wrong(format!(
                "the condition {filter} cannot be told to Milvus, and allows more articles than can be named ({}): \
                 words, numbers, dates and a * at the end of a word can",
                allowed.len()
            )));
        }
        Ok(Some(named(&allowed)))
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
        let placeholder = Placeholder { tag: "$0".to_owned(), kind: asked.0.into(), values: vec![asked.1] };
        let answer = self.rows.wire.ask(Search {
            collection_name: self.passages().to_owned(),
            expr: self.allowed(filter)?.unwrap_or_default(),
            placeholders: Placeholders { placeholders: vec![placeholder] }.encode_to_vec(),
            expr_kind: 1,
            // Of none the lightest server gives all.
            output_fields: vec![KEY.to_owned()],
            search_params: vec![
                parameter("anns_field", field),
                parameter("topk", k.clamp(1, MOST_RESULTS)),
                parameter("params", params),
                parameter("metric_type", metric),
                parameter("round_decimal", -1),
            ],
            guarantee_timestamp: self.head.after,
            questions: 1,
        })?;
        let results = answer.results.unwrap_or_default();
        let keys = results.ids.and_then(|ids| ids.numbers).unwrap_or_default().data;
        let found = keys.into_iter().zip(results.scores);
        let mut found: Vec<_> = found.map(|(key, score)| Candidate { key: PassageKey(key as u64), score }).collect();
        if metric == BM25 {
            // Which sign they have is the server's business.
            found.iter_mut().for_each(|candidate| candidate.score = candidate.score.abs());
        }
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        Ok(found)
    }

    /// Every vector, read once.
    fn all_vectors(&self) -> Result<Arc<Vectors>> {
        let mut held = self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vectors) = &*held {
            return Ok(vectors.clone());
        }
        let mut all = Vectors { keys: Vec::new(), flat: Vec::new() };
        self.each_vector(&mut |key, vector| {
            all.keys.push(key.0 as i64);
            all.flat.extend_from_slice(vector);
            Ok(())
        })?;
        Ok(held.insert(Arc::new(all)).clone())
    }

    /// The nearest of all vectors, looked at here: what a graph on the server gives is not exact.
    pub fn scan(&self, vector: &[f32], k: usize, filter: Option<&Filter>) -> Result<Vec<Candidate>> {
        let all = self.all_vectors()?;
        let allowed = match self.allowed(filter)? {
            None => None,
            Some(expr) => {
                let mut allowed: HashSet<i64> = HashSet::new();
                self.rows.pages(self.passages(), &expr, &[KEY], PAGE_ROWS, &mut |columns| {
                    allowed.extend(columns.numbers(KEY));
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
}

impl FieldValues for MilvusCollection {
    fn any_passes(&self, filter: &Filter) -> Result<bool> {
        let allowed = self.allowed(Some(filter))?.unwrap_or_default();
        Ok(self.rows.counted(self.passages(), &allowed)? > 0)
    }

    fn values(&self, field: &str) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        let fields = [KEY, ARTICLE, FACTS];
        self.rows.pages(&self.rows.wire.location().articles(), FIRST_PAGES, &fields, PAGE_ROWS, &mut |columns| {
            if values.len() >= MAX_VALUES {
                return Ok(());
            }
            if field == ID {
                values.extend(columns.strings(ARTICLE).iter().cloned().map(Value::Text));
            }
            for facts in columns.documents(FACTS) {
                let facts: Map<String, Json> = serde_json::from_slice(facts).unwrap_or_default();
                values.extend(expression::values(&facts, field));
            }
            Ok(())
        })?;
        values.truncate(MAX_VALUES);
        Ok(values)
    }
}

/// All vectors in the order of their keys.
pub struct Vectors {
    keys: Vec<i64>,
    flat: Vec<f32>,
}

/// Whether an article's facts pass a condition.
fn holds(filter: &Filter, id: &str, facts: &Map<String, Json>) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| holds(part, id, facts)),
        Filter::Or(parts) => parts.iter().any(|part| holds(part, id, facts)),
        Filter::Not(part) => !holds(part, id, facts),
        Filter::Is(clause) => {
            let matcher = Matcher::new(clause);
            match clause.field.as_str() {
                ID => matcher.matches(&Value::Text(id.to_owned())),
                field => expression::values(facts, field).any(|value| matcher.matches(&value)),
            }
        }
    }
}
