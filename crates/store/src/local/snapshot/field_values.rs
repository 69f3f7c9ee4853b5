//! Values of metadata fields, read off the term dictionary.

use super::Snapshot;
use crate::Result;
use crate::filter::explain::{FieldValues, MAX_VALUES};
use crate::filter::{Filter, ID, Value};
use crate::local::records;

impl FieldValues for Snapshot {
    fn has_match(&self, filter: &Filter) -> Result<bool> {
        Ok(self.evaluate_filter(filter)?.passage_count() > 0)
    }

    fn values(&self, field: &str) -> Result<Vec<Value>> {
        let is_id = field == ID;
        let Some(source) = (if is_id {
            Some(self.fields.parent)
        } else {
            self.fields.metadata_terms
        }) else {
            return Ok(Vec::new());
        };
        let mut values = Vec::new();
        for reader in self.searcher.segment_readers() {
            let index = reader.inverted_index(source).map_err(self.text_error())?;
            let terms = match is_id {
                true => index.terms().range(),
                false => index
                    .terms()
                    .range()
                    .ge(records::metadata_start(field))
                    .lt(records::metadata_end(field)),
            };
            let mut terms = terms.into_stream().map_err(self.io_error())?;
            while let Some((term, _)) = terms.next() {
                values.extend(match is_id {
                    true => std::str::from_utf8(term)
                        .ok()
                        .map(|id| Value::Text(id.to_owned())),
                    false => records::parse_metadata_term(term).map(|(_, value)| value),
                });
                if values.len() >= MAX_VALUES {
                    return Ok(values);
                }
            }
        }
        Ok(values)
    }
}
