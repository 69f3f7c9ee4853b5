//! Query analysis for collections of formats 1 to 3: stems in one field, without stop words.

use super::{AnalyzedQuery, MAX_QUERY_WORDS, WeightedTerm};
use crate::Result;
use crate::analysis::fuzzy::{Correction, FUZZY_BOOST, nearest_terms};
use crate::analysis::{AnalyzerVersion, TextField};
use crate::collection::QueryInterpretation;
use crate::local::snapshot::Snapshot;
use std::collections::{BTreeMap, HashMap};

/// Only the first unknown words of a query, up to this number, are fuzzy-matched: each costs an
/// automaton run over the dictionary of every segment.
const MAX_FUZZY_WORDS: usize = 8;

impl Snapshot {
    /// The terms of a query, by the v1 analyzer.
    pub(super) fn analyze_query_v1(&self, text: &str) -> Result<AnalyzedQuery> {
        let mut analyzer = AnalyzerVersion::V1.tokenizer(self.manifest.language, TextField::Stems);
        // In query order: the same query must always get the same scores.
        let mut stems: Vec<(String, f32)> = Vec::new();
        let mut indices: HashMap<String, usize> = HashMap::new();
        let mut pairs: Vec<[String; 2]> = Vec::new();
        let mut last: Option<(usize, String)> = None;
        analyzer.token_stream(text).process(&mut |token| {
            let index = *indices.entry(token.text.clone()).or_insert(stems.len());
            match stems.get_mut(index) {
                Some((_, count)) => *count += 1.0,
                None => stems.push((token.text.clone(), 1.0)),
            }
            if let Some((_, before)) = last
                .take()
                .filter(|(at, before)| at + 1 == token.position && *before != token.text)
            {
                pairs.push([before, token.text.clone()]);
            }
            last = Some((token.position, token.text.clone()));
        });
        // Terms with their document frequencies. A term of the query takes precedence over the same
        // term as a correction; of two corrections to one term the one with the higher weight
        // counts.
        let mut by_term: BTreeMap<String, (u64, WeightedTerm)> = BTreeMap::new();
        let (mut unknown, mut corrections) = (Vec::new(), Vec::new());
        for (stem, count) in stems {
            match self.doc_freq(TextField::Stems, &stem)? {
                0 => unknown.push((stem, count)),
                doc_freq => {
                    let term = WeightedTerm {
                        word: stem.clone(),
                        term: stem.clone(),
                        field: TextField::Stems,
                        weight: count,
                    };
                    by_term.insert(stem, (doc_freq, term));
                }
            }
        }
        for (stem, count) in unknown.into_iter().take(MAX_FUZZY_WORDS) {
            for (term, doc_freq) in self.fuzzy_expand(&stem)? {
                corrections.push(Correction {
                    word: stem.clone(),
                    used: term.clone(),
                });
                let corrected = WeightedTerm {
                    word: stem.clone(),
                    term: term.clone(),
                    field: TextField::Stems,
                    weight: count * FUZZY_BOOST,
                };
                match by_term.get(&term) {
                    Some((_, kept))
                        if kept.word == kept.term || kept.weight >= corrected.weight => {}
                    _ => {
                        by_term.insert(term, (doc_freq, corrected));
                    }
                }
            }
        }
        let mut terms: Vec<(u64, WeightedTerm)> = by_term.into_values().collect();
        // A stable sort keeps equally rare terms in alphabetical order: the order of summation
        // decides the last bits of a score.
        terms.sort_by_key(|(doc_freq, _)| *doc_freq);
        terms.truncate(MAX_QUERY_WORDS);
        let terms: Vec<WeightedTerm> = terms.into_iter().map(|(_, term)| term).collect();
        let kept = |stem: &String| terms.iter().any(|kept| kept.term == *stem);
        pairs.retain(|[a, b]| kept(a) && kept(b));
        pairs.sort_unstable();
        pairs.dedup();
        let interpretation = QueryInterpretation {
            corrections,
            only_stop_words: false,
        };
        Ok(AnalyzedQuery {
            terms,
            pairs,
            interpretation,
        })
    }

    /// The most frequent indexed terms within a small edit distance of a word that is not indexed,
    /// with their document frequencies.
    fn fuzzy_expand(&self, word: &str) -> Result<Vec<(String, u64)>> {
        let letters = word.chars().count();
        // In a short word or a number, another character makes another word.
        if letters < 4 || word.bytes().any(|b| b.is_ascii_digit()) {
            return Ok(Vec::new());
        }
        let distance = if letters < 8 { 1 } else { 2 };
        // Typos rarely change the first letter.
        let accepts = |term: &str| term.chars().next() == word.chars().next();
        nearest_terms(
            &self.searcher,
            self.fields.stems,
            word,
            distance,
            usize::MAX,
            accepts,
        )
        .map_err(self.text_error())
    }
}
