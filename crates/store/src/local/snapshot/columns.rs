//! tantivy's columns of ids, ordinals and spans, opened once for a snapshot.

use super::Snapshot;
use crate::Result;
use std::sync::OnceLock;
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocAddress, SegmentReader};

/// One column for each text segment.
pub struct Columns<C>(pub Vec<C>);

impl<C> Columns<C> {
    pub fn of_segment(&self, at: DocAddress) -> Option<&C> {
        self.0.get(at.segment_ord as usize)
    }
}

impl Columns<Option<Column<u64>>> {
    /// A document's number; `None` if it has none.
    pub fn number(&self, at: DocAddress) -> Option<u64> {
        self.of_segment(at)?.as_ref()?.first(at.doc_id)
    }
}

/// The columns that identify passages, and the article ids looked up so far: reading an id from its
/// column means decompressing a block of the dictionary.
pub struct PassageIds {
    pub keys: Columns<Option<Column<u64>>>,
    parents: Columns<Option<StrColumn>>,
    pub ordinals: Columns<Option<Column<u64>>>,
    /// By text segment and ordinal in its id dictionary.
    known: Vec<Vec<OnceLock<Box<str>>>>,
}

/// Where passages are in their articles: start and end byte, and line.
pub struct PassageSpans {
    pub starts: Columns<Option<Column<u64>>>,
    pub ends: Columns<Option<Column<u64>>>,
    pub lines: Columns<Option<Column<u64>>>,
}

impl Snapshot {
    /// Opens a column in every text segment.
    pub fn columns<C>(
        &self,
        open: impl Fn(&SegmentReader) -> tantivy::Result<C>,
    ) -> Result<Columns<C>> {
        let columns = self
            .searcher
            .segment_readers()
            .iter()
            .map(open)
            .collect::<tantivy::Result<Vec<_>>>();
        columns.map(Columns).map_err(self.text_error())
    }

    pub fn number_columns(&self, name: &str) -> Result<Columns<Option<Column<u64>>>> {
        self.columns(|segment| segment.fast_fields().column_opt(name))
    }

    pub fn text_columns(&self, name: &str) -> Result<Columns<Option<StrColumn>>> {
        self.columns(|segment| segment.fast_fields().str(name))
    }

    /// A document's string; `None` if it has none.
    pub fn text_at(
        &self,
        columns: &Columns<Option<StrColumn>>,
        at: DocAddress,
    ) -> Result<Option<String>> {
        let Some(column) = columns.of_segment(at).and_then(Option::as_ref) else {
            return Ok(None);
        };
        let Some(ord) = column.term_ords(at.doc_id).next() else {
            return Ok(None);
        };
        let mut text = String::new();
        column.ord_to_str(ord, &mut text).map_err(self.io_error())?;
        Ok(Some(text))
    }

    pub fn ids(&self) -> Result<&PassageIds> {
        if let Some(ids) = self.ids.get() {
            return Ok(ids);
        }
        let parents = self.text_columns("parent")?;
        let count =
            |column: &Option<StrColumn>| column.as_ref().map_or(0, |column| column.num_terms());
        let known = parents
            .0
            .iter()
            .map(|column| (0..count(column)).map(|_| OnceLock::new()).collect())
            .collect();
        let ids = PassageIds {
            keys: self.number_columns("key")?,
            ordinals: self.number_columns("ordinal")?,
            parents,
            known,
        };
        Ok(self.ids.get_or_init(|| ids))
    }

    pub fn spans(&self) -> Result<&PassageSpans> {
        if let Some(spans) = self.spans.get() {
            return Ok(spans);
        }
        let spans = PassageSpans {
            starts: self.number_columns("start")?,
            ends: self.number_columns("end")?,
            lines: self.number_columns("line")?,
        };
        Ok(self.spans.get_or_init(|| spans))
    }

    /// The id of the article that a passage's document belongs to; `None` for articles' own
    /// documents.
    pub fn parent(&self, ids: &PassageIds, at: DocAddress) -> Result<Option<String>> {
        let Some(column) = ids.parents.of_segment(at).and_then(Option::as_ref) else {
            return Ok(None);
        };
        let Some(ord) = column.term_ords(at.doc_id).next() else {
            return Ok(None);
        };
        let known = ids
            .known
            .get(at.segment_ord as usize)
            .and_then(|known| known.get(ord as usize));
        if let Some(id) = known.and_then(OnceLock::get) {
            return Ok(Some(id.to_string()));
        }
        let mut id = String::new();
        column.ord_to_str(ord, &mut id).map_err(self.io_error())?;
        if let Some(known) = known {
            let _ = known.set(id.as_str().into());
        }
        Ok(Some(id))
    }
}
