//! Facets, read off the term dictionary of the metadata field.

use super::Snapshot;
use crate::Result;
use crate::collection::Facet;
use crate::local::records;
use std::collections::BTreeMap;
use tantivy::schema::IndexRecordOption;

impl Snapshot {
    pub fn facets(&self, limit: usize) -> Result<Vec<Facet>> {
        let Some(facts) = self.fields.metadata_terms else {
            return Ok(Vec::new());
        };
        // Passages by field and value.
        let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for reader in self.searcher.segment_readers() {
            let index = reader.inverted_index(facts).map_err(self.text_error())?;
            let mut next_field = Vec::new();
            // Seek from field to field, so that the values of a field with too many of them are not
            // all read.
            loop {
                let mut terms = index
                    .terms()
                    .range()
                    .ge(&next_field)
                    .into_stream()
                    .map_err(self.io_error())?;
                let Some((name, _)) = terms
                    .next()
                    .and_then(|(term, _)| records::parse_metadata_term(term))
                else {
                    break;
                };
                next_field = records::metadata_end(&name);
                let values = counts.entry(name.clone()).or_default();
                if !records::is_facetable(&name) {
                    continue;
                }
                let terms = index
                    .terms()
                    .range()
                    .ge(records::metadata_start(&name))
                    .lt(&next_field)
                    .into_stream();
                let mut terms = terms.map_err(self.io_error())?;
                while let Some((term, info)) = terms.next() {
                    let Some((_, value)) = records::parse_metadata_term(term) else {
                        break;
                    };
                    let passages = match reader.alive_bitset() {
                        None => info.doc_freq,
                        Some(alive) => index
                            .read_postings_from_terminfo(info, IndexRecordOption::Basic)
                            .map_err(self.io_error())?
                            .doc_freq_given_deletes(alive),
                    };
                    if passages > 0 {
                        *values.entry(value.to_text()).or_default() += u64::from(passages);
                    }
                    if values.len() > Facet::MAX_VALUES {
                        break;
                    }
                }
            }
        }
        Ok(Facet::from_counts(counts, limit))
    }
}
