//! Query analysis for collections from format 4 on: see [`crate::analysis`].

use super::{AnalyzedQuery, MAX_QUERY_WORDS, WeightedTerm};
use crate::Result;
use crate::analysis::fuzzy::{Correction, FUZZY_BOOST, fuzzy_expand};
use crate::analysis::query::{ParsedQuery, QueryTerm};
use crate::analysis::{Analyzer, AnalyzerVersion, DocFreqs, TermKind, TextField};
use crate::local::snapshot::Snapshot;
use std::collections::{BTreeMap, HashSet};

impl Snapshot {
    /// The terms of a query, by the v2 analyzer.
    pub(super) fn analyze_query_v2(&self, text: &str) -> Result<AnalyzedQuery> {
        let language = self.manifest.language;
        let mut query = ParsedQuery::new(&mut Analyzer::new(language), text);
        let doc_freqs = query
            .terms
            .iter()
            .map(|term| self.doc_freq(term.field, &term.term));
        let doc_freqs = doc_freqs.collect::<Result<Vec<u64>>>()?;
        let unknown = query.unknown_words(text, language, &doc_freqs);
        let counts = unknown
            .iter()
            .map(|word| query.terms.get(word.stem).map_or(1.0, |term| term.weight));
        let counts: Vec<f32> = counts.collect();
        let rarest = rarest_positions(&query, &doc_freqs);
        // Weighing keeps stems without documents, as their corrections need them.
        let unmatched: HashSet<String> = query
            .terms
            .iter()
            .zip(&doc_freqs)
            .filter(|(term, doc_freq)| term.field == TextField::Stems && **doc_freq == 0)
            .map(|(term, _)| term.term.clone())
            .collect();
        query.weigh(DocFreqs::Known(&doc_freqs));
        let weighted = |term: &QueryTerm| WeightedTerm {
            word: text.get(term.span.clone()).unwrap_or_default().to_owned(),
            term: term.term.clone(),
            field: term.field,
            weight: term.weight,
        };
        let mut analyzed = AnalyzedQuery::default();
        analyzed.interpretation.only_stop_words = query.only_stop_words;
        let is_rare = |term: &&QueryTerm| {
            term.kind == TermKind::Title
                || rarest
                    .as_ref()
                    .is_none_or(|all| all.contains(&term.position))
        };
        let is_matched =
            |term: &&QueryTerm| term.field != TextField::Stems || !unmatched.contains(&term.term);
        analyzed.terms = query
            .terms
            .iter()
            .filter(is_rare)
            .filter(is_matched)
            .map(weighted)
            .collect();
        let stem = |at: usize| query.terms.get(at).map(|term| term.term.clone());
        let pairs = query
            .pairs
            .iter()
            .filter_map(|[a, b]| Some([stem(*a)?, stem(*b)?]));
        analyzed.pairs = pairs.collect();
        analyzed.pairs.sort_unstable();
        analyzed.pairs.dedup();
        // Collections without the `exact` field have the v1 analyzer, so it is always there.
        let Some(exact) = self.fields.words.filter(|_| !unknown.is_empty()) else {
            return Ok(analyzed);
        };
        let mut tokenizer = AnalyzerVersion::V2.tokenizer(language, TextField::Stems);
        // A term of the query takes precedence over the same term as a correction; of two
        // corrections to one term the word that the query has more often counts.
        let mut corrected: BTreeMap<String, (f32, String)> = BTreeMap::new();
        for (unknown, count) in unknown.iter().zip(counts) {
            let word = text
                .get(unknown.span.clone())
                .unwrap_or_default()
                .to_owned();
            for replacement in
                fuzzy_expand(&self.searcher, exact, unknown).map_err(self.text_error())?
            {
                tokenizer.token_stream(&replacement).process(&mut |token| {
                    let kept = corrected
                        .entry(token.text.clone())
                        .or_insert_with(|| (count, word.clone()));
                    if count > kept.0 {
                        *kept = (count, word.clone());
                    }
                });
                analyzed.interpretation.corrections.push(Correction {
                    word: word.clone(),
                    used: replacement,
                });
            }
        }
        let in_query = |stem: &String| {
            analyzed
                .terms
                .iter()
                .any(|term| term.field == TextField::Stems && term.term == *stem)
        };
        corrected.retain(|stem, _| !in_query(stem));
        let corrected = corrected.into_iter().map(|(term, (count, word))| {
            let weight = FUZZY_BOOST * count;
            WeightedTerm {
                word,
                term,
                field: TextField::Stems,
                weight,
            }
        });
        analyzed.terms.extend(corrected);
        Ok(analyzed)
    }
}

/// The positions of the rarest words of a very long query, the only ones that are searched for.
/// `None` if the query is not that long.
fn rarest_positions(query: &ParsedQuery, doc_freqs: &[u64]) -> Option<HashSet<usize>> {
    let is_word = |term: &QueryTerm| matches!(term.kind, TermKind::Stem | TermKind::Bigram);
    let words = query
        .terms
        .iter()
        .zip(doc_freqs)
        .filter(|(term, doc_freq)| is_word(term) && **doc_freq > 0);
    let mut words: Vec<(u64, usize)> = words
        .map(|(term, doc_freq)| (*doc_freq, term.position))
        .collect();
    if words.len() <= MAX_QUERY_WORDS {
        return None;
    }
    words.sort_unstable();
    Some(
        words
            .into_iter()
            .take(MAX_QUERY_WORDS)
            .map(|(_, position)| position)
            .collect(),
    )
}
