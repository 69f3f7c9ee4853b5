//! A query as the terms to look up: the kind and position of each. [`super::weights`] sets their
//! weights once their document frequencies are known.

use super::analyzer::{Analyzer, FieldSet};
use super::scan::{Scanner, Unit};
use super::term_buffer::{TermBuffer, TermKind, TextField, VARIANT_MARKER};
use super::title;
use ingest::fold::fold_marks;
use std::collections::HashMap;
use std::ops::Range;

/// A term to look up.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryTerm {
    /// The term as it is indexed.
    pub term: String,
    /// The field to search.
    pub field: TextField,
    /// The kind of term.
    pub kind: TermKind,
    /// Its frequency in the query, multiplied by its weight in [`ParsedQuery::weigh`].
    pub weight: f32,
    /// The position of its word in the query; the first one if it occurs several times.
    pub position: usize,
    /// Its bytes in the query.
    pub span: Range<usize>,
    /// The index of the compound that it is a part of.
    pub part_of: Option<usize>,
    /// Whether it is one of several characters of a run without spaces.
    pub in_run: bool,
}

/// The terms of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParsedQuery {
    /// All terms, in query order.
    pub terms: Vec<QueryTerm>,
    /// Pairs of adjacent stems, by their indices in `terms`.
    pub pairs: Vec<[usize; 2]>,
    /// Whether the query has stop words only, which are then searched for.
    pub only_stop_words: bool,
}

impl ParsedQuery {
    /// Parses a query. [`ParsedQuery::weigh`] has to follow.
    pub fn new(analyzer: &mut Analyzer, text: &str) -> Self {
        let mut builder = Builder::default();
        let mut buffer = TermBuffer::default();
        analyzer.start_text();
        let mut scanner = Scanner::new(text);
        while let Some((unit, _)) =
            analyzer.next_unit(text, &mut scanner, FieldSet::BOTH, &mut buffer)
        {
            builder.add_unit(&unit, &buffer);
        }
        builder.add_title(text);
        let Builder { mut query, .. } = builder;
        query.only_stop_words = query.has_only_stop_words();
        query
    }

    /// Whether there are words and all of them are stop words or negations.
    fn has_only_stop_words(&self) -> bool {
        let at = |kind: TermKind| {
            self.terms
                .iter()
                .filter(move |term| term.kind == kind)
                .map(|term| term.position)
        };
        let negations: Vec<usize> = at(TermKind::Negation).collect();
        let is_significant = |term: &QueryTerm| match term.field {
            TextField::Stems => !negations.contains(&term.position),
            TextField::Words => term.kind == TermKind::Compound,
            TextField::WholeTitle => false,
        };
        at(TermKind::StopWord).next().is_some() && !self.terms.iter().any(is_significant)
    }

    /// Removes terms of weight 0.
    pub(crate) fn drop_weightless(&mut self) {
        let mut moved: Vec<Option<usize>> = Vec::new();
        let mut kept = 0;
        for term in &self.terms {
            moved.push((term.weight > 0.0).then_some(kept));
            kept += usize::from(term.weight > 0.0);
        }
        let to = |at: usize| moved.get(at).copied().flatten();
        self.terms.retain(|term| term.weight > 0.0);
        self.terms
            .iter_mut()
            .for_each(|term| term.part_of = term.part_of.and_then(to));
        self.pairs = self
            .pairs
            .iter()
            .filter_map(|[a, b]| Some([to(*a)?, to(*b)?]))
            .collect();
    }
}

/// Collects the terms of a query.
#[derive(Default)]
struct Builder {
    query: ParsedQuery,
    /// The index of each term in `query.terms`.
    indices: HashMap<(String, TextField), usize>,
    /// The last stem's index and position.
    last_stem: Option<(usize, usize)>,
}

impl Builder {
    /// Adds the terms of a unit.
    fn add_unit(&mut self, unit: &Unit, buffer: &TermBuffer) {
        let grams = buffer
            .terms()
            .iter()
            .filter(|(_, kind, _)| *kind == TermKind::Bigram)
            .count();
        let mut own = Vec::new();
        for (token, kind, field) in buffer
            .terms()
            .iter()
            .filter(|(_, kind, _)| *kind != TermKind::Variant)
        {
            let span = token.offset_from..token.offset_to;
            let at = self.add(
                &token.text,
                *field,
                *kind,
                token.position,
                span.clone(),
                grams > 1,
            );
            own.push(at);
            if matches!(kind, TermKind::Stem | TermKind::Bigram) {
                self.pair_stem(at, token.position);
            }
            if *kind == TermKind::Exact && *unit == Unit::Word {
                let variant = format!("{VARIANT_MARKER}{}", fold_marks(&token.text));
                self.add(
                    &variant,
                    TextField::Words,
                    TermKind::Variant,
                    token.position,
                    span,
                    false,
                );
            }
        }
        let name = own
            .iter()
            .copied()
            .find(|at| self.query.terms[*at].kind == TermKind::Compound);
        for at in own.into_iter().filter(|at| Some(*at) != name) {
            self.query.terms[at].part_of = name;
        }
    }

    /// Adds a term, or increments the frequency of one that is there already. Returns its index.
    fn add(
        &mut self,
        term: &str,
        field: TextField,
        kind: TermKind,
        position: usize,
        span: Range<usize>,
        in_run: bool,
    ) -> usize {
        let terms = &mut self.query.terms;
        let at = *self
            .indices
            .entry((term.to_owned(), field))
            .or_insert(terms.len());
        match terms.get_mut(at) {
            Some(term) => term.weight += 1.0,
            None => {
                let term = term.to_owned();
                terms.push(QueryTerm {
                    term,
                    field,
                    kind,
                    weight: 1.0,
                    position,
                    span,
                    part_of: None,
                    in_run,
                });
            }
        }
        at
    }

    /// Pairs a stem with the one directly before it.
    fn pair_stem(&mut self, at: usize, position: usize) {
        let Some((before, last)) = self.last_stem.replace((at, position)) else {
            return;
        };
        if last + 1 == position && before != at && !self.query.pairs.contains(&[before, at]) {
            self.query.pairs.push([before, at]);
        }
    }

    /// Adds the whole query as a title.
    fn add_title(&mut self, text: &str) {
        let term = title::term(text);
        if !term.is_empty() {
            self.add(
                &term,
                TextField::WholeTitle,
                TermKind::Title,
                0,
                0..text.len(),
                false,
            );
        }
    }
}
