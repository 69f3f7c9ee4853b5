//! Filter evaluation: which passages a filter allows, read off the text index's dictionary of
//! metadata terms. Both kinds of search apply the result before they rank.

use super::Snapshot;
use crate::filter::{Clause, Filter, ID, Matcher, Predicate, Value};
use crate::local::records;
use crate::{Error, Result};
use index::Bits;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tantivy::index::SegmentId;
use tantivy::query::{ConstScorer, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED};

/// The passages that a filter allows.
pub struct AllowedPassages {
    /// Their documents in the text segments.
    pub documents: DocSetQuery,
    /// Their rows in each vector segment.
    pub rows: Vec<Bits>,
}

impl AllowedPassages {
    /// The number of allowed passages.
    pub fn passage_count(&self) -> usize {
        self.rows.iter().map(Bits::count).sum()
    }
}

/// A fixed set of documents by text segment, as a tantivy query with score 0.
#[derive(Clone)]
pub struct DocSetQuery(Arc<HashMap<SegmentId, Arc<Bits>>>);

impl Snapshot {
    /// The passages that a filter allows. Recent results are cached.
    pub fn evaluate_filter(&self, filter: &Filter) -> Result<Arc<AllowedPassages>> {
        if let Some(cached) = self
            .filter_cache
            .lock()
            .ok()
            .and_then(|cache| cache.get(filter).cloned())
        {
            return Ok(cached);
        }
        self.ensure_fields_exist(filter)?;
        let readers = self.searcher.segment_readers();
        let mut live: Vec<Bits> = readers
            .iter()
            .map(|reader| Bits::new(reader.max_doc() as usize))
            .collect();
        for (_, at) in self.live_passages()? {
            live[at.segment_ord as usize].insert(at.doc_id);
        }
        let allowed = readers
            .iter()
            .zip(&live)
            .map(|(reader, live)| self.matching_docs(filter, reader, live));
        let allowed = allowed.collect::<Result<Vec<_>>>()?;
        let keys = self.live_passages()?.iter();
        let keys = keys
            .filter(|(_, at)| allowed[at.segment_ord as usize].contains(at.doc_id))
            .map(|(key, _)| *key);
        let (rows, _) = self.find_rows(keys);
        let allowed = Arc::new(AllowedPassages {
            documents: DocSetQuery::from_sets(readers, allowed),
            rows,
        });
        if let Ok(mut cache) = self.filter_cache.lock() {
            if cache.len() >= FILTER_CACHE_SIZE {
                cache.clear();
            }
            cache.insert(filter.clone(), allowed.clone());
        }
        Ok(allowed)
    }

    /// Fails if the filter names a field that no article has.
    fn ensure_fields_exist(&self, filter: &Filter) -> Result<()> {
        let facts = self
            .fields
            .metadata_terms
            .ok_or_else(|| Error::FiltersUnsupported {
                path: self.layout.root().to_owned(),
            })?;
        if filter.clauses().iter().all(|clause| clause.field == ID) {
            return Ok(());
        }
        let known = self.field_names(facts)?;
        filter.ensure_fields_exist(&known.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The names of all metadata fields that some article has.
    fn field_names(&self, facts: Field) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for reader in self.searcher.segment_readers() {
            let index = reader.inverted_index(facts).map_err(self.text_error())?;
            let mut next_field = Vec::new();
            // Seeks from the first term of each field to the first of the next.
            loop {
                let mut terms = index
                    .terms()
                    .range()
                    .ge(&next_field)
                    .into_stream()
                    .map_err(self.io_error())?;
                let Some((term, _)) = terms.next() else { break };
                let Some((name, _)) = records::parse_metadata_term(term) else {
                    break;
                };
                next_field = records::metadata_end(&name);
                names.insert(name);
            }
        }
        Ok(names)
    }

    /// The documents among `candidates` that match the filter.
    fn matching_docs(
        &self,
        filter: &Filter,
        reader: &SegmentReader,
        candidates: &Bits,
    ) -> Result<Bits> {
        Ok(match filter {
            Filter::And(parts) => {
                let mut matching = candidates.clone();
                for part in parts {
                    matching = self.matching_docs(part, reader, &matching)?;
                }
                matching
            }
            Filter::Or(parts) => {
                let mut matching = Bits::new(candidates.rows());
                for part in parts {
                    self.matching_docs(part, reader, candidates)?
                        .iter()
                        .for_each(|doc| _ = matching.insert(doc));
                }
                matching
            }
            Filter::Not(part) => {
                let excluded = self.matching_docs(part, reader, candidates)?;
                let mut matching = Bits::new(candidates.rows());
                candidates
                    .iter()
                    .filter(|doc| !excluded.contains(*doc))
                    .for_each(|doc| _ = matching.insert(doc));
                matching
            }
            Filter::Clause(clause) => self.clause_docs(clause, reader, candidates)?,
        })
    }

    /// The documents among `candidates` with a value that passes the clause. Each distinct value of
    /// the field is tested once, and its documents are read off the posting lists.
    fn clause_docs(
        &self,
        clause: &Clause,
        reader: &SegmentReader,
        candidates: &Bits,
    ) -> Result<Bits> {
        let mut matching = Bits::new(candidates.rows());
        let is_id = clause.field == ID;
        let field = if is_id {
            Some(self.fields.parent)
        } else {
            self.fields.metadata_terms
        };
        let Some(field) = field else {
            return Ok(matching);
        };
        let matcher = Matcher::new(clause);
        let index = reader.inverted_index(field).map_err(self.text_error())?;
        let terms = match (is_id, &clause.predicate) {
            (false, _) => {
                let (from, to) = (
                    records::metadata_start(&clause.field),
                    records::metadata_end(&clause.field),
                );
                index.terms().range().ge(from).lt(to)
            }
            (true, Predicate::Equals(id)) => index.terms().range().ge(id).le(id),
            (true, _) => index.terms().range(),
        };
        let mut terms = terms.into_stream().map_err(self.io_error())?;
        while let Some((term, info)) = terms.next() {
            let value = match is_id {
                true => std::str::from_utf8(term)
                    .ok()
                    .map(|id| Value::Text(id.to_owned())),
                false => records::parse_metadata_term(term).map(|(_, value)| value),
            };
            if !value.is_some_and(|value| matcher.matches(&value)) {
                continue;
            }
            let mut postings = index
                .read_postings_from_terminfo(info, IndexRecordOption::Basic)
                .map_err(self.io_error())?;
            let mut doc = postings.doc();
            while doc != TERMINATED {
                if candidates.contains(doc) {
                    matching.insert(doc);
                }
                doc = postings.advance();
            }
        }
        Ok(matching)
    }
}

/// The number of filters whose results are cached.
const FILTER_CACHE_SIZE: usize = 64;

impl DocSetQuery {
    /// The documents at the given addresses.
    pub fn from_addresses(
        snapshot: &Snapshot,
        addresses: impl Iterator<Item = tantivy::DocAddress>,
    ) -> Self {
        let readers = snapshot.searcher.segment_readers();
        let mut sets: Vec<Bits> = readers
            .iter()
            .map(|reader| Bits::new(reader.max_doc() as usize))
            .collect();
        addresses.for_each(|at| _ = sets[at.segment_ord as usize].insert(at.doc_id));
        Self::from_sets(readers, sets)
    }

    /// `sets` has one set for each reader.
    fn from_sets(readers: &[SegmentReader], sets: Vec<Bits>) -> Self {
        Self(Arc::new(
            readers
                .iter()
                .map(SegmentReader::segment_id)
                .zip(sets.into_iter().map(Arc::new))
                .collect(),
        ))
    }
}

impl std::fmt::Debug for DocSetQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DocSetQuery").finish_non_exhaustive()
    }
}

impl Query for DocSetQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for DocSetQuery {
    fn scorer(&self, reader: &SegmentReader, _: Score) -> tantivy::Result<Box<dyn Scorer>> {
        Ok(match self.0.get(&reader.segment_id()) {
            Some(documents) => Box::new(ConstScorer::new(BitsDocSet::new(documents.clone()), 0.0)),
            None => Box::new(EmptyScorer),
        })
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("allowed", 0.0))
    }
}

/// Iterates over the documents of one segment.
struct BitsDocSet {
    documents: Arc<Bits>,
    doc: DocId,
}

impl BitsDocSet {
    fn new(documents: Arc<Bits>) -> Self {
        let doc = documents.next_from(0).unwrap_or(TERMINATED);
        Self { documents, doc }
    }
}

impl DocSet for BitsDocSet {
    fn advance(&mut self) -> DocId {
        if self.doc == TERMINATED {
            TERMINATED
        } else {
            self.seek(self.doc + 1)
        }
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if target > self.doc {
            self.doc = self.documents.next_from(target).unwrap_or(TERMINATED);
        }
        self.doc
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        self.documents.count() as u32
    }
}
