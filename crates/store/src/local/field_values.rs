//! The values of fields.

use super::records;
use super::snapshot::Snapshot;
use crate::Result;
use crate::filter::explain::{FieldValues, MAX_VALUES};
use crate::filter::{Filter, ID, Value};

impl FieldValues for Snapshot {
    fn any_passes(&self, filter: &Filter) -> Result<bool> {
        Ok(self.among(filter)?.passages() > 0)
    }

    fn values(&self, field: &str) -> Result<Vec<Value>> {
        let is_id = field == ID;
        let Some(of) = (if is_id { Some(self.fields.parent) } else { self.fields.facts }) else {
            return Ok(Vec::new());
        };
        let mut values = Vec::new();
        for reader in self.searcher.segment_readers() {
            let index = reader.inverted_index(of).map_err(self.text_error())?;
            let terms = match is_id {
                true => index.terms().range(),
                false => index.terms().range().ge(records::first_fact(field)).lt(records::after_facts(field)),
            };
            let mut terms = terms.into_stream().map_err(self.io_error())?;
            while let Some((term, _)) = terms.next() {
                values.extend(match is_id {
                    true => std::str::from_utf8(term).ok().map(|id| Value::Text(id.to_owned())),
                    false => records::fact(term).map(|(_, value)| value),
                });
                if values.len() >= MAX_VALUES {
                    return Ok(values);
                }
            }
        }
        Ok(values)
    }
}
