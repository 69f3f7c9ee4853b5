//! The weights of a query's terms.

use super::query::{ParsedQuery, QueryTerm};
use super::term_buffer::TermKind;

/// The weight of a word's exact form relative to its stem. A higher weight helps where queries use
/// the words of the passages (SQuAD, MedQuAD) and hurts where they do not (SciFact's training
/// queries).
const EXACT_WEIGHT: f32 = 0.15;
/// The weight of an exact form if the index also has a variant that differs by diacritics or a sign
/// only: in a short query and in a longer one.
const EXACT_WEIGHT_WITH_VARIANT: [f32; 2] = [1.0, 0.4];
/// The weights of a name with signs and of its parts if the index has the name: in a short query
/// and in a longer one.
const NAME_WEIGHTS: [(f32, f32); 2] = [(2.0, 0.3), (1.0, 0.6)];
/// Up to this many words, a query is short: little more than the names in it.
const SHORT_QUERY_WORDS: usize = 4;
/// The weight of an acronym in addition to the word: in a short query or if the word is a stop
/// word, and otherwise.
const ACRONYM_WEIGHTS: (f32, f32) = (1.0, 0.1);
/// The weight of the stem of a word without diacritics, if that differs.
const FOLDED_WEIGHT: f32 = 0.5;
/// The weight of a single character of a longer run.
const CHARACTER_WEIGHT: f32 = 0.2;
/// The weight of a title equal to the query: usually, and if the query has stop words only.
const TITLE_WEIGHTS: (f32, f32) = (0.3, 2.0);

/// What is known of the document frequencies of a query's terms.
#[derive(Debug, Clone, Copy)]
pub enum DocFreqs<'a> {
    /// The document frequency of each term.
    Known(&'a [u64]),
    /// Nothing: there is no dictionary. No term lowers or raises the weight of another.
    Unknown,
}

impl ParsedQuery {
    /// Sets the weights and drops terms that are known to have no documents. Stems are kept even
    /// then, because a correction may replace them.
    pub fn weigh(&mut self, doc_freqs: DocFreqs<'_>) {
        let is_indexed = |at: usize| match doc_freqs {
            DocFreqs::Known(all) => all.get(at).is_some_and(|doc_freq| *doc_freq > 0),
            DocFreqs::Unknown => false,
        };
        let positions = |kind: TermKind, any: bool| -> Vec<usize> {
            let of_kind = self
                .terms
                .iter()
                .enumerate()
                .filter(|(_, term)| term.kind == kind);
            of_kind
                .filter(|(at, _)| any || is_indexed(*at))
                .map(|(_, term)| term.position)
                .collect()
        };
        let (stops, variants) = (
            positions(TermKind::StopWord, true),
            positions(TermKind::Variant, false),
        );
        let words = positions(TermKind::Stem, true).len() + positions(TermKind::Bigram, true).len();
        let names = self
            .terms
            .iter()
            .filter(|term| term.kind == TermKind::Compound)
            .count();
        let parts = self
            .terms
            .iter()
            .filter(|term| term.kind == TermKind::Stem && term.part_of.is_some())
            .count();
        let long = usize::from(words + names - parts > SHORT_QUERY_WORDS);
        let only_stop_words = self.only_stop_words;
        for (at, term) in self.terms.iter_mut().enumerate() {
            let QueryTerm {
                kind,
                position,
                part_of,
                in_run,
                ..
            } = term;
            let weight = match kind {
                TermKind::Stem | TermKind::Bigram if part_of.is_some_and(is_indexed) => {
                    NAME_WEIGHTS[long].1
                }
                TermKind::Stem | TermKind::Bigram => 1.0,
                TermKind::Folded => FOLDED_WEIGHT,
                TermKind::Compound => NAME_WEIGHTS[long].0,
                TermKind::StopWord | TermKind::StopPair | TermKind::Negation if only_stop_words => {
                    1.0
                }
                TermKind::StopWord | TermKind::StopPair | TermKind::Variant => 0.0,
                TermKind::Exact | TermKind::Negation if *in_run => CHARACTER_WEIGHT,
                TermKind::Exact if variants.contains(position) => EXACT_WEIGHT_WITH_VARIANT[long],
                TermKind::Exact | TermKind::Negation => EXACT_WEIGHT,
                TermKind::Acronym if long == 0 || stops.contains(position) => ACRONYM_WEIGHTS.0,
                TermKind::Acronym => ACRONYM_WEIGHTS.1,
                TermKind::Title => {
                    if only_stop_words {
                        TITLE_WEIGHTS.1
                    } else {
                        TITLE_WEIGHTS.0
                    }
                }
            };
            let kept = matches!(doc_freqs, DocFreqs::Unknown)
                || matches!(kind, TermKind::Stem)
                || is_indexed(at);
            term.weight *= if kept { weight } else { 0.0 };
        }
        self.drop_weightless();
    }
}
