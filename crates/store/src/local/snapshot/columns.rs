//! What passages are called: columns of tantivy, opened once.

use super::Snapshot;
use crate::Result;
use std::sync::OnceLock;
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocAddress, SegmentReader};

/// A column of every text segment.
pub struct Columns<C>(pub Vec<C>);

impl<C> Columns<C> {
    pub fn at(&self, at: DocAddress) -> Option<&C> {
        self.0.get(at.segment_ord as usize)
    }
}

impl Columns<Option<Column<u64>>> {
    /// The number of a document; `None` if it has none.
    pub fn number(&self, at: DocAddress) -> Option<u64> {
        self.at(at)?.as_ref()?.first(at.doc_id)
    }
}

/// What names passages: their columns, opened once, and every article id that was asked for. To look
/// one up in its column means to unpack a block of them.
pub struct Names {
    pub keys: Columns<Option<Column<u64>>>,
    parents: Columns<Option<StrColumn>>,
    pub ordinals: Columns<Option<Column<u64>>>,
    /// By text segment and place among its ids.
    ids: Vec<Vec<OnceLock<Box<str>>>>,
}

/// Where passages stand in their articles.
pub struct Places {
    pub starts: Columns<Option<Column<u64>>>,
    pub ends: Columns<Option<Column<u64>>>,
    pub lines: Columns<Option<Column<u64>>>,
}

impl Snapshot {
    /// A column, opened once for all documents that are asked for.
    pub fn columns<C>(&self, open: impl Fn(&SegmentReader) -> tantivy::Result<C>) -> Result<Columns<C>> {
        let columns = self.searcher.segment_readers().iter().map(open).collect::<tantivy::Result<Vec<_>>>();
        columns.map(Columns).map_err(self.text_error())
    }

    pub fn numbers(&self, name: &str) -> Result<Columns<Option<Column<u64>>>> {
        self.columns(|segment| segment.fast_fields().column_opt(name))
    }

    pub fn texts(&self, name: &str) -> Result<Columns<Option<StrColumn>>> {
        self.columns(|segment| segment.fast_fields().str(name))
    }

    /// The string of a document; `None` if it has none.
    pub fn text_at(&self, columns: &Columns<Option<StrColumn>>, at: DocAddress) -> Result<Option<String>> {
        let Some(column) = columns.at(at).and_then(Option::as_ref) else { return Ok(None) };
        let Some(ord) = column.term_ords(at.doc_id).next() else { return Ok(None) };
        let mut text = String::new();
        column.ord_to_str(ord, &mut text).map_err(self.io_error())?;
        Ok(Some(text))
    }

    pub fn names(&self) -> Result<&Names> {
        if let Some(names) = self.names.get() {
            return Ok(names);
        }
        let parents = self.texts("parent")?;
        let places = |column: &Option<StrColumn>| column.as_ref().map_or(0, |column| column.num_terms());
        let ids = parents.0.iter().map(|column| (0..places(column)).map(|_| OnceLock::new()).collect()).collect();
        let names = Names { keys: self.numbers("key")?, ordinals: self.numbers("ordinal")?, parents, ids };
        Ok(self.names.get_or_init(|| names))
    }

    pub fn places(&self) -> Result<&Places> {
        if let Some(places) = self.places.get() {
            return Ok(places);
        }
        let places =
            Places { starts: self.numbers("start")?, ends: self.numbers("end")?, lines: self.numbers("line")? };
        Ok(self.places.get_or_init(|| places))
    }

    /// The id of the article that a passage's document belongs to; `None` if it has none.
    pub fn parent(&self, names: &Names, at: DocAddress) -> Result<Option<String>> {
        let Some(column) = names.parents.at(at).and_then(Option::as_ref) else { return Ok(None) };
        let Some(ord) = column.term_ords(at.doc_id).next() else { return Ok(None) };
        let known = names.ids.get(at.segment_ord as usize).and_then(|ids| ids.get(ord as usize));
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
