//! Which passages a condition allows: worked out once for a commit, in the text index's own dictionary
//! of facts, and used by both kinds of search before they rank.

use super::records;
use super::snapshot::Snapshot;
use crate::filter::{Clause, Filter, ID, Matcher, Test, Value};
use crate::{Error, Result};
use index::Bits;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tantivy::index::SegmentId;
use tantivy::query::{ConstScorer, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED};

/// The passages that a condition allows.
pub struct Among {
    /// In each text segment.
    pub documents: Documents,
    /// In each vector segment.
    pub rows: Vec<Bits>,
}

impl Among {
    /// How many passages there are.
    pub fn passages(&self) -> usize {
        self.rows.iter().map(Bits::count).sum()
    }
}

/// Documents by text segment, as a query that adds nothing to a score.
#[derive(Clone)]
pub struct Documents(Arc<HashMap<SegmentId, Arc<Bits>>>);

impl Snapshot {
    /// The passages that a condition allows.
    pub fn among(&self, filter: &Filter) -> Result<Arc<Among>> {
        if let Some(known) = self.filtered.lock().ok().and_then(|known| known.get(filter).cloned()) {
            return Ok(known);
        }
        self.known_fields(filter)?;
        let readers = self.searcher.segment_readers();
        let mut passages: Vec<Bits> = readers.iter().map(|reader| Bits::new(reader.max_doc() as usize)).collect();
        for at in self.live_addresses()? {
            passages[at.1.segment_ord as usize].insert(at.1.doc_id);
        }
        let allowed = readers.iter().zip(&passages).map(|(reader, all)| self.allowed(filter, reader, all));
        let allowed = allowed.collect::<Result<Vec<_>>>()?;
        let keys = self.live_addresses()?.iter();
        let keys = keys.filter(|(_, at)| allowed[at.segment_ord as usize].contains(at.doc_id)).map(|(key, _)| *key);
        let (rows, _) = self.rows_of(keys);
        let among = Arc::new(Among { documents: Documents::of(readers, allowed), rows });
        if let Ok(mut known) = self.filtered.lock() {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(filter.clone(), among.clone());
        }
        Ok(among)
    }

    /// Sees that some article has each field that a condition names: a misspelt one would otherwise
    /// quietly let nothing through, or everything.
    fn known_fields(&self, filter: &Filter) -> Result<()> {
        let facts = self.fields.facts.ok_or_else(|| Error::FiltersUnsupported { path: self.layout.root().to_owned() })?;
        let mut known: Option<BTreeSet<String>> = None;
        for clause in filter.clauses() {
            if clause.field == ID {
                continue;
            }
            let known = match &known {
                Some(known) => known,
                None => known.insert(self.facts(facts)?),
            };
            if !known.is_empty() && !known.contains(&clause.field) {
                let known = known.iter().map(String::as_str).chain([ID]).collect::<Vec<_>>().join(", ");
                return Err(Error::UnknownField { field: clause.field.clone(), known });
            }
        }
        Ok(())
    }

    /// The names of all fields that some article has.
    fn facts(&self, facts: Field) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for reader in self.searcher.segment_readers() {
            let index = reader.inverted_index(facts).map_err(self.text_error())?;
            let mut after = Vec::new();
            // From the first value of each field on to the first of the next.
            loop {
                let mut terms = index.terms().range().ge(&after).into_stream().map_err(self.io_error())?;
                let Some((term, _)) = terms.next() else { break };
                let Some((name, _)) = records::fact(term) else { break };
                after = records::after_facts(&name);
                names.insert(name);
            }
        }
        Ok(names)
    }

    fn allowed(&self, filter: &Filter, reader: &SegmentReader, all: &Bits) -> Result<Bits> {
        Ok(match filter {
            Filter::And(parts) => {
                let mut allowed = all.clone();
                for part in parts {
                    allowed = self.allowed(part, reader, &allowed)?;
                }
                allowed
            }
            Filter::Or(parts) => {
                let mut allowed = Bits::new(all.rows());
                for part in parts {
                    self.allowed(part, reader, all)?.iter().for_each(|doc| _ = allowed.insert(doc));
                }
                allowed
            }
            Filter::Not(part) => {
                let not = self.allowed(part, reader, all)?;
                let mut allowed = Bits::new(all.rows());
                all.iter().filter(|doc| !not.contains(*doc)).for_each(|doc| _ = allowed.insert(doc));
                allowed
            }
            Filter::Clause(clause) => self.with_fact(clause, reader, all)?,
        })
    }

    /// The documents of a segment with a fact that passes a test: every value of the field is tested
    /// once, and the documents that have it are read off the dictionary.
    fn with_fact(&self, clause: &Clause, reader: &SegmentReader, all: &Bits) -> Result<Bits> {
        let mut allowed = Bits::new(all.rows());
        let is_id = clause.field == ID;
        let field = if is_id { Some(self.fields.parent) } else { self.fields.facts };
        let Some(field) = field else { return Ok(allowed) };
        let matcher = Matcher::new(clause);
        let index = reader.inverted_index(field).map_err(self.text_error())?;
        let terms = match (is_id, &clause.test) {
            (false, _) => {
                let (from, to) = (records::first_fact(&clause.field), records::after_facts(&clause.field));
                index.terms().range().ge(from).lt(to)
            }
            (true, Predicate::Equals(id)) => index.terms().range().ge(id).le(id),
            (true, _) => index.terms().range(),
        };
        let mut terms = terms.into_stream().map_err(self.io_error())?;
        while let Some((term, info)) = terms.next() {
            let value = match is_id {
                true => std::str::from_utf8(term).ok().map(|id| Value::Text(id.to_owned())),
                false => records::fact(term).map(|(_, value)| value),
            };
            if !value.is_some_and(|value| matcher.matches(&value)) {
                continue;
            }
            let mut postings =
                index.read_postings_from_terminfo(info, IndexRecordOption::Basic).map_err(self.io_error())?;
            let mut doc = postings.doc();
            while doc != TERMINATED {
                if all.contains(doc) {
                    allowed.insert(doc);
                }
                doc = postings.advance();
            }
        }
        Ok(allowed)
    }
}

/// How many conditions are remembered.
const REMEMBERED: usize = 64;

impl Documents {
    /// Those at the given addresses.
    pub fn at(snapshot: &Snapshot, addresses: impl Iterator<Item = tantivy::DocAddress>) -> Self {
        let readers = snapshot.searcher.segment_readers();
        let mut sets: Vec<Bits> = readers.iter().map(|reader| Bits::new(reader.max_doc() as usize)).collect();
        addresses.for_each(|at| _ = sets[at.segment_ord as usize].insert(at.doc_id));
        Self::of(readers, sets)
    }

    /// A set for each segment.
    fn of(readers: &[SegmentReader], sets: Vec<Bits>) -> Self {
        Self(Arc::new(readers.iter().map(SegmentReader::segment_id).zip(sets.into_iter().map(Arc::new)).collect()))
    }
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

impl Query for Documents {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Documents {
    fn scorer(&self, reader: &SegmentReader, _: Score) -> tantivy::Result<Box<dyn Scorer>> {
        Ok(match self.0.get(&reader.segment_id()) {
            Some(documents) => Box::new(ConstScorer::new(DocumentsOfSegment::new(documents.clone()), 0.0)),
            None => Box::new(EmptyScorer),
        })
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("allowed", 0.0))
    }
}

/// The documents of one segment, one after the other.
struct DocumentsOfSegment {
    documents: Arc<Bits>,
    doc: DocId,
}

impl DocumentsOfSegment {
    fn new(documents: Arc<Bits>) -> Self {
        let doc = documents.next_from(0).unwrap_or(TERMINATED);
        Self { documents, doc }
    }
}

impl DocSet for DocumentsOfSegment {
    fn advance(&mut self) -> DocId {
        if self.doc == TERMINATED { TERMINATED } else { self.seek(self.doc + 1) }
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
