//! Fuzzy matching: indexed words close to a query word that no passage has.
//!
//! Names and numbers are never replaced, since another one is another subject. Every replacement is
//! reported as a [`Correction`].

use super::query::ParsedQuery;
use super::term_buffer::TermKind;
use crate::Language;
use std::collections::HashMap;
use std::ops::Range;
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

/// A query word that may be misspelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    /// The folded word.
    pub word: String,
    /// Its bytes in the query.
    pub span: Range<usize>,
    /// The index of its stem in [`ParsedQuery::terms`].
    pub stem: usize,
    /// The maximum edit distance of a replacement.
    pub max_distance: u8,
}

/// A query word that was replaced by an indexed one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Correction {
    /// The word as the query has it.
    pub word: String,
    /// The indexed word that was searched for instead.
    pub used: String,
}

/// In shorter words, another letter makes another word.
const MIN_FUZZY_LETTERS: usize = 5;
/// From this length on, two edits are allowed.
const TWO_EDIT_LETTERS: usize = 8;
/// The weight of a replacement relative to a word of the query.
pub const FUZZY_BOOST: f32 = 0.7;
/// The maximum number of query words to replace: each costs an automaton run over the dictionaries.
const MAX_FUZZY_WORDS: usize = 4;
/// The maximum number of terms that replace one word.
const MAX_EXPANSIONS: usize = 3;
/// The maximum number of terms of a segment's dictionary that are examined for one word.
const MAX_EXAMINED_TERMS: usize = 2000;

impl ParsedQuery {
    /// The words that may be misspelled, in query order. `doc_freqs` has the document frequency of
    /// each term. To be called before [`ParsedQuery::weigh`].
    pub fn unknown_words(
        &self,
        text: &str,
        language: Language,
        doc_freqs: &[u64],
    ) -> Vec<UnknownWord> {
        let is_indexed = |at: usize| doc_freqs.get(at).is_some_and(|doc_freq| *doc_freq > 0);
        let indexed: Vec<usize> = self
            .terms
            .iter()
            .enumerate()
            .filter(|(at, _)| is_indexed(*at))
            .map(|(_, term)| term.position)
            .collect();
        let mut words = Vec::new();
        for (at, stem) in self
            .terms
            .iter()
            .enumerate()
            .filter(|(_, term)| term.kind == TermKind::Stem)
        {
            let of_word = |kind: TermKind| {
                self.terms
                    .iter()
                    .find(|term| term.kind == kind && term.position == stem.position)
            };
            let whole = (stem.part_of.is_none() && of_word(TermKind::Acronym).is_none())
                .then(|| of_word(TermKind::Exact));
            let Some(exact) = whole
                .flatten()
                .filter(|_| !indexed.contains(&stem.position))
            else {
                continue;
            };
            if let Some(max_distance) = max_distance(text, &stem.span, &exact.term, language) {
                words.push(UnknownWord {
                    word: exact.term.clone(),
                    span: stem.span.clone(),
                    stem: at,
                    max_distance,
                });
            }
        }
        words.truncate(MAX_FUZZY_WORDS);
        words
    }
}

/// The maximum edit distance for a word; `None` if it must not be replaced.
fn max_distance(text: &str, span: &Range<usize>, word: &str, language: Language) -> Option<u8> {
    let letters = word.chars().count();
    if letters < MIN_FUZZY_LETTERS || !word.chars().all(char::is_alphabetic) {
        return None;
    }
    let by_length = if letters < TWO_EDIT_LETTERS { 1 } else { 2 };
    let raw = text.get(span.clone())?;
    if !raw.starts_with(char::is_uppercase) {
        return Some(by_length);
    }
    let rest = (text.get(..span.start)?, text.get(span.end..)?);
    let lower = |text: &str| text.chars().any(char::is_lowercase);
    let is_first = !rest.0.chars().any(char::is_alphanumeric);
    // A capital does not mark a name at the start of a sentence or in a German noun. A long word
    // with one wrong letter is then more likely a typo than another name.
    let is_no_name = is_first && lower(rest.1) || language == Language::German;
    (is_no_name && letters >= TWO_EDIT_LETTERS && lower(raw)).then_some(1)
}

/// The indexed words closest to an unknown one, the most frequent first. `field` is the one of
/// exact forms, so that its terms can be shown to users.
///
/// # Errors
/// When the index cannot be read.
pub fn fuzzy_expand(
    searcher: &Searcher,
    field: Field,
    unknown: &UnknownWord,
) -> tantivy::Result<Vec<String>> {
    let UnknownWord {
        word, max_distance, ..
    } = unknown;
    let found = nearest_terms(
        searcher,
        field,
        word,
        *max_distance,
        MAX_EXAMINED_TERMS,
        |term| can_replace(term, word),
    )?;
    Ok(found.into_iter().map(|(term, _)| term).collect())
}

/// The terms that `accepts` allows at the smallest edit distance from `word` with any, the most
/// frequent first, each with its document frequency. Examines at most `max_examined` terms per
/// segment and distance.
///
/// # Errors
/// When the index cannot be read.
pub fn nearest_terms(
    searcher: &Searcher,
    field: Field,
    word: &str,
    max_distance: u8,
    max_examined: usize,
    accepts: impl Fn(&str) -> bool,
) -> tantivy::Result<Vec<(String, u64)>> {
    for distance in 1..=max_distance {
        let mut found: HashMap<String, u64> = HashMap::new();
        let automaton =
            FuzzyTermQuery::new(Term::from_field_text(field, word), distance, true).automaton()?;
        for reader in searcher.segment_readers() {
            let index = reader.inverted_index(field)?;
            let mut terms = index.terms().search(&automaton).into_stream()?;
            for _ in 0..max_examined {
                let Some((term, info)) = terms.next() else {
                    break;
                };
                let Ok(term) = std::str::from_utf8(term) else {
                    continue;
                };
                if accepts(term) {
                    *found.entry(term.to_owned()).or_default() += u64::from(info.doc_freq);
                }
            }
        }
        if !found.is_empty() {
            let mut found: Vec<(String, u64)> = found.into_iter().collect();
            found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            found.truncate(MAX_EXPANSIONS);
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Whether `term` may replace `word`: it has letters only and starts with the same one, which typos
/// rarely change.
fn can_replace(term: &str, word: &str) -> bool {
    // Only terms of acronyms have capitals.
    term.chars().next() == word.chars().next()
        && term.chars().all(|c| c.is_alphabetic() && !c.is_uppercase())
}
