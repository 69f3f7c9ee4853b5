//! Words as collections have them since the fourth format: see [`crate::analysis`].

use super::{MAX_WORDS, Word, Words};
use crate::Result;
use crate::analysis::near::{Correction, NEAR, nearest};
use crate::analysis::question::{Asked, Question};
use crate::analysis::{Analysis, Analyzer, Kind, Place};
use crate::local::snapshot::Snapshot;
use std::collections::{BTreeMap, HashSet};

impl Snapshot {
    /// The words of a question that the index can look for.
    pub(super) fn second_words(&self, text: &str) -> Result<Words> {
        let language = self.manifest.language;
        let mut question = Question::new(&mut Analyzer::new(language), text);
        let found = question.asked.iter().map(|asked| self.frequency(asked.place, &asked.term));
        let found = found.collect::<Result<Vec<u64>>>()?;
        let misspelt = question.misspelt(text, language, &found);
        let counts = misspelt.iter().map(|wrong| question.asked.get(wrong.stem).map_or(1.0, |asked| asked.weight));
        let counts: Vec<f32> = counts.collect();
        let rarest = rarest(&question, &found);
        // Weighing leaves stems that nothing holds in, for a near word may stand for them.
        let unheld: HashSet<String> = question
            .asked
            .iter()
            .zip(&found)
            .filter(|(asked, found)| asked.place == Place::Stems && **found == 0)
            .map(|(asked, _)| asked.term.clone())
            .collect();
        question.weigh(&found);
        let asked = |asked: &Asked| text.get(asked.span.clone()).unwrap_or_default().to_owned();
        let word = |of: &Asked| Word { asked: asked(of), term: of.term.clone(), place: of.place, weight: of.weight };
        let mut words = Words::default();
        words.reading.only_stop_words = question.only_stop_words;
        let is_rare =
            |of: &&Asked| of.kind == Kind::Title || rarest.as_ref().is_none_or(|all| all.contains(&of.position));
        let is_held = |of: &&Asked| of.place != Place::Stems || !unheld.contains(&of.term);
        words.words = question.asked.iter().filter(is_rare).filter(is_held).map(word).collect();
        let stem = |at: usize| question.asked.get(at).map(|asked| asked.term.clone());
        let pairs = question.pairs.iter().filter_map(|[a, b]| Some([stem(*a)?, stem(*b)?]));
        words.pairs = pairs.collect();
        words.pairs.sort_unstable();
        words.pairs.dedup();
        // Without the field of exact forms there is no second analysis.
        let Some(exact) = self.fields.exact.filter(|_| !misspelt.is_empty()) else { return Ok(words) };
        let mut tokenizer = Analysis::Second.tokenizer(language, Place::Stems);
        // What the question itself says comes before what a misspelling could mean; of two misspellings of one term the
        // one that is asked more often counts.
        let mut near_terms: BTreeMap<String, (f32, String)> = BTreeMap::new();
        for (wrong, count) in misspelt.iter().zip(counts) {
            let asked = text.get(wrong.span.clone()).unwrap_or_default().to_owned();
            for near in nearest(&self.searcher, exact, wrong).map_err(self.text_error())? {
                tokenizer.token_stream(&near).process(&mut |token| {
                    let kept = near_terms.entry(token.text.clone()).or_insert_with(|| (count, asked.clone()));
                    if count > kept.0 {
                        *kept = (count, asked.clone());
                    }
                });
                words.reading.corrections.push(Correction { word: asked.clone(), used: near });
            }
        }
        let said = |term: &String| words.words.iter().any(|word| word.place == Place::Stems && word.term == *term);
        near_terms.retain(|term, _| !said(term));
        let near = near_terms.into_iter().map(|(term, (count, asked))| {
            let weight = NEAR * count;
            Word { asked, term, place: Place::Stems, weight }
        });
        words.words.extend(near);
        Ok(words)
    }
}

/// The positions of the words that count in a question of very many: the others are as good as not there. `None` where
/// all count.
fn rarest(question: &Question, found: &[u64]) -> Option<HashSet<usize>> {
    let is_word = |asked: &Asked| matches!(asked.kind, Kind::Stem | Kind::Gram);
    let words = question.asked.iter().zip(found).filter(|(asked, found)| is_word(asked) && **found > 0);
    let mut words: Vec<(u64, usize)> = words.map(|(asked, found)| (*found, asked.position)).collect();
    if words.len() <= MAX_WORDS {
        return None;
    }
    words.sort_unstable();
    Some(words.into_iter().take(MAX_WORDS).map(|(_, position)| position).collect())
}
