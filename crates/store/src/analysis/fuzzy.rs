//! Words near to one of the question's that no passage holds: what a slip of the fingers made of them.
//!
//! Another name or number is another subject, so those are never replaced, and whatever is replaced is told:
//! [`Correction`].

use super::question::Question;
use super::queue::Kind;
use crate::Language;
use std::collections::HashMap;
use std::ops::Range;
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

/// A word of a question that may be misspelt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misspelt {
    /// The word, folded.
    pub word: String,
    /// Where in the question it stands.
    pub span: Range<usize>,
    /// The place of its stem in [`Question::asked`].
    pub stem: usize,
    /// How many letters may be other ones.
    pub distance: u8,
}

/// A word that another was looked for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Correction {
    /// The word as the question has it.
    pub word: String,
    /// The word that was looked for, as passages have it.
    pub used: String,
}

/// In a shorter word another letter makes another word.
const SHORTEST: usize = 5;
/// A word of so many letters may have two wrong.
const LONG: usize = 8;
/// What a near word counts beside one that the question has.
pub const NEAR: f32 = 0.7;
/// So many words of a question are replaced at most: each is a walk over the dictionaries.
const MOST_WORDS: usize = 4;
/// So many words take the place of one at most.
const NEAREST: usize = 3;
/// So many words of a dictionary are looked at for one.
const MOST_TERMS: usize = 2000;

impl Question {
    /// The words that may be misspelt, in their order; `found` says how many passages hold each of the terms. To be
    /// called before [`Question::weigh`].
    pub fn misspelt(&self, text: &str, language: Language, found: &[u64]) -> Vec<Misspelt> {
        let holds = |at: usize| found.get(at).is_some_and(|found| *found > 0);
        let held: Vec<usize> =
            self.asked.iter().enumerate().filter(|(at, _)| holds(*at)).map(|(_, a)| a.position).collect();
        let mut words = Vec::new();
        for (stem, asked) in self.asked.iter().enumerate().filter(|(_, asked)| asked.kind == Kind::Stem) {
            let of_word = |kind: Kind| self.asked.iter().find(|a| a.kind == kind && a.position == asked.position);
            let whole = (asked.part_of.is_none() && of_word(Kind::Acronym).is_none()).then(|| of_word(Kind::Exact));
            let Some(exact) = whole.flatten().filter(|_| !held.contains(&asked.position)) else { continue };
            if let Some(distance) = distance(text, &asked.span, &exact.term, language) {
                words.push(Misspelt { word: exact.term.clone(), span: asked.span.clone(), stem, distance });
            }
        }
        words.truncate(MOST_WORDS);
        words
    }
}

/// How many letters of a word may be wrong; `None` if it must not be replaced.
fn distance(text: &str, span: &Range<usize>, word: &str, language: Language) -> Option<u8> {
    let letters = word.chars().count();
    if letters < SHORTEST || !word.chars().all(char::is_alphabetic) {
        return None;
    }
    let by_length = if letters < LONG { 1 } else { 2 };
    let raw = text.get(span.clone())?;
    if !raw.starts_with(char::is_uppercase) {
        return Some(by_length);
    }
    let rest = (text.get(..span.start)?, text.get(span.end..)?);
    let lower = |text: &str| text.chars().any(char::is_lowercase);
    let begins = !rest.0.chars().any(char::is_alphanumeric);
    // A capital says nothing where sentences begin, nor of a German noun; a long word with one wrong letter is then
    // rather a slip than another name.
    let says_nothing = begins && lower(rest.1) || language == Language::German;
    (says_nothing && letters >= LONG && lower(raw)).then_some(1)
}

/// The words of a dictionary that are nearest to a misspelt one, the commonest first. `field` is that of exact forms: what
/// is found can be shown as it is.
///
/// # Errors
/// When the index cannot be read.
pub fn nearest(searcher: &Searcher, field: Field, misspelt: &Misspelt) -> tantivy::Result<Vec<String>> {
    let Misspelt { word, distance, .. } = misspelt;
    let found = nearest_terms(searcher, field, word, *distance, MOST_TERMS, |term| takes_the_place_of(term, word))?;
    Ok(found.into_iter().map(|(term, _)| term).collect())
}

/// Of the terms that `accepts` says may stand for `word`, the commonest of those with the fewest letters changed, each with
/// how many passages hold it. At most `looked_at` terms of each segment's dictionary are looked at for a distance.
///
/// # Errors
/// When the index cannot be read.
pub fn nearest_terms(
    searcher: &Searcher,
    field: Field,
    word: &str,
    most_distance: u8,
    looked_at: usize,
    accepts: impl Fn(&str) -> bool,
) -> tantivy::Result<Vec<(String, u64)>> {
    for distance in 1..=most_distance {
        let mut found: HashMap<String, u64> = HashMap::new();
        let automaton = FuzzyTermQuery::new(Term::from_field_text(field, word), distance, true).automaton()?;
        for reader in searcher.segment_readers() {
            let index = reader.inverted_index(field)?;
            let mut terms = index.terms().search(&automaton).into_stream()?;
            for _ in 0..looked_at {
                let Some((term, info)) = terms.next() else { break };
                let Ok(term) = std::str::from_utf8(term) else { continue };
                if accepts(term) {
                    *found.entry(term.to_owned()).or_default() += u64::from(info.doc_freq);
                }
            }
        }
        if !found.is_empty() {
            let mut found: Vec<(String, u64)> = found.into_iter().collect();
            found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            found.truncate(NEAREST);
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Whether a term is a word that may stand for another: letters alone, and the first letter, which is seldom the wrong
/// one, the same.
fn takes_the_place_of(term: &str, word: &str) -> bool {
    // An acronym's term is the only one with capitals.
    term.chars().next() == word.chars().next() && term.chars().all(|c| c.is_alphabetic() && !c.is_uppercase())
}
