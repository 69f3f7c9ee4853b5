//! The values of articles' metadata, read off the dictionary of facts.

use super::records;
use super::snapshot::Snapshot;
use crate::Result;
use crate::collection::Facet;
use std::collections::BTreeMap;
use tantivy::schema::IndexRecordOption;

impl Snapshot {
    pub fn facets(&self, most: usize) -> Result<Vec<Facet>> {
        let Some(facts) = self.fields.facts else { return Ok(Vec::new()) };
        // By field, and by kind and value.
        let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for reader in self.searcher.segment_readers() {
            let index = reader.inverted_index(facts).map_err(self.text_error())?;
            let mut after = Vec::new();
            // Field by field: of one with too many values the rest is left unread.
            loop {
                let mut terms = index.terms().range().ge(&after).into_stream().map_err(self.io_error())?;
                let Some((name, _)) = terms.next().and_then(|(term, _)| records::fact(term)) else { break };
                after = records::after_facts(&name);
                let values = found.entry(name.clone()).or_default();
                if records::tells_apart(&name) {
                    continue;
                }
                let terms = index.terms().range().ge(records::first_fact(&name)).lt(&after).into_stream();
                let mut terms = terms.map_err(self.io_error())?;
                while let Some((term, info)) = terms.next() {
                    let Some((_, value)) = records::fact(term) else { break };
                    let passages = match reader.alive_bitset() {
                        None => info.doc_freq,
                        Some(alive) => index
                            .read_postings_from_terminfo(info, IndexRecordOption::Basic)
                            .map_err(self.io_error())?
                            .doc_freq_given_deletes(alive),
                    };
                    if passages > 0 {
                        *values.entry(value.shown()).or_default() += u64::from(passages);
                    }
                    if values.len() > Facet::VALUES {
                        break;
                    }
                }
            }
        }
        Ok(Facet::of(found, most))
    }
}
